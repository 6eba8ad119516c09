import { PassThrough } from 'node:stream';
import { commandModules } from '../../src/repl/commands/index.js';
import type { Output } from '../../src/repl/output.js';
import { Registry } from '../../src/repl/registry.js';
import { failureText } from '../../src/repl/report.js';
import { Session } from '../../src/repl/session.js';
import { Dashboard } from '../../src/repl/tui/dashboard.js';

/** A full screen without a terminal: keys are written to it, and what stands on it can be read. */
export class HeadlessScreen {
  readonly session: Session;
  readonly dashboard: Dashboard;
  readonly #input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => this.#input });
  readonly #output: PassThrough & { columns: number; rows: number };
  #instead: Output | undefined;
  #done: Promise<void> = Promise.resolve();
  /** What was written to the terminal, since it was last taken. */
  #written = '';

  private constructor(columns: number, rows: number, mouse: boolean) {
    const stream = new PassThrough();
    stream.on('data', (bytes: Buffer) => {
      this.#written += bytes.toString();
    });
    this.#output = Object.assign(stream, { columns, rows, isTTY: true });
    this.session = new Session(new Registry(commandModules), {
      show: (view, json) => this.#instead?.show(view, json),
      flush: () => this.#instead?.flush(),
      notice: (text) => this.#instead?.notice(text),
      live: (make) => this.#instead?.live(make),
      progress: (text) => this.#instead?.progress(text),
    });
    this.dashboard = new Dashboard(this.session, {
      input: this.#input,
      output: this.#output,
      colour: false,
      mouse,
      history: false,
      failureText: (error) => failureText(error, { json: false, colour: false }),
    });
    this.#instead = this.dashboard.output;
  }

  static async open(
    device: string | undefined,
    columns: number,
    rows: number,
    { mouse } = { mouse: false },
  ): Promise<HeadlessScreen> {
    const screen = new HeadlessScreen(columns, rows, mouse);
    if (device !== undefined) await screen.session.open(device);
    screen.#done = screen.dashboard.run();
    return screen;
  }

  press(keys: string): void {
    this.#input.write(keys);
  }

  resize(columns: number, rows: number): void {
    Object.assign(this.#output, { columns, rows });
    this.#output.emit('resize');
  }

  get text(): string {
    return `${this.dashboard.picture.join('\n')}\n`;
  }

  takeWritten(): string {
    const written = this.#written;
    this.#written = '';
    return written;
  }

  /** Waits until `found` is true of the screen; throws with what stands there where that does not come. */
  async until(found: (text: string) => boolean): Promise<string> {
    for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
      if (found(this.text)) return this.text;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`it did not come to that; the screen is\n${this.text}`);
  }

  /** Types a line at the prompt, and waits until the prompt is back. */
  async enter(line: string): Promise<void> {
    this.press(`${line}\r`);
    await this.until((text) => text.includes(line) && /> *│/.test(text.slice(text.lastIndexOf(line) + line.length)));
  }

  /** Resolves when the user has left. */
  get left(): Promise<void> {
    return this.#done;
  }

  close(): void {
    this.dashboard.close();
    this.session.closeAll();
  }
}
