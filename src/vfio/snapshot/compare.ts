import type { Register } from '../registers/register-map.js';
import type { RegisterSet } from '../registers/register-set.js';
import { bytesOf, type Width } from '../width.js';
import type { IrqSnapshot, MappingSnapshot } from './format.js';
import type { Image, RegionImage } from './image.js';
import { cellPlan, type Run } from './plan.js';
import { difference, intersection, type Range } from './ranges.js';

/** Cells that are compared at once. */
const CHUNK = 16384;

/** A place that is not the same in both: a register, or a word where no map knows one. */
export interface PlaceDifference {
  readonly space: string;
  readonly offset: number;
  readonly width: Width;
  readonly register?: Register;
  readonly a: bigint;
  readonly b: bigint;
}

/** Bytes that only one of the two has, and why the other has not. */
export interface OneSided {
  readonly space: string;
  readonly start: number;
  readonly end: number;
  readonly only: 'a' | 'b';
  readonly reason: string;
}

/** Something else that is not the same, in words. */
export interface StateDifference {
  readonly what: string;
  readonly a: string;
  readonly b: string;
}

export interface SnapshotDifferences {
  /** The first of them, as many as were asked for. */
  readonly places: readonly PlaceDifference[];
  /** All of them. */
  readonly count: number;
  /** Bytes that both have. */
  readonly compared: number;
  /** The first of them, as many as were asked for. */
  readonly oneSided: readonly OneSided[];
  /** All of them. */
  readonly oneSidedCount: number;
  readonly states: readonly StateDifference[];
}

export interface CompareOptions {
  /** Places, and one-sided stretches, to be told at the most. */
  readonly limit: number;
  /** Lets the event loop run; rejects where the comparison is to end. */
  readonly breathe: () => Promise<void>;
}

/** What differs between two snapshots: by the registers that `registers` knows, and by words elsewhere. No device is accessed. */
export async function compareImages(
  a: Image,
  b: Image,
  registers: RegisterSet,
  { limit, breathe }: CompareOptions,
): Promise<SnapshotDifferences> {
  const places: PlaceDifference[] = [];
  const oneSided: OneSided[] = [];
  let [count, compared, oneSidedCount, sinceBreath] = [0, 0, 0, 0];
  for (const { name, first, second } of regionsOf(a, b)) {
    const [left, right] = [first?.kept.ranges() ?? [], second?.kept.ranges() ?? []];
    const both = intersection(left, right);
    compared += both.reduce((sum, [start, end]) => sum + end - start, 0);
    if (first && second) {
      for (const part of chunksOf(first, both, registers)) {
        const found = differing(first, second, part, limit - places.length);
        count += found.count;
        for (const { offset, values } of found.first) {
          const { width } = part;
          const register = registers.registerAt(name, offset, width);
          places.push({ space: name, offset, width, ...(register && { register }), ...values });
        }
        sinceBreath += part.count;
        if (sinceBreath < CHUNK) continue;
        sinceBreath = 0;
        await breathe();
      }
    }
    for (const [only, ranges, other] of [
      ['a', difference(left, right), second],
      ['b', difference(right, left), first],
    ] as const) {
      oneSidedCount += ranges.length;
      const told = ranges.slice(0, limit - oneSided.length);
      oneSided.push(
        ...told.map(([start, end]) => ({ space: name, start, end, only, reason: whyNot(other, start, end) })),
      );
      await breathe();
    }
  }
  return { places, count, compared, oneSided, oneSidedCount, states: [...irqStates(a, b), ...mappingStates(a, b)] };
}

interface Pair {
  readonly name: string;
  readonly first: RegionImage | undefined;
  readonly second: RegionImage | undefined;
}

function regionsOf(a: Image, b: Image): Pair[] {
  const indices = [...new Set([...a.regions.keys(), ...b.regions.keys()])].sort((one, other) => one - other);
  return indices.map((index) => {
    const [first, second] = [a.regions.get(index), b.regions.get(index)];
    return { name: (first ?? second)?.name ?? '', first, second };
  });
}

