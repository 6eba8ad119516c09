import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildFolder } from '../project.js';

/** How long one step of the tool may take. Guests are slow, and slower on a machine under load. */
const PATIENCE_MS = 60_000;

/** The tool as it is installed: in few files, which matters where a processor is emulated. */
export const toolPath = join(buildFolder, 'bundle/main.js');
if (!existsSync(toolPath)) throw new Error(`${toolPath} is missing: npm run build makes it`);

/** What became of a run. */
export interface Ran {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  /** What Node itself is given, before the program: ['--import', FILE]. */
  readonly node?: readonly string[];
  /** Added to this process's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A vfiodbg process in the guest: the built tool, as a user runs it. */
export class Tool {
  stdout = '';
  stderr = '';
  readonly #args: readonly string[];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<number | null>;
  #over = false;
  /** Looks again whenever something was printed, and at the end. */
  #look: () => void = () => undefined;

  constructor(args: readonly string[], { node = [], env = {} }: Surroundings = {}) {
    this.#args = args;
    this.#child = spawn(process.execPath, [...node, toolPath, ...args], { env: { ...process.env, ...env } });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#look();
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#look();
    });
    // The tool may end before it has read all that was typed.
    this.#child.stdin.on('error', () => undefined);
    this.#closed = new Promise((done) => {
      this.#child.once('close', (code) => {
        this.#over = true;
        this.#look();
        done(code);
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  signal(name: 'SIGCONT' | 'SIGKILL'): void {
    this.#child.kill(name);
  }

  type(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Resolves when what was printed on `stream` matches. */
  async printed(stream: 'stdout' | 'stderr', wanted: RegExp): Promise<void> {
    const outcome = new Promise<void>((done, fail) => {
      this.#look = () => {
        if (wanted.test(this[stream])) done();
        else if (this.#over) fail(new Error(this.#account(`it ended without ${String(wanted)} on ${stream}`)));
      };
    });
    this.#look();
    await this.#inTime(outcome, `no ${String(wanted)} on ${stream}`);
  }

  /** Closes standard input and waits for the end. At the prompt that interrupts what is being done. */
  async ended(): Promise<Ran> {
    this.#child.stdin.end();
    return this.left();
  }

  /** Waits for the end. */
  async left(): Promise<Ran> {
    const code = await this.#inTime(this.#closed, 'no end');
    return { code, stdout: this.stdout, stderr: this.stderr };
  }

  /** Ends it, however it is. */
  [Symbol.dispose](): void {
    if (!this.#over) this.#child.kill('SIGKILL');
  }

  async #inTime<T>(work: Promise<T>, complaint: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(() => {
        fail(new Error(this.#account(`${complaint} after ${PATIENCE_MS / 1000} s`)));
      }, PATIENCE_MS);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #account(what: string): string {
    return `vfiodbg ${this.#args.join(' ')}: ${what}\n--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`;
  }
}

/** Runs vfiodbg to its end. */
export async function vfiodbg(...args: readonly string[]): Promise<Ran> {
  using tool = new Tool(args);
  return await tool.ended();
}
