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
  readonly oneSided: readonly OneSided[];
  readonly states: readonly StateDifference[];
}

/** What differs between two snapshots: by the registers that `registers` knows, and by words elsewhere. No device is accessed. */
export function compareImages(a: Image, b: Image, registers: RegisterSet, limit: number): SnapshotDifferences {
  const places: PlaceDifference[] = [];
  const oneSided: OneSided[] = [];
  let [count, compared] = [0, 0];
  for (const region of regionsOf(a, b)) {
    const { first, second } = region;
    const [left, right] = [first?.kept.ranges() ?? [], second?.kept.ranges() ?? []];
    const both = intersection(left, right);
    compared += both.reduce((sum, [start, end]) => sum + end - start, 0);
    if (first && second) {
      for (const one of differing(first, second, both, registers)) {
        count += 1;
        if (places.length < limit) places.push(one);
      }
    }
    oneSided.push(...alone(region.name, 'a', difference(left, right), second));
    oneSided.push(...alone(region.name, 'b', difference(right, left), first));
  }
  return { places, count, compared, oneSided, states: [...irqStates(a, b), ...mappingStates(a, b)] };
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

function* differing(
  a: RegionImage,
  b: RegionImage,
  ranges: readonly Range[],
  registers: RegisterSet,
): Generator<PlaceDifference> {
  const { runs } = cellPlan(a.name, { width: a.width, registers, ranges, ownWidths: true, read: true });
  for (const run of runs) {
    for (let done = 0; done < run.count; done += CHUNK) {
      const step = bytesOf(run.width);
      const part = { ...run, offset: run.offset + done * step, count: Math.min(CHUNK, run.count - done) };
      yield* differingIn(a, b, part, registers);
    }
  }
}

function* differingIn(
  a: RegionImage,
  b: RegionImage,
  { offset, width, count }: Run,
  registers: RegisterSet,
): Generator<PlaceDifference> {
  const step = bytesOf(width);
  const [left, right] = [Buffer.alloc(count * step), Buffer.alloc(count * step)];
  a.kept.read(offset, left);
  b.kept.read(offset, right);
  if (left.equals(right)) return;
  for (let at = 0; at < left.length; at += step) {
    const [one, other] = [left.subarray(at, at + step), right.subarray(at, at + step)];
    if (one.equals(other)) continue;
    const register = registers.registerAt(a.name, offset + at, width);
    const values = { a: wordIn(one), b: wordIn(other) };
    yield { space: a.name, offset: offset + at, width, ...(register && { register }), ...values };
  }
}

function wordIn(bytes: Buffer): bigint {
  return bytes.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
}

function alone(space: string, only: 'a' | 'b', ranges: readonly Range[], other: RegionImage | undefined): OneSided[] {
  return ranges.map(([start, end]) => {
    const why = other?.missing.find((gap) => gap.start < end && gap.end > start)?.reason;
    return { space, start, end, only, reason: why ?? 'it was not read' };
  });
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
