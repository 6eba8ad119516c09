import { Duplex } from 'node:stream';

/** The size of a terminal that does not know its own, as behind a serial line. */
const CUSTOMARY = { columns: 80, rows: 24 };

/** Characters of stray text that are kept until they can be shown: a loop that prints keeps everything else waiting. */
const MOST_STRAY = 65_536;

type Write = NodeJS.WriteStream['write'];

/**
 * The process's terminal for the screen alone: whatever else writes to standard output or standard error while that has it (the user's
 * console.log, a warning of Node's) would stand anywhere on the picture, and goes to `stray` instead. Standard error that is no terminal
 * is left alone.
 */
export class OwnTerminal extends Duplex {
  readonly isTTY = true;
  readonly #write: Write;
  readonly #restore: (() => void)[] = [];
  readonly #resized = (): boolean => this.emit('resize');

  readonly #stray: (text: string) => void;
  #gathered = '';

  constructor(stray: (text: string) => void) {
    // A terminal takes what is written at once: nothing is to be kept back for a drain.
    super({ decodeStrings: false, highWaterMark: 2 ** 30 });
    this.#stray = stray;
    const { stdout, stderr } = process;
    this.#write = stdout.write.bind(stdout);
    for (const stream of stderr.isTTY ? [stdout, stderr] : [stdout]) {
      const before = Object.getOwnPropertyDescriptor(stream, 'write');
      stream.write = this.#divert;
      this.#restore.push(() => {
        if (before === undefined) Reflect.deleteProperty(stream, 'write');
        else Object.defineProperty(stream, 'write', before);
      });
    }
    stdout.on('resize', this.#resized);
  }

  get columns(): number {
    return process.stdout.columns || CUSTOMARY.columns;
  }

  get rows(): number {
    return process.stdout.rows || CUSTOMARY.rows;
  }

  override _read(): void {}

  override _write(chunk: string | Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.#write(chunk);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    process.stdout.off('resize', this.#resized);
    for (const restore of this.#restore.splice(0)) restore();
    done(error);
  }

  /** Without the state of a stream, which the user's loop that is cut off anywhere would leave in disorder. */
  readonly #divert: Write = (
    chunk: string | Uint8Array,
    encoding?: BufferEncoding | ((error?: Error | null) => void),
    done?: (error?: Error | null) => void,
  ): boolean => {
    if (this.#gathered === '') setImmediate(() => this.#showStray());
    const all = this.#gathered + (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
    this.#gathered = all.length > MOST_STRAY ? all.slice(-MOST_STRAY) : all;
    const call = typeof encoding === 'function' ? encoding : done;
    if (call) setImmediate(call);
    return true;
  };

  #showStray(): void {
    const text = this.#gathered;
    this.#gathered = '';
    if (text !== '') this.#stray(text);
  }
}
