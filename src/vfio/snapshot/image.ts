import { VfioError } from '../errors.js';
import { registerMapOf } from '../registers/map-format.js';
import { MOST_REGISTERS } from '../registers/layout.js';
import { type Register, registersIn } from '../registers/register-map.js';
import { RegisterSet } from '../registers/register-set.js';
import { bytesOf, type Width } from '../width.js';
import { type RegionSnapshot, readSnapshot, type Snapshot } from './format.js';
import { KeptBytes, MOST_BYTES } from './kept-bytes.js';

/** What a snapshot has of a region. */
export interface RegionImage {
  readonly index: number;
  readonly name: string;
  /** Bytes of the region. */
  readonly size: number;
  /** Of its words, where no register is known. */
  readonly width: Width;
  readonly kept: KeptBytes;
  /** Sorted by their beginnings. */
  readonly missing: RegionSnapshot['missing'];
}

/** A snapshot with its words unpacked. */
export interface Image {
  /** The file, or what else it is called in messages. */
  readonly name: string;
  readonly snapshot: Snapshot;
  readonly regions: ReadonlyMap<number, RegionImage>;
  /** The maps that it brings along. */
  readonly registers: RegisterSet;
  /** What of these could not be used. */
  readonly problems: readonly string[];
}

/** Reads a snapshot file. Throws VfioError where it is none, or does not hold together. */
export function readImage(file: string): Image {
  return imageOf(readSnapshot(file), file);
}

export function imageOf(snapshot: Snapshot, name: string): Image {
  const regions = new Map<number, RegionImage>();
  const room = { bytes: MOST_BYTES, memory: MOST_BYTES };
  for (const region of snapshot.regions) {
    const kept = unpacked(region, name, room);
    room.memory -= kept.size;
    const { index, width } = region;
    const missing = region.missing.toSorted((one, other) => one.start - other.start);
    regions.set(index, { index, name: region.name, size: region.size, width, kept, missing });
  }
  return { name, snapshot, regions, ...registersOf(snapshot, name) };
}

/** What the snapshot has of a register; undefined where it was not read. */
export function valueOf({ regions }: Image, { space, offset, width }: Register): bigint | undefined {
  return [...regions.values()].find(({ name }) => name === space)?.kept.word(offset, width);
}

/** `room`: what the words may come to, each counted as often as it is there, and the memory that they may take. */
function unpacked(region: RegionSnapshot, file: string, room: { bytes: number; readonly memory: number }): KeptBytes {
  const refuse = (why: string): VfioError =>
    new VfioError({
      kind: 'absent',
      operation: `open snapshot ${file}`,
      why: `the region of index ${region.index}: ${why}`,
    });
  const kept = new KeptBytes();
  for (const block of region.blocks) {
    const width = block.width ?? region.width;
    const step = bytesOf(width);
    if (block.offset % step !== 0) throw refuse(`the block at ${block.offset} is not aligned to its ${width} bits`);
    let at = block.offset;
    for (const word of block.words) {
      const [digits = '', times = '1'] = word.split('*');
      const value = BigInt(digits);
      if (value >= 1n << BigInt(width)) throw refuse(`the word ${digits} has more than ${width} bits`);
      const length = Number(times) * step;
      if (at + length > region.size) throw refuse(`the block at ${block.offset} goes past the region's end`);
      room.bytes -= length;
      if (room.bytes < 0 || kept.size > room.memory)
        throw refuse(`its bytes are more than the ${MOST_BYTES} that a snapshot may hold`);
      kept.put(at, width, value, Number(times));
      at += length;
    }
  }
  return kept;
}

function registersOf(snapshot: Snapshot, file: string): Pick<Image, 'registers' | 'problems'> {
  const registers = new RegisterSet();
  const problems: string[] = [];
  // What all of them have together: a small file can ask for any number.
  let most = MOST_REGISTERS;
  for (const { name, origin, description } of snapshot.registers?.maps ?? []) {
    try {
      const map = registerMapOf(description, { origin, most });
      most -= [...registersIn(map.children)].length;
      registers.add({ ...map, name });
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      problems.push(`${file}: the register map ${name} cannot be used: ${error.details.why}`);
    }
  }
  return { registers, problems };
}
