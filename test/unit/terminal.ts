import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type IPty, spawn } from '@lydell/node-pty';

const main = fileURLToPath(new URL('../../src/repl/main.js', import.meta.url));
/** Where terminals have their homes, and work. */
export const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-terminal-'));
const terminals: Terminal[] = [];
after(() => {
  for (const terminal of terminals) terminal.kill();
  rmSync(folder, { recursive: true });
});

export const prompt = 'sim:edu region0> ';
// oxlint-disable-next-line no-control-regex
const controls = /\u001b\[[0-9;?]*[A-Za-z]/g;

interface Look {
  /** 0 for a terminal that does not know its size. */
  readonly columns?: number;
  readonly rows?: number;
  /** What differs in the environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A prompt on a terminal of its own, with a home of its own. */
export class Terminal {
  readonly home: string;
  readonly #pty: IPty & { destroy(): void };
  readonly #exit: Promise<number>;
  /** The number of the signal that ended it, 0 for none. */
  signal = 0;
  #seen = '';
  #wake: (() => void) | undefined;

  constructor(
    args: readonly string[] = ['sim:edu'],
    home = join(folder, `home${terminals.length}`),
    { columns = 80, rows = 24, env: different = {} }: Look = {},
  ) {
    terminals.push(this);
    mkdirSync(home, { recursive: true });
    this.home = home;
    const all = { ...process.env, HOME: home, NO_COLOR: '1', TERM: 'xterm-256color', ...different };
    const env = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
    const command = [process.execPath, main, ...args];
    const unsized = columns === 0 ? ['/bin/sh', '-c', 'stty cols 0 rows 0; exec "$@"', 'sh'] : [];
    const [file = '', ...rest] = [...unsized, ...command];
    this.#pty = spawn(file, rest, { cols: columns === 0 ? 80 : columns, rows, env, cwd: folder }) as IPty & {
      destroy(): void;
    };
    this.#exit = new Promise((resolve) => {
      this.#pty.onExit(({ exitCode, signal }) => {
        this.signal = signal ?? 0;
        resolve(exitCode);
      });
    });
    this.#pty.onData((data) => {
      this.#seen += data;
      this.#wake?.();
    });
  }

  /** What came, up to and with `text`, taken; a missing `text` is told with what came in its stead. */
  async until(text: string): Promise<string> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const plain = this.#seen.replace(controls, '');
      const at = plain.indexOf(text);
      if (at >= 0) {
        this.#seen = plain.slice(at + text.length);
        return plain.slice(0, at + text.length);
      }
      const left = deadline - Date.now();
      assert.ok(left > 0, `${JSON.stringify(text)} did not come, but ${JSON.stringify(plain)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** What is there that nobody has taken, control sequences included. */
  get raw(): string {
    return this.#seen;
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.#pty.resize(columns, rows);
  }

  /** Types a line and takes everything up to the next prompt. */
  async enter(line: string, next = prompt): Promise<string> {
    this.type(`${line}\r`);
    await this.until(line);
    return (await this.until(next)).slice(0, -next.length).trim();
  }

  /** Leaves by Ctrl-D. @returns the exit code. */
  async leave(): Promise<number> {
    this.type('\u0004');
    return this.#exit;
  }

  /** Takes the terminal away, as closing its window does. */
  async hangUp(): Promise<void> {
    this.#pty.destroy();
    await this.#exit;
  }

  /** Ends it where a test that failed has left it. */
  kill(signal = 'SIGKILL'): void {
    this.#pty.kill(signal);
  }

  get exit(): Promise<number> {
    return this.#exit;
  }
}

/** A terminal at its first prompt. */
export async function opened(
  args?: readonly string[],
  home?: string,
  look?: Look,
  first: string = prompt,
): Promise<Terminal> {
  const terminal = new Terminal(args, home, look);
  await terminal.until(first);
  return terminal;
}
