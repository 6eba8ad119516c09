import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { GuestRun } from './guest.js';
import { accesses, type TraceAccess, type TraceEntry } from './qemu-trace.js';
import type { Step } from './width-plan.js';

/** What guest/widths.ts ran in the guest, and how QEMU calls it. */
export interface WidthProof {
  readonly name: string;
  readonly plan: readonly Step[];
  readonly paths: readonly ('mapped' | 'file')[];
  /** QEMU's name for the device's registers. */
  readonly model: string;
  /** Of region0, a power of two, where the guest-physical address of the region is a multiple of it. */
  readonly size: number;
}

/** An access without its time and place on the bus. */
interface Seen {
  readonly op: 'read' | 'write';
  readonly offset: number;
  readonly size: number;
  readonly value: bigint;
}

type Json = { readonly [key: string]: unknown };

/** The answers that name what was read, in the order of the accesses. A command of another kind names nothing. */
const ANSWERED = /^(peek|dump|expect|wait|poke|use)/;

/** Compares, for each way in and path: what the plan says, what QEMU's devices saw, what the tool answered, and its journal. */
export async function proveWidths(t: TestContext, run: GuestRun, proof: WidthProof): Promise<void> {
  const trace = await run.trace();
  for (const via of ['group', 'cdev']) {
    for (const path of proof.paths) {
      await t.test(
        `${proof.name} by ${via}, ${path}: plan, trace, answers and journal are the same accesses`,
        async () => {
          const lines = (await readFile(join(run.results, `${proof.name}-${via}-${path}.jsonl`), 'utf8'))
            .trim()
            .split('\n');
          const answers = sections(lines.map((line) => JSON.parse(line) as Json));
          assert.deepEqual(pathsOf(answers.get('') ?? []), [path], 'region0 is reached by the path that is meant');
          const seen = seenBetween(trace, proof, `${proof.name} ${via} ${path}`);
          assert.deepEqual(
            seen.map(({ value, ...access }) => (access.op === 'write' ? { ...access, value } : access)),
            proof.plan.flatMap((step) => step.accesses),
          );
          assert.ok(compareAnswers(proof.plan, seen, answers) > 0);
          compareJournal(seen, answers.get('end') ?? []);
        },
      );
    }
    await t.test(`${proof.name} by ${via}: attaching, asking VFIO and help make no access`, () => {
      assert.deepEqual(seenBetween(trace, proof, `${proof.name} ${via} inert`), []);
    });
  }
}

/** The accesses to the device between the marks that `run` begins and ends with. */
export function seenBetween(
  trace: readonly TraceEntry[],
  { model, size }: Pick<WidthProof, 'model' | 'size'>,
  run: string,
): Seen[] {
  return accesses(trace, { name: model, from: `${run} begin`, to: `${run} end` }).map((access: TraceAccess) => ({
    op: access.op,
    offset: Number(access.addr % BigInt(size)),
    size: access.size,
    // A model may answer with more bits than were asked for: edu does, and the bus drops them.
    value: BigInt.asUintN(access.size * 8, access.value),
  }));
}

/** Answers by the step that they belong to: what `echo @N` announced; '' for those before the first. */
function sections(answers: readonly Json[]): Map<string, Json[]> {
  const found = new Map<string, Json[]>([['', []]]);
  let current = '';
  for (const answer of answers) {
    const [first] = Array.isArray(answer['lines']) ? answer['lines'] : [];
    if (typeof first === 'string' && first.startsWith('@')) found.set((current = first.slice(1)), []);
    else found.get(current)?.push(answer);
  }
  return found;
}

/** The paths of region0's windows, from the answer to `regions`. */
function pathsOf(answers: readonly Json[]): unknown[] {
  const rows = answers.flatMap((answer) => (Array.isArray(answer['rows']) ? (answer['rows'] as Json[]) : []));
  const windows = rows.find((row) => row['name'] === 'region0')?.['windows'];
  return Array.isArray(windows) ? (windows as Json[]).map((window) => window['path']) : [];
}

/** Holds each value that the tool said it read to what the device gave. @returns how many there were. */
function compareAnswers(plan: readonly Step[], seen: readonly Seen[], answers: ReadonlyMap<string, Json[]>): number {
  let at = 0;
  let compared = 0;
  for (const [number, step] of plan.entries()) {
    const made = seen.slice(at, (at += step.accesses.length));
    if (!ANSWERED.test(step.line)) continue;
    // What an expression reads is no answer of its own.
    const given = made.filter(({ op }) => op === 'read').map(({ value }) => value);
    const said = (answers.get(String(number)) ?? []).flatMap(valuesRead);
    const expected = step.line.startsWith('poke') && /\[/.test(step.line) ? [] : given;
    assert.deepEqual(said, expected, step.line);
    compared += said.length;
  }
  return compared;
}

/** The values that an answer says were read, in order. */
function valuesRead(answer: Json): bigint[] {
  if (answer['kind'] === 'read') return word(answer['value']);
  if (answer['kind'] === 'write') return [...word(answer['old']), ...word(answer['readBack'])];
  return answer['kind'] === 'cells' && Array.isArray(answer['cells']) ? answer['cells'].flatMap(word) : [];
}

/** A value as JSON has it: a number, or hexadecimal text where it has 64 bits. */
function word(value: unknown): bigint[] {
  return typeof value === 'number' || typeof value === 'string' ? [BigInt(value)] : [];
}

/** Holds the journal's accesses, blocks counted out, to what the device saw. */
function compareJournal(seen: readonly Seen[], answers: readonly Json[]): void {
  const entries = answers.flatMap((answer) => (Array.isArray(answer['rows']) ? (answer['rows'] as Json[]) : []));
  assert.deepEqual(journalled(entries), seen.map(withoutValueInBlocks(entries)));
}

/** The accesses that journal entries stand for; a block's entry does not hold values. */
export function journalled(entries: readonly Json[]): object[] {
  return entries.flatMap((entry) => {
    const { kind, offset, width, count = 1, stride = 0, value } = entry;
    const op = kind === 'read' || kind === 'read-block' ? 'read' : 'write';
    const place = (at: number): object => ({
      op,
      offset: Number(offset) + at * Number(stride),
      size: Number(width) / 8,
    });
    if (value === undefined) return Array.from({ length: Number(count) }, (_, at) => place(at));
    return [{ ...place(0), value: word(value)[0] }];
  });
}

/** What was seen, without the values of accesses that the journal holds as a block. */
function withoutValueInBlocks(entries: readonly Json[]): (seen: Seen, at: number) => object {
  const single = entries.flatMap(({ count, value }) => Array<boolean>(Number(count ?? 1)).fill(value !== undefined));
  return ({ value, ...place }, at) => (single[at] === true ? { ...place, value } : place);
}
