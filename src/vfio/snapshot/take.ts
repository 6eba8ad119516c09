import type { Device } from '../device.js';
import { identityOf } from '../profile/identity.js';
import type { Region } from '../region.js';
import { descriptionOf } from '../registers/map-export.js';
import { bytesOf, type Width } from '../width.js';
import type { IrqSnapshot, MappingSnapshot, RegionSnapshot, Snapshot } from './format.js';
import { KeptBytes } from './kept-bytes.js';
import { type CellPlan, cellPlan, type Run } from './plan.js';
import type { Range } from './ranges.js';

/** Words of a snapshot, at the most, so that its file can be read again whatever they are. */
export const MOST_WORDS = 2 ** 24;

/** Cells that are read between two looks at the clock and the abort signal. */
const CHUNK = 16384;

export interface SnapshotOptions {
  readonly regions: readonly RegionRequest[];
  /** Of words where no register is known; 32 by default. */
  readonly width?: Width;
  /** Reads also what a read changes, and what can only be written. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
  /** Words read so far, of all. */
  readonly progress?: (done: number, total: number) => void;
}

/** What is read of a region. */
export interface RegionRequest {
  readonly region: Region;
  /** All of it, by default. */
  readonly ranges?: readonly Range[];
  /** Only what maps describe. */
  readonly registersOnly?: boolean;
}

/** The cells that a request reads, worked out from descriptions: nothing is read. `force`: those that must not be read, too. */
export function planOf(device: Device, request: RegionRequest, width: Width = 32, force = false): CellPlan {
  const { region, ranges = [[0, region.size]], registersOnly = false } = request;
  // A PCI config space is made of 32-bit words, whatever registers share them.
  const ownWidths = region !== device.config;
  return cellPlan(region.name, { width, registers: device.registers, ranges, ownWidths, registersOnly, read: force });
}

export function wordsOf({ runs }: CellPlan): number {
  return runs.reduce((sum, { count }) => sum + count, 0);
}

/**
 * Reads regions cell by cell, each once: registers at their own places and widths, words between them. What must not be read, and what cannot
 * be, is noted as missing with the reason. Gives way to the event loop between chunks; rejects with the signal's reason when aborted.
 */
export async function takeSnapshot(device: Device, options: SnapshotOptions): Promise<Snapshot> {
  const { width = 32, force, signal } = options;
  const plans = options.regions
    .map((request) => ({ request, plan: planOf(device, request, width, force) }))
    .sort((one, other) => one.request.region.index - other.request.region.index);
  const total = plans.reduce((sum, { plan }) => sum + wordsOf(plan), 0);
  const regions: RegionSnapshot[] = [];
  const kept = new Map<string, KeptBytes>();
  let done = 0;
  let sinceBreath = 0;
  for (const { request, plan } of plans) {
    const { region } = request;
    const reader = new RegionReader(region, width);
    for (const part of chunksOf(plan.runs)) {
      signal?.throwIfAborted();
      reader.read(part);
      done += part.count;
      sinceBreath += part.count;
      options.progress?.(done, total);
      if (sinceBreath < CHUNK) continue;
      sinceBreath = 0;
      await new Promise(setImmediate);
    }
    regions.push(reader.done(plan));
    kept.set(region.name, reader.kept);
  }
  const { name, via, info, profile } = device;
  const { pci, compatible, amba } = await identityOf(device);
  return {
    format: 'vfiodbg-snapshot',
    version: 2,
    taken: new Date().toISOString(),
    device: {
      name,
      via,
      flags: info.flags,
      regionCount: info.regionCount,
      irqCount: info.irqCount,
      ids: {
        ...(pci && { pci }),
        ...(compatible.length > 0 && { compatible: [...compatible] }),
        ...(amba !== undefined && { amba }),
      },
      ...(profile && { profile: profile.name }),
    },
    regions,
    irqs: irqsOf(device),
    mappings: mappingsOf(device),
    registers: registersOf(device, kept),
  };
}

