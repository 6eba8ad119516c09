import { spawn } from '@lydell/node-pty';
import { toolPath } from './tool.js';

const PATIENCE_MS = 60_000;

/** A vfiodbg at a terminal. */
export class Terminal {
  readonly ended: Promise<number>;
  readonly #terminal;
  #screen = '';
  #look: () => void = () => undefined;

  constructor(...args: readonly string[]) {
    this.#terminal = spawn(process.execPath, [toolPath, ...args], { cols: 80, rows: 24 });
    this.#terminal.onData((text) => {
      this.#screen += text;
      this.#look();
    });
    this.ended = new Promise((done) => this.#terminal.onExit(({ exitCode }) => done(exitCode)));
  }

  type(keys: string): void {
    this.#terminal.write(keys);
  }

  /** Types, and waits until what is shown from then on matches. */
  async answers(keys: string, wanted: RegExp): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    if (keys !== '') this.#screen = '';
    const shown = new Promise<void>((done, fail) => {
      this.#look = () => {
        if (wanted.test(this.#screen)) done();
      };
      timer = setTimeout(() => {
        this.#terminal.kill('SIGKILL');
        fail(new Error(`${JSON.stringify(keys)} showed ${JSON.stringify(this.#screen)}, not ${String(wanted)}`));
      }, PATIENCE_MS);
    });
    this.type(keys);
    this.#look();
    try {
      await shown;
    } finally {
      clearTimeout(timer);
    }
  }
}
