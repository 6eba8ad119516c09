import { closeSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { VfioError } from '../../errors.js';
import { appendLine, readWhole, removeFile, replaceFile } from './durable.js';
import { parsed, placeSchema, recordSchema, stateSchema } from './record.js';
import { stateError } from './state-folder.js';
import type { Step } from './step.js';

const changeSchema = v.object({
  device: placeSchema,
  modalias: v.string(),
  before: stateSchema,
  /** Its driver is absent where any that wants the device is right. */
  after: v.object({ driver: v.exactOptional(stateSchema.entries.driver), override: stateSchema.entries.override }),
  recordBefore: v.nullable(recordSchema),
  recordAfter: v.nullable(recordSchema),
});

const headerSchema = v.object({
  format: v.literal('vfiodbg-unfinished'),
  version: v.literal(1),
  boot: v.string(),
  pid: v.number(),
  goal: v.picklist(['bind', 'release']),
  changes: v.array(changeSchema),
  /** The write that takes the dynamic id away again, where the plan adds one. */
  removeId: v.nullable(v.object({ file: v.string(), bytes: v.string() })),
});

const entrySchema = v.union([
  v.object({ intend: v.object({ action: v.string(), file: v.string(), bytes: v.string() }) }),
  v.object({ did: v.nullable(v.string()) }),
]);

/** One device's part of what is under way. */
export type Change = v.InferOutput<typeof changeSchema>;

/** What a run wants to do, as it is written down before the first write. */
export type Intention = Omit<v.InferOutput<typeof headerSchema>, 'format' | 'version' | 'boot' | 'pid'>;

/** What a run that did not come to its end had written down. */
export interface Unfinished extends Intention {
  readonly boot: string;
  readonly pid: number;
  /** Steps that were begun, each with the errno it ended with; null where it went well, undefined where that is not known. */
  readonly steps: readonly {
    readonly action: string;
    readonly file: string;
    readonly bytes: string;
    readonly errno?: string | null;
  }[];
}

function pathIn(folder: string): string {
  return join(folder, 'unfinished.jsonl');
}

/**
 * The journal of what is under way, a line before each step and one behind it. It is there from before the first write to sysfs until all is done or undone, so
 * that whoever finds one that nobody works on knows what a killed run left. Each line is on the disk before its step is made.
 */
export class UnfinishedJournal {
  readonly #path: string;
  readonly #fd: number;
  /** What is being undone is undone though it cannot be written down (a full disk): how things were stands in the first line. */
  undoing = false;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
  }

  /** Begins the journal; `boot` is this boot's id. */
  static begin(folder: string, boot: string, intention: Intention): UnfinishedJournal {
    const path = pathIn(folder);
    const header = { format: 'vfiodbg-unfinished', version: 1, boot, pid: process.pid, ...intention };
    try {
      replaceFile(path, `${JSON.stringify(header)}\n`);
    } catch (error) {
      throw stateError('write', path, error);
    }
    return UnfinishedJournal.resume(folder);
  }

  /** Goes on with the journal that is there, behind its last whole line. */
  static resume(folder: string): UnfinishedJournal {
    const path = pathIn(folder);
    try {
      const bytes = readFileSync(path);
      const whole = bytes.lastIndexOf('\n') + 1;
      if (whole < bytes.length) truncateSync(path, whole);
      return new UnfinishedJournal(path, openSync(path, 'a'));
    } catch (error) {
      throw stateError('open', path, error);
    }
  }

  intend({ action, file, bytes }: Pick<Step, 'action' | 'file' | 'bytes'>): void {
    this.#append({ intend: { action, file, bytes } });
  }

  did(errno: string | undefined): void {
    this.#append({ did: errno ?? null });
  }

  #append(entry: v.InferOutput<typeof entrySchema>): void {
    try {
      appendLine(this.#fd, JSON.stringify(entry));
    } catch (error) {
      if (!this.undoing) throw stateError('write', this.#path, error);
    }
  }

  /** All is done or undone: there is nothing to recover any more. */
  end(): void {
    closeSync(this.#fd);
    removeUnfinished(this.#path);
  }
}

function removeUnfinished(path: string): void {
  try {
    removeFile(path);
  } catch (error) {
    throw stateError('remove', path, error);
  }
}

/**
 * What a run that was killed has left; undefined where there is nothing. For the holder of the lock. `boot` is this boot's id: of the steps of another one
 * nothing is left, and the machine may have gone down while they were written.
 */
export function readUnfinished(folder: string, boot: string): Unfinished | undefined {
  const path = pathIn(folder);
  let text: string;
  try {
    text = readWhole(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw stateError('read', path, error);
  }
  // A line without its end was being written when the run was killed; its step was not made.
  const [first = '', ...rest] = text.split('\n').slice(0, -1);
  const { format: _format, version: _version, ...header } = parsed(headerSchema, first, path);
  const steps: { action: string; file: string; bytes: string; errno?: string | null }[] = [];
  for (const line of header.boot === boot ? rest : []) {
    const entry = parsed(entrySchema, line, path);
    const last = steps.at(-1);
    if ('intend' in entry) steps.push(entry.intend);
    else if (last !== undefined) last.errno = entry.did;
  }
  return { ...header, steps };
}

/** Throws VfioError where a killed run of this boot has left something: it must be recovered before anything else is bound. */
export function refuseUnfinished(folder: string, operation: string, boot: string): void {
  const left = readUnfinished(folder, boot);
  if (left?.boot !== boot) return;
  const names = left.changes.map(({ device }) => device.name).join(', ');
  throw new VfioError({
    kind: 'busy',
    operation,
    why: `a run of vfiodbg (process ${left.pid}) that was to ${left.goal} ${names} was ended half way`,
    hint: 'bind --recover puts things back as they were before it',
  });
}
