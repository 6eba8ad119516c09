import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { Device } from '../vfio/device.js';
import type { JournalEntry } from '../vfio/journal.js';
import { escape } from '../views/escape.js';
import { fileError } from './file-error.js';
import { entryText } from './journal-text.js';
import { stepMark, stepText } from './recorded-step.js';
import { failedMark, recordingHead, recordingVersion } from './recording-reader.js';
import type { Session } from './session.js';
import { StepCollector } from './step-collector.js';

/** What is no access, of one command, that is written out; the rest is counted. */
const MOST_COMMENTS = 64;
/** Characters that are gathered before they are written, in the middle of a command. */
const MOST_GATHERED = 65_536;

const { O_CREAT, O_NONBLOCK, O_TRUNC, O_WRONLY } = constants;

/** What is of no use when the script is run, or would end it. */
const leftOut = /^(?:record|quit|exit|q)\b/;
const leftOutInBlock = /(?:^|[;\n])\s*(?:record|quit|exit|q)\b/;

const running = new WeakMap<Device, Recording>();

/** The recording of what is done to `device`, if there is one. */
export function recordingOf(device: Device): Recording | undefined {
  return running.get(device);
}

/**
 * Writes the commands that are run on a device as a script: each line with what it did as comments above it, so that the file explains
 * itself and can be run again, and a run of it, or of the scripts in it, compared (recorded-step.ts has the comments that are read back). A
 * command that failed is a comment itself. What a script does that is run stands as comments of the line that ran it, and a block of several
 * lines with all that its rounds did. A command is written when the next one begins or the recording stops: a machine that hangs takes one
 * line along.
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
  /** Comments of this command that are not accesses. */
  #comments = 0;
  #gathered = '';
  readonly #collector = new StepCollector((step) => this.#put(`${stepMark}${stepText(step)}`));
  commands = 0;
  readonly #noteFailure = (cut: boolean): void => {
    if (this.#session.device === this.#device && (cut || this.#session.depth <= this.#depth)) this.#failed = true;
  };

  private constructor(session: Session, device: Device, path: string, fd: number) {
    this.path = path;
    this.#device = device;
    this.#session = session;
    this.#depth = session.depth;
    this.#fd = fd;
    this.#leave = device.journal.follow((entry, bytes) => this.#take(entry, bytes));
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

  #take(entry: JournalEntry, bytes: Uint8Array | undefined): void {
    if (this.#collector.take(entry, this.#session.timing, bytes)) return;
    if (entry.kind === 'command') {
      if (this.#session.depth > this.#depth) return;
      this.#flush();
      if (!leftOut.test(entry.text)) this.#line = entry.text;
      return;
    }
    this.#comments += 1;
    if (this.#comments <= MOST_COMMENTS) this.#put(`# ${escape(entryText(entry))}`);
  }

  #put(line: string): void {
    this.#gathered += `${line}\n`;
    if (this.#gathered.length >= MOST_GATHERED) this.#write();
  }

  #flush(): void {
    this.#collector.flush();
    if (this.#comments > MOST_COMMENTS) this.#put(`# and ${this.#comments - MOST_COMMENTS} more`);
    this.#comments = 0;
    if (this.#line !== undefined) {
      this.#put(this.#failed ? marked(this.#line, failedMark) : lineOf(this.#line));
      this.commands += 1;
    }
    this.#line = undefined;
    this.#failed = false;
    this.#write();
  }

  /** A file that takes no more ends the recording, and nothing else. */
  #write(): void {
    const text = this.#gathered;
    this.#gathered = '';
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

/** A command, or a block of several lines. One that would end the recording or the script is no use in it. */
function lineOf(text: string): string {
  return text.includes('\n') && leftOutInBlock.test(text) ? marked(text, '# left out: ') : text;
}

function marked(text: string, mark: string): string {
  return text.replace(/^/gm, mark);
}

/** What it is a recording of, and what its lines count on: variables that were set before, and the space of offsets without one. */
function headOf(session: Session, device: Device, note: string | undefined): string {
  const lines = [
    `${recordingHead}${recordingVersion}`,
    `# of ${escape(device.name)} (${device.via}), ${new Date().toISOString()}`,
  ];
  if (note !== undefined) lines.push(`# ${escape(note)}`);
  for (const [name, value] of session.variables) lines.push(`$${name} = 0x${value.toString(16)}`);
  const home = session.defaultSpace;
  if (home !== undefined && home !== device.spaces[0]) lines.push(`use ${home.name}`);
  return `${lines.join('\n')}\n`;
}
