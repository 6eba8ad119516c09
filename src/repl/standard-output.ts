import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { VfioError } from '../vfio/errors.js';
import { escape } from '../views/escape.js';
import type { View } from '../views/view.js';
import { plain, plainPieces } from '../views/sinks/plain.js';
import { LiveArea } from './live-area.js';
import type { Output, PromptOutput } from './output.js';

/** Characters that are gathered before they are written: a script's answers are many and short. */
const MOST_GATHERED = 65536;

export interface Style {
  /** Colours on this terminal. */
  readonly colour: boolean;
  /** Columns of the terminal; Infinity where there is none. */
  readonly columns: number;
  /** Whoever reads it takes lines of JSON, events among them. */
  readonly json: boolean;
}

/** Whether colours are wanted on descriptor `fd`, where nobody says so: on a terminal, without NO_COLOR. */
export function wantsColour(fd: number): boolean {
  const { NO_COLOR, TERM } = process.env;
  return (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb' && isatty(fd);
}

/** The size of a terminal that does not know its own, as behind a serial line. */
const CUSTOMARY_COLUMNS = 80;
const CUSTOMARY_ROWS = 24;

/** Columns of the terminal behind `stream`; Infinity where there is none. */
export function columnsOf(stream: { readonly isTTY?: boolean; readonly columns?: number }): number {
  if (stream.isTTY !== true) return Infinity;
  const { columns = 0 } = stream;
  return columns > 0 ? columns : CUSTOMARY_COLUMNS;
}

/** Rows of the terminal behind `stream`, where it knows them. */
function rowsOf(stream: NodeJS.WriteStream): number {
  return stream.rows > 0 ? stream.rows : CUSTOMARY_ROWS;
}

/** Writes text to a descriptor: at once to files and devices, through Node's stream to whatever may make us wait. */
export class Writer {
  readonly #fd: 1 | 2;
  readonly #direct: boolean;
  readonly #broken: (error: Error) => void;
  #stream: NodeJS.WriteStream | undefined;
  #gathered = '';
  /** What is gathered will be written when the event loop has its turn. */
  #scheduled = false;
  /** Why that went wrong, for whoever writes next. */
  #failure: unknown;

  /** `broken` is told when nothing more can be written, such as after EPIPE. */
  constructor(fd: 1 | 2, broken: (error: Error) => void) {
    this.#fd = fd;
    this.#direct = isDirect(fd);
    this.#broken = broken;
  }

  push(text: string): void | Promise<void> {
    this.#gathered += text;
    if (this.#gathered.length >= MOST_GATHERED) return this.flush();
    if (this.#scheduled) return;
    if (this.#stream !== undefined && this.#stream.writableLength > MOST_GATHERED) return this.flush();
    this.#schedule();
  }

  /** A command that goes on and on is read as it comes, however little it has to say. */
  #schedule(): void {
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      try {
        void this.flush();
      } catch (error) {
        this.#failure = error;
      }
    });
  }

  flush(): void | Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const text = this.#gathered;
    if (text === '') return;
    this.#gathered = '';
    if (this.#direct) {
      this.#writeNow(Buffer.from(text));
      return;
    }
    const stream = this.#open();
    return new Promise((resolve) => {
      stream.write(text, () => resolve());
    });
  }

  #open(): NodeJS.WriteStream {
    if (this.#stream === undefined) {
      this.#stream = this.#fd === 1 ? process.stdout : process.stderr;
      this.#stream.on('error', this.#broken);
    }
    return this.#stream;
  }

  #writeNow(bytes: Buffer): void {
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      const errno = error instanceof Error && 'code' in error ? String(error.code) : 'error';
      throw new VfioError({
        kind: 'kernel',
        operation: 'write the answer',
        errno,
        why: errno === 'ENOSPC' ? 'no space left where standard output goes' : 'standard output takes no more',
      });
    }
  }
}

function isDirect(fd: number): boolean {
  try {
    const kind = fstatSync(fd);
    return kind.isFile() || (kind.isCharacterDevice() && !isatty(fd));
  } catch {
    return false;
  }
}

