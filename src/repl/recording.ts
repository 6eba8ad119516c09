import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { Device } from '../vfio/device.js';
import type { JournalEntry } from '../vfio/journal.js';
import { escape } from '../views/escape.js';
import { fileError } from './file-error.js';
import { entryText } from './journal-text.js';
import type { Session } from './session.js';

/** Accesses of one command that are written out; the rest is counted. */
const MOST_COMMENTS = 64;

const { O_CREAT, O_NONBLOCK, O_TRUNC, O_WRONLY } = constants;

/** What is of no use when the script is run, or would end it. */
const leftOut = /^(?:record|quit)\b/;

const running = new WeakMap<Device, Recording>();

/** The recording of what is done to `device`, if there is one. */
export function recordingOf(device: Device): Recording | undefined {
  return running.get(device);
}

/**
 * Writes the commands that are run on a device as a script: each line with what it did as comments above it, so that the file explains
 * itself and can be run again. A command that failed is a comment itself. What a script does that is run stands as comments of the line that
 * ran it. A command is written, at once, when the next one begins or the recording stops: a machine that hangs takes one line along.
 */
export class Recording {
  readonly path: string;
  readonly #device: Device;
  readonly #session: Session;
  readonly #leave: () => void;
  /** How deep in scripts and blocks the recording was begun: commands further in are not its own. */
  readonly #depth: number;
  #fd: number | undefined;
  #line: string | undefined;
  #failed = false;
  #comments: string[] = [];
  #more = 0;
  commands = 0;
  readonly #noteFailure = (): void => {
    if (this.#session.device === this.#device && this.#session.depth <= this.#depth) this.#failed = true;
  };

  private constructor(session: Session, device: Device, path: string, fd: number) {
    this.path = path;
    this.#device = device;
    this.#session = session;
    this.#depth = session.depth;
    this.#fd = fd;
    this.#leave = device.journal.follow((entry) => this.#take(entry));
    session.failureListeners.add(this.#noteFailure);
    running.set(device, this);
    device.beforeClose(() => this.stop());
  }

  /** Begins a recording; throws VfioError where the file cannot be written. */
  static start(session: Session, device: Device, path: string, note?: string): Recording {
    let fd: number | undefined;
    try {
      // A pipe without a reader is refused then, and not waited for.
      fd = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0o666);
      writeSync(fd, headOf(session, device, note));
      return new Recording(session, device, path, fd);
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      throw fileError('record to', path, error);
    }
  }

  /** Writes what is left and ends the file. */
  stop(): void {
    if (running.get(this.#device) !== this) return;
    this.#flush();
    this.#end();
  }

  #end(): void {
    running.delete(this.#device);
    this.#session.failureListeners.delete(this.#noteFailure);
    this.#leave();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #take(entry: JournalEntry): void {
    if (entry.kind === 'command') {
      if (this.#session.depth > this.#depth) return;
      this.#flush();
      if (!leftOut.test(entry.text)) this.#line = entry.text;
      return;
    }
    if (this.#comments.length < MOST_COMMENTS) this.#comments.push(entryText(entry));
    else this.#more += 1;
  }

  #flush(): void {
    const comments = this.#more > 0 ? [...this.#comments, `and ${this.#more} more`] : this.#comments;
    this.#comments = [];
    this.#more = 0;
    let text = comments.map((comment) => `# ${escape(comment)}\n`).join('');
    if (this.#line !== undefined) {
      text += this.#failed ? `# failed: ${this.#line}\n` : `${this.#line}\n`;
      this.commands += 1;
    }
    this.#line = undefined;
    this.#failed = false;
    this.#write(text);
  }

  /** A file that takes no more ends the recording, and nothing else. */
  #write(text: string): void {
    if (this.#fd === undefined || text === '') return;
    try {
      const bytes = Buffer.from(text);
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      this.#end();
      const { errno, why } = fileError('record to', this.path, error).details;
      this.#session.output.notice(
        `the recording to ${this.path} ended: ${errno === undefined ? '' : `${errno}: `}${why}`,
      );
    }
  }
}

/** What it is a recording of, and what its lines count on: variables that were set before, and the space of offsets without one. */
function headOf(session: Session, device: Device, note: string | undefined): string {
  const lines = [`# Recorded by vfiodbg on ${escape(device.name)} (${device.via}), ${new Date().toISOString()}`];
  if (note !== undefined) lines.push(`# ${escape(note)}`);
  for (const [name, value] of session.variables) lines.push(`$${name} = 0x${value.toString(16)}`);
  const home = session.defaultSpace;
  if (home !== undefined && home !== device.spaces[0]) lines.push(`use ${home.name}`);
  return `${lines.join('\n')}\n`;
}