function* chunksOf(runs: readonly Run[]): Generator<Run> {
  for (const { offset, width, count } of runs) {
    for (let done = 0; done < count; done += CHUNK) {
      yield { offset: offset + done * bytesOf(width), width, count: Math.min(CHUNK, count - done) };
    }
  }
}

/** Reads the cells of one region, and gathers them as they go into the file. */
class RegionReader {
  readonly kept = new KeptBytes();
  readonly #region: Region;
  readonly #width: Width;
  readonly #blocks: RegionSnapshot['blocks'] = [];
  readonly #missing: RegionSnapshot['missing'] = [];

  constructor(region: Region, width: Width) {
    this.#region = region;
    this.#width = width;
  }

  read({ offset, width, count }: Run): void {
    const step = bytesOf(width);
    const block = this.#region.readBlock({ offset, width, count });
    let next = 0;
    const words = (until: number): void => {
      if (until > next) this.#words(offset + next * step, width, block.bytes.subarray(next * step, until * step));
    };
    for (const fault of block.faults) {
      words(fault.index);
      next = fault.index + fault.count;
      const { errno, why } = fault.error.details;
      const reason = errno === undefined ? why : `${errno}: ${why}`;
      this.#missing.push({ start: offset + fault.index * step, end: offset + next * step, reason });
    }
    words(count);
  }

  /** Packed words, with runs of the same word summed up. */
  #words(offset: number, width: Width, bytes: Uint8Array): void {
    const step = bytesOf(width);
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const cell = Buffer.alloc(8);
    const at = (index: number): bigint => {
      view.copy(cell, 0, index * step, (index + 1) * step);
      return cell.readBigUInt64LE();
    };
    const count = bytes.length / step;
    const words: string[] = [];
    for (let index = 0; index < count;) {
      const value = at(index);
      let run = 1;
      while (index + run < count && at(index + run) === value) run += 1;
      words.push(run === 1 ? `0x${value.toString(16)}` : `0x${value.toString(16)}*${run}`);
      this.kept.put(offset + index * step, width, value, run);
      index += run;
    }
    this.#blocks.push({ offset, words, ...(width !== this.#width && { width }) });
  }

  done({ gaps }: CellPlan): RegionSnapshot {
    const { index, name, size, info } = this.#region;
    const missing = [...gaps, ...this.#missing].sort((one, other) => one.start - other.start);
    return { index, name, flags: info.flags, size, width: this.#width, blocks: this.#blocks, missing };
  }
}

function irqsOf(device: Device): IrqSnapshot[] {
  return device.irqInfos.map(({ index, flags, count }) => {
    const irq = [...device.irqs].find((one) => one.index === index);
    if (irq === undefined) return { index, flags, count };
    const states = [...new Set(irq.vectors.map(({ number }) => irq.state(number)))];
    const signals = irq.vectors.reduce((sum, vector) => sum + vector.count, 0n);
    return {
      index,
      flags,
      count,
      name: irq.name,
      enabled: irq.vectors.length,
      states,
      signals: `0x${signals.toString(16)}`,
    };
  });
}

function mappingsOf(device: Device): MappingSnapshot[] {
  return Array.from(device.mapped.mappings, ({ name, iova, size, prot, kind }) => ({
    name,
    iova: `0x${iova.toString(16)}`,
    size,
    prot,
    kind,
  }));
}

/** The maps that say something of what was read, and the values of their registers: taken from the words, not read again. */
function registersOf(device: Device, kept: ReadonlyMap<string, KeptBytes>): NonNullable<Snapshot['registers']> {
  const values: Record<string, string> = {};
  for (const { space, path, offset, width } of device.registers.registers) {
    const value = kept.get(space)?.word(offset, width);
    if (value !== undefined) values[`${space}.${path}`] = `0x${value.toString(16)}`;
  }
  const maps = device.registers.maps.map((map) => ({
    name: map.name,
    origin: map.origin,
    description: descriptionOf({ ...map, base: 0 }),
  }));
  const restore = device.profile?.restore;
  return { maps, values, ...(restore && { restore: [...restore] }) };
}
