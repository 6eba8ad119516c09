import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import * as v from 'valibot';
import { VfioError } from '../errors.js';
import { nearbyFiles } from '../nearby-files.js';

const hex = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{1,16}$/, 'a number is hexadecimal, such as 0x10'));
const word = v.pipe(
  v.string(),
  v.regex(/^0x[0-9a-f]{1,16}(\*[1-9][0-9]*)?$/, 'a word is hexadecimal, such as 0x10 or 0x0*64'),
);
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** What VFIO's structures hold 32 bits of. */
const word32 = v.pipe(whole, v.maxValue(0xffffffff));
/** Regions and interrupts of a device: each is asked for when it is opened. */
const indices = v.pipe(whole, v.maxValue(4096));
const width = v.picklist([8, 16, 32, 64]);

const region = v.object({
  index: v.pipe(whole, v.maxValue(255)),
  name: v.string(),
  flags: word32,
  size: whole,
  /** Bits of each word of a block that does not say otherwise. */
  width,
  /** Words read from `offset` on, one after another; '0x0*64' stands for 64 of the same. */
  blocks: v.array(v.object({ offset: whole, words: v.array(word), width: v.optional(width) })),
  /** Byte ranges [start, end) that were not read, and why. */
  missing: v.array(v.object({ start: whole, end: whole, reason: v.string() })),
});

const ids = v.object({
  pci: v.optional(
    v.object({
      vendor: word32,
      device: word32,
      subsystemVendor: v.optional(word32),
      subsystemDevice: v.optional(word32),
      class: v.optional(word32),
    }),
  ),
  compatible: v.optional(v.array(v.string())),
  amba: v.optional(word32),
});

const interrupt = v.object({
  index: word32,
  flags: word32,
  count: word32,
  // What follows is of this program's own, and of version 2.
  name: v.optional(v.string()),
  /** Vectors that were enabled, and the states that they were in. */
  enabled: v.optional(word32),
  states: v.optional(v.array(v.string())),
  /** Signals since each was enabled. */
  signals: v.optional(hex),
});

const mapping = v.object({ name: v.string(), iova: hex, size: whole, prot: v.string(), kind: v.string() });

const registers = v.object({
  /** The maps of the device, each in the own format (registers/map-description.ts): a snapshot explains itself. */
  maps: v.array(v.object({ name: v.string(), origin: v.string(), description: v.unknown() })),
  /** What the words above have at the places of registers, by their names: for people, and for diff(1). */
  values: v.record(v.string(), hex),
  /** What the profile of the device lists to be restored, in its order; absent where it lists nothing. */
  restore: v.optional(v.array(v.pipe(v.string(), v.maxLength(256)))),
});

/** Version 1 has regions and interrupts; version 2 has words of several widths in a region, and what is optional here. */
const schema = v.object({
  format: v.literal('vfiodbg-snapshot'),
  version: v.picklist([1, 2]),
  /** ISO 8601. */
  taken: v.string(),
  device: v.object({
    name: v.string(),
    via: v.string(),
    flags: word32,
    regionCount: indices,
    irqCount: indices,
    ids: v.optional(ids),
    /** The name of the profile in force. */
    profile: v.optional(v.string()),
  }),
  regions: v.array(region),
  irqs: v.array(interrupt),
  mappings: v.optional(v.array(mapping)),
  registers: v.optional(registers),
});

/** A snapshot file: what VFIO said of a device, the raw words of its regions, and what was known of it. */
export type Snapshot = v.InferOutput<typeof schema>;
export type RegionSnapshot = Snapshot['regions'][number];
export type IrqSnapshot = Snapshot['irqs'][number];
export type MappingSnapshot = NonNullable<Snapshot['mappings']>[number];

/** Bytes of a file, at the most: what becomes one string in V8. */
const LARGEST_FILE = 2 ** 29 - 2 ** 16;

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
    if (code === 'ENOENT') throw refuse('there is no such file', nearbyFiles(file) ?? hint);
    throw refuse(`it cannot be read: ${code}`, hint);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