/** Cells of `ranges`, some thousands at a time: those of registers at their own widths. */
function* chunksOf(image: RegionImage, ranges: readonly Range[], registers: RegisterSet): Generator<Run> {
  const { runs } = cellPlan(image.name, { width: image.width, registers, ranges, ownWidths: true, read: true });
  for (const { offset, width, count } of runs) {
    for (let done = 0; done < count; done += CHUNK)
      yield { offset: offset + done * bytesOf(width), width, count: Math.min(CHUNK, count - done) };
  }
}

interface Differing {
  readonly count: number;
  readonly first: readonly { readonly offset: number; readonly values: { readonly a: bigint; readonly b: bigint } }[];
}

/** How many cells differ; and where and how the first `most` of them do. */
function differing(a: RegionImage, b: RegionImage, { offset, width, count }: Run, most: number): Differing {
  const step = bytesOf(width);
  const [left, right] = [new Uint8Array(count * step), new Uint8Array(count * step)];
  a.kept.read(offset, left);
  b.kept.read(offset, right);
  if (Buffer.compare(left, right) === 0) return { count: 0, first: [] };
  const [words, others] = [wordsIn(left, width), wordsIn(right, width)];
  const first: Differing['first'][number][] = [];
  let differ = 0;
  for (let at = 0; at < count; at += 1) {
    const [one = 0, other = 0] = [words[at], others[at]];
    if (one === other) continue;
    differ += 1;
    if (differ <= most) first.push({ offset: offset + at * step, values: { a: BigInt(one), b: BigInt(other) } });
  }
  return { count: differ, first };
}

/** Both of these are little endian: what VFIO has, and the processors that this runs on. */
function wordsIn({ buffer }: Uint8Array<ArrayBuffer>, width: Width): ArrayLike<number | bigint> {
  if (width === 64) return new BigUint64Array(buffer);
  return width === 32 ? new Uint32Array(buffer) : width === 16 ? new Uint16Array(buffer) : new Uint8Array(buffer);
}

/** Why a snapshot has nothing of these bytes. */
function whyNot(image: RegionImage | undefined, start: number, end: number): string {
  const { missing = [] } = image ?? {};
  // The last gap that begins before the end: they are sorted.
  let [low, high] = [0, missing.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((missing[middle]?.start ?? 0) < end) low = middle + 1;
    else high = middle;
  }
  const gap = missing[low - 1];
  return gap !== undefined && gap.end > start ? gap.reason : 'it was not read';
}

function irqStates(a: Image, b: Image): StateDifference[] {
  return a.snapshot.irqs.flatMap((first) => {
    const second = b.snapshot.irqs.find(({ index }) => index === first.index);
    if (second?.enabled === undefined || first.enabled === undefined) return [];
    const [one, other] = [irqText(first), irqText(second)];
    return one === other ? [] : [{ what: first.name ?? `irq${first.index}`, a: one, b: other }];
  });
}

function irqText({ enabled = 0, count, states = [] }: IrqSnapshot): string {
  return enabled === 0 ? 'off' : `${enabled} of ${count} ${states.join(', ')}`;
}

function mappingStates(a: Image, b: Image): StateDifference[] {
  if (a.snapshot.mappings === undefined || b.snapshot.mappings === undefined) return [];
  const text = ({ iova, size, prot }: MappingSnapshot): string => `${iova}, ${size} bytes ${prot}`;
  const [left, right] = [a.snapshot.mappings, b.snapshot.mappings].map(
    (mappings) => new Map(mappings.map((one) => [`${one.name} ${one.iova}`, one])),
  );
  const keys = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])];
  return keys.flatMap((key) => {
    const [one, other] = [left?.get(key), right?.get(key)];
    const [first, second] = [one === undefined ? 'none' : text(one), other === undefined ? 'none' : text(other)];
    return first === second ? [] : [{ what: `mapping ${(one ?? other)?.name ?? ''}`, a: first, b: second }];
  });
}
