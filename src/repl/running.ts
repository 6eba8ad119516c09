import type { Device } from '../vfio/device.js';
import type { Space } from '../vfio/space.js';
import type { View } from '../views/view.js';
import type { Context } from './command.js';
import { Interrupted, UnknownInDryRun } from './interrupted.js';
import type { Session } from './session.js';

/** A command says nothing of its progress before it has run for this long, and then this often; in milliseconds. */
const FIRST_PROGRESS = 1000;
const NEXT_PROGRESS = 100;
/** What is live is drawn again after this, in milliseconds. */
const NEXT_VIEW = 50;

/** The running command: what its handler works with. Its parts are made when they are first asked for. */
export class Running implements Context {
  readonly session: Session;
  readonly dryRun: boolean;
  /** When it first had something to say of its progress: asking for the time costs more than a command may. */
  #started: number | undefined;
  #spoke = 0;
  #drew: number | undefined;
  #controller: AbortController | undefined;
  #interrupted = false;

  constructor(session: Session, dryRun: boolean) {
    this.session = session;
    this.dryRun = dryRun;
  }

  get device(): Device {
    const { device } = this.session;
    if (device === undefined) throw new Error('the command did not declare that it needs a device');
    return device;
  }

  space(name: string): Space | undefined {
    return this.session.space(name);
  }

  needValues(): void {
    if (this.dryRun) throw new UnknownInDryRun();
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#interrupted) this.#controller.abort(new Interrupted());
    }
    return this.#controller.signal;
  }

  get interrupted(): boolean {
    return this.#interrupted;
  }

  interrupt(): void {
    this.#interrupted = true;
    this.#controller?.abort(new Interrupted());
  }

  async breathe(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    if (this.#interrupted) throw new Interrupted();
  }

  progress(text: string): void {
    const now = performance.now();
    this.#started ??= now;
    if (now - this.#started < FIRST_PROGRESS || now - this.#spoke < NEXT_PROGRESS) return;
    this.#spoke = now;
    this.session.output.progress(text);
  }

  live(make: () => View): void {
    const now = performance.now();
    if (this.#drew !== undefined && now - this.#drew < NEXT_VIEW) return;
    this.#drew = now;
    this.session.output.live(make);
  }

  /** Takes the progress line, and what was live, away again. */
  finish(): void {
    if (this.#spoke > 0) this.session.output.progress(undefined);
    if (this.#drew !== undefined) this.session.output.live(undefined);
  }
}
