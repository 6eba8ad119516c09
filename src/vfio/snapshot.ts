import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import * as v from 'valibot';
import type { Device } from './device.js';
import { VfioError } from './errors.js';
import type { Region } from './region.js';
import { bytesOf, type Width } from './width.js';

const word = v.pipe(
  v.string(),
  v.regex(/^0x[0-9a-f]{1,16}(\*[1-9][0-9]*)?$/, 'a word is hexadecimal, such as 0x10 or 0x0*64'),
);
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** What VFIO's structures hold 32 bits of. */
const word32 = v.pipe(whole, v.maxValue(0xffffffff));
/** Regions and interrupts of a device: each is asked for when it is opened. */
const indices = v.pipe(whole, v.maxValue(4096));

const region = v.object({
  index: v.pipe(whole, v.maxValue(255)),
  name: v.string(),
  flags: word32,
  size: whole,
  /** Bits of each word below. */
  width: v.picklist([8, 16, 32, 64]),
  /** Words read from `offset` on, one after another; '0x0*64' stands for 64 of the same. */
  blocks: v.array(v.object({ offset: whole, words: v.array(word) })),
  /** Byte ranges [start, end) that were not read, and why. */
  missing: v.array(v.object({ start: whole, end: whole, reason: v.string() })),
});

const schema = v.object({
  format: v.literal('vfiodbg-snapshot'),
  version: v.literal(1),
  /** ISO 8601. */
  taken: v.string(),
  device: v.object({ name: v.string(), via: v.string(), flags: word32, regionCount: indices, irqCount: indices }),
  regions: v.array(region),
  irqs: v.array(v.object({ index: word32, flags: word32, count: word32 })),
});

/** A snapshot file: what VFIO said of a device and the raw words of its regions. */
export type Snapshot = v.InferOutput<typeof schema>;
export type RegionSnapshot = Snapshot['regions'][number];

/** Bytes of a file, at the most: what becomes one string in V8. */
const LARGEST_FILE = 2 ** 29 - 2 ** 16;
/** Words of a snapshot, at the most, so that its file can be read again whatever they are. */
export const MOST_WORDS = 2 ** 24;

/** Cells that are read between two looks at the clock and the abort signal. */
const CHUNK = 16384;

export interface SnapshotOptions {
  readonly regions: readonly Region[];
  readonly width?: Width;
  readonly signal?: AbortSignal;
  /** Bytes read so far, of all. */
  readonly progress?: (done: number, total: number) => void;
}

/**
 * Reads `regions` word by word, each word once. Cells that cannot be read are noted as missing.
 * Gives way to the event loop between chunks; rejects with the signal's reason when aborted.
 */
export async function takeSnapshot(device: Device, options: SnapshotOptions): Promise<Snapshot> {
  const total = options.regions.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const regions: RegionSnapshot[] = [];
  for (const { index } of device.regions) {
    const found = options.regions.find((one) => one.index === index);
    if (!found) continue;
    const width = options.width ?? 32;
    const taken: RegionSnapshot = {
      index,
      name: found.name,
      flags: found.info.flags,
      size: found.size,
      width,
      blocks: [],
      missing: [],
    };
    const cells = Math.floor(found.size / bytesOf(width));
    for (let cell = 0; cell < cells; cell += CHUNK) {
      options.signal?.throwIfAborted();
      const count = Math.min(CHUNK, cells - cell);
      addBlock(taken, found, cell * bytesOf(width), width, count);
      options.progress?.((done += count * bytesOf(width)), total);
      await new Promise(setImmediate);
    }
    const tail = cells * bytesOf(width);
    if (tail < found.size)
      taken.missing.push({ start: tail, end: found.size, reason: `no whole word of ${width} bits` });
    regions.push(taken);
  }
  const { name, via, info } = device;
  return {
    format: 'vfiodbg-snapshot',
    version: 1,
    taken: new Date().toISOString(),
    device: { name, via, flags: info.flags, regionCount: info.regionCount, irqCount: info.irqCount },
    regions,
    irqs: device.irqInfos.map(({ index, flags, count }) => ({ index, flags, count })),
  };
}

function addBlock(taken: RegionSnapshot, from: Region, offset: number, width: Width, count: number): void {
  const step = bytesOf(width);
  const block = from.readBlock({ offset, width, count });
  let next = 0;
  const words = (until: number): void => {
    if (until > next) taken.blocks.push({ offset: offset + next * step, words: pack(block.bytes, width, next, until) });
  };
  for (const fault of block.faults) {
    words(fault.index);
    next = fault.index + fault.count;
    const { errno, why } = fault.error.details;
    const reason = errno === undefined ? why : `${errno}: ${why}`;
    taken.missing.push({ start: offset + fault.index * step, end: offset + next * step, reason });
  }
  words(count);
}

/** The words [from, to) as text, with runs of the same word summed up. */
function pack(bytes: Uint8Array, width: Width, from: number, to: number): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = (index: number): bigint => {
    const offset = index * bytesOf(width);
    if (width === 64) return view.getBigUint64(offset, true);
    if (width === 32) return BigInt(view.getUint32(offset, true));
    return BigInt(width === 16 ? view.getUint16(offset, true) : view.getUint8(offset));
  };
  const words: string[] = [];
  for (let index = from; index < to;) {
    const value = at(index);
    let run = 1;
    while (index + run < to && at(index + run) === value) run += 1;
    words.push(run === 1 ? `0x${value.toString(16)}` : `0x${value.toString(16)}*${run}`);
    index += run;
  }
  return words;
}

/** Reads and checks a snapshot file. Throws VfioError that says where it is not one. */
export function readSnapshot(file: string): Snapshot {
  const refuse = (why: string, hint: string): VfioError =>
    new VfioError({ kind: 'absent', operation: `open snapshot ${file}`, why, hint });
  const text = textOf(file, refuse);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refuse(`it is no JSON: ${error instanceof Error ? error.message : 'malformed'}`, 'snapshot FILE writes one');
  }
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  const issue = parsed.issues[0];
  throw refuse(`${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`, 'snapshot FILE writes one');
}

/** What is in `file`, if it is a plain one: a pipe could be waited on for ever, and /dev/zero has no end. */
function textOf(file: string, refuse: (why: string, hint: string) => VfioError): string {
  const hint = 'snapshot FILE writes one';
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = fstatSync(fd);
    if (!found.isFile()) throw refuse('it is no plain file', hint);
    if (found.size > LARGEST_FILE) throw refuse(`its ${found.size} bytes are more than a snapshot has`, hint);
    return readFileSync(fd, 'utf8');
  } catch (error) {
    if (error instanceof VfioError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    throw refuse(code === 'ENOENT' ? 'there is no such file' : `it cannot be read: ${code}`, hint);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