/** Answers on standard output, events and progress on standard error. */
export class StandardOutput implements PromptOutput {
  readonly #out: Writer;
  readonly #style: () => Style;
  /** A line of progress stands on the terminal. */
  #progress = false;
  readonly #live = new LiveArea();
  /** What is live is on its way to the terminal, or what draws it is being loaded. */
  #drawing = false;
  /** How often it was taken away: what is on its way then comes too late. */
  #erased = 0;
  /** Takes the events over: the prompt shows them above its line. */
  announce: ((text: string) => void) | undefined;
  /** Shows everything in its place: the full screen, to which the terminal belongs meanwhile. */
  instead: Output | undefined;

  constructor(style: () => Style, broken: (error: Error) => void) {
    this.#out = new Writer(1, broken);
    this.#style = style;
  }

  show(view: View, json: boolean): void | Promise<void> {
    if (this.instead) return this.instead.show(view, json);
    if (this.#progress) this.progress(undefined);
    if (this.#live.drawn) this.live(undefined);
    if (json) return this.#showJson(view);
    const { colour, columns } = this.#style();
    if (colour) return this.#showColour(view, columns);
    if (view.kind === 'read' || view.kind === 'write') return this.#out.push(plain(view, columns));
    return this.#pieces(plainPieces(view, columns));
  }

  flush(): void | Promise<void> {
    return this.#out.flush();
  }

  notice(text: string): void {
    if (this.instead) {
      this.instead.notice(text);
      return;
    }
    if (this.#progress) this.progress(undefined);
    if (this.#live.drawn) this.live(undefined);
    if (this.announce) {
      this.announce(text);
      return;
    }
    void this.#out.flush();
    // Like the errors there: {"notice": ...}.
    const shown = this.#style().json
      ? `${JSON.stringify({ notice: escape(text) })}\n`
      : plain({ kind: 'text', prose: true, lines: [text] }, columnsOf(process.stderr));
    process.stderr.write(shown);
  }

  live(make: (() => View) | undefined): void {
    if (this.instead) {
      this.instead.live(make);
      return;
    }
    if (make === undefined) {
      this.#erased += 1;
      void this.#out.push(this.#live.erase());
      void this.#out.flush();
      return;
    }
    const { columns, json } = this.#style();
    // A terminal that takes no control sequences shows what there is at the end, as a file does.
    if (json || columns === Infinity || process.env['TERM'] === 'dumb' || this.#drawing) return;
    void this.#draw(make);
  }

  /** Draws what is live; a terminal that is slower than that misses some of it. */
  async #draw(make: () => View): Promise<void> {
    this.#drawing = true;
    const erased = this.#erased;
    try {
      const { colour, columns } = this.#style();
      const sink = colour ? (await import('../views/sinks/ansi.js')).ansi : plain;
      if (erased !== this.#erased) return;
      await this.#out.push(this.#live.draw(make(), sink, { columns, rows: rowsOf(process.stdout) }));
      await this.#out.flush();
    } finally {
      this.#drawing = false;
    }
  }

  progress(text: string | undefined): void {
    if (this.instead) {
      this.instead.progress(text);
      return;
    }
    if (!isatty(2)) return;
    this.#progress = text !== undefined;
    process.stderr.write(text === undefined ? '\r\u001b[K' : `\r\u001b[K${escape(text)}`);
  }

  async #showJson(view: View): Promise<void> {
    const { json } = await import('../views/sinks/json.js');
    await this.#out.push(json(view));
  }

  async #showColour(view: View, columns: number): Promise<void> {
    const { ansiPieces } = await import('../views/sinks/ansi.js');
    await this.#pieces(ansiPieces(view, columns));
  }

  #pieces(pieces: Generator<string>): void | Promise<void> {
    for (let piece = pieces.next(); piece.done !== true; piece = pieces.next()) {
      const waiting = this.#out.push(piece.value);
      if (waiting) return waiting.then(() => this.#pieces(pieces));
    }
  }
}
