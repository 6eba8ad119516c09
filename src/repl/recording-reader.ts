import { closeSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { readError } from './file-error.js';
import { parseStep, type Step, stepMark } from './recorded-step.js';
import { UsageError } from './usage-error.js';

/** The first line of a recording, up to the number of its version. */
export const recordingHead = '# vfiodbg recording ';
export const recordingVersion = 1;
/** What stands in front of a command that failed. */
export const failedMark = '# failed: ';

/** A step with the number of its line. */
export interface RecordedStep {
  readonly step: Step;
  readonly line: number;
}

const PIECE = 65_536;

/**
 * The steps of the recording in `path`, in order, read as they are asked for: a recording may be longer than memory. `withFailed` is whether
 * those of commands that failed are among them. Throws VfioError where it cannot be read, UsageError where it is no recording.
 */
export function* recordedSteps(path: string, withFailed: boolean): Generator<RecordedStep> {
  const skipped = withFailed ? [] : failedRanges(path);
  let range = 0;
  for (const [text, line] of linesOf(path)) {
    if (line === 1) checkHead(path, text);
    if (!text.startsWith(stepMark)) continue;
    const step = parseStep(text.slice(stepMark.length));
    if (step === undefined) throw notRead(path, text, line);
    while ((skipped[range]?.end ?? Infinity) < line) range += 1;
    // Interrupts came whether or not a command failed.
    if (line < (skipped[range]?.start ?? Infinity) || step.kind === 'irq') yield { step, line };
  }
}

/** Throws what recordedSteps would anywhere in the file: before a device is touched for it. */
export function checkRecording(path: string): void {
  const steps = recordedSteps(path, true);
  while (steps.next().done !== true);
}

/** Whether both are the same file. */
export function isSameFile(one: string, other: string): boolean {
  const [a, b] = [statOf(one), statOf(other)];
  return a.dev === b.dev && a.ino === b.ino;
}

/** Lines, the last one included, of the steps of each command that failed. */
function failedRanges(path: string): { readonly start: number; readonly end: number }[] {
  const ranges: { start: number; end: number }[] = [];
  let start = 1;
  for (const [text, line] of linesOf(path)) {
    if (text.startsWith(failedMark)) ranges.push({ start, end: line });
    if (!text.startsWith('#') || text.startsWith(failedMark)) start = line + 1;
  }
  return ranges;
}

function checkHead(path: string, text: string): void {
  const version = text.startsWith(recordingHead) ? Number.parseInt(text.slice(recordingHead.length), 10) : Number.NaN;
  if (version === recordingVersion) return;
  if (Number.isNaN(version)) throw new UsageError(`${path} is no recording`, undefined, 'record FILE makes one');
  throw new UsageError(
    `${path} is a recording of version ${version}`,
    undefined,
    `version ${recordingVersion} can be read; record it anew`,
  );
}

function notRead(path: string, line: string, number: number): UsageError {
  const at = { line, start: stepMark.length, end: line.length };
  return new UsageError(
    `${path}:${number}: not what a recording says of an access`,
    at,
    'take the line out, or mend it',
  );
}

function* linesOf(path: string): Generator<readonly [text: string, line: number]> {
  if (!statOf(path).isFile()) throw new UsageError(`${path} is no plain file`, undefined, 'a recording is a file');
  const fd = reading(path, () => openSync(path, 'r'));
  try {
    const decoder = new StringDecoder('utf8');
    const piece = new Uint8Array(PIECE);
    let rest = '';
    let number = 0;
    for (let at = 0; ;) {
      const length = reading(path, () => readSync(fd, piece, 0, PIECE, at));
      if (length === 0) break;
      at += length;
      const lines = (rest + decoder.write(Buffer.from(piece.subarray(0, length)))).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > PIECE) throw new UsageError(`a line of ${path} does not end: is it a recording?`);
      for (const line of lines) {
        number += 1;
        yield [line.endsWith('\r') ? line.slice(0, -1) : line, number];
      }
    }
    if (rest !== '' || number === 0) yield [rest, number + 1];
  } finally {
    closeSync(fd);
  }
}

function statOf(path: string): Stats {
  return reading(path, () => statSync(path));
}

function reading<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw readError('compare with', path, error);
  }
}
