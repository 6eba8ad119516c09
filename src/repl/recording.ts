import { type WriteStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import type { Device } from '../vfio/device.js';
import { VfioError } from '../vfio/errors.js';
import type { JournalEntry } from '../vfio/journal.js';
import { entryText } from './journal-text.js';

/** Accesses of one command that are written out; the rest is counted. */
const MOST_COMMENTS = 64;

const running = new WeakMap<Device, Recording>();

/** The recording of what is done to `device`, if there is one. */
export function recordingOf(device: Device): Recording | undefined {
  return running.get(device);
}

/**
 * Writes the commands that are run on a device as a script: each line with what it did as comments above it, so that the file explains
 * itself and can be run again. A command is written when the next one begins, or when the recording stops.
 */
export class Recording {
  readonly path: string;
  readonly #device: Device;
  readonly #out: WriteStream;
  readonly #leave: () => void;
  #line: string | undefined;
  #comments: string[] = [];
  #more = 0;
  commands = 0;

  private constructor(device: Device, path: string, out: WriteStream) {
    this.path = path;
    this.#device = device;
    this.#out = out;
    this.#leave = device.journal.follow((entry) => this.#take(entry));
    running.set(device, this);
    device.beforeClose(() => void this.stop());
  }

  /** Begins a recording; rejects with VfioError where the file cannot be written. */
  static async start(device: Device, path: string, note?: string): Promise<Recording> {
    const out = createWriteStream(path, { flags: 'w' });
    try {
      await once(out, 'open');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
      throw new VfioError({
        kind: 'kernel',
        operation: `record to ${path}`,
        errno: code,
        why: 'the file cannot be written',
      });
    }
    out.write(`# Recorded by vfiodbg on ${device.name} (${device.via}), ${new Date().toISOString()}\n`);
    if (note !== undefined) out.write(`# ${note.replaceAll('\n', ' ')}\n`);
    return new Recording(device, path, out);
  }

  /** Writes what is left and ends the file. */
  async stop(): Promise<void> {
    if (running.get(this.#device) !== this) return;
    running.delete(this.#device);
    this.#leave();
    this.#flush();
    await new Promise<void>((resolve) => {
      this.#out.end(resolve);
    });
  }

  #take(entry: JournalEntry): void {
    if (entry.kind === 'command') {
      this.#flush();
      // The command that ends the recording is no part of it.
      if (!/^record\b/.test(entry.text)) this.#line = entry.text;
      return;
    }
    if (this.#comments.length < MOST_COMMENTS) this.#comments.push(entryText(entry));
    else this.#more += 1;
  }

  #flush(): void {
    const comments = this.#more > 0 ? [...this.#comments, `and ${this.#more} more`] : this.#comments;
    this.#comments = [];
    this.#more = 0;
    for (const comment of comments) this.#out.write(`# ${comment.replaceAll('\n', ' ')}\n`);
    if (this.#line === undefined) return;
    this.#out.write(`${this.#line}\n`);
    this.commands += 1;
    this.#line = undefined;
  }
}
