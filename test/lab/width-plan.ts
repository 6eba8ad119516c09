import type { Width } from '../../src/vfio/width.js';

/** One access that a line of the tool must make, no more and no less. */
export interface Planned {
  readonly op: 'read' | 'write';
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** Of a write. What a read gives is the device's to say. */
  readonly value?: bigint;
}

/** A line of a script, and the accesses that it stands for, in their order. */
export interface Step {
  readonly line: string;
  readonly accesses: readonly Planned[];
}

/** `count` reads of `width`, `stride` bytes apart. */
function reads(width: Width, offset: number, count = 1, stride = width / 8): Planned[] {
  return Array.from({ length: count }, (_, at) => ({ op: 'read', offset: offset + at * stride, size: width / 8 }));
}

/** Writes of `width`, one behind the other. */
function writes(width: Width, offset: number, ...values: readonly bigint[]): Planned[] {
  const size = width / 8;
  return values.map((value, at) => ({ op: 'write', offset: offset + at * size, size, value }));
}

function step(line: string, ...accesses: readonly (readonly Planned[])[]): Step {
  return { line, accesses: accesses.flat() };
}

const ID = 0x010000edn;

/** QEMU's edu: accesses of 4 bytes, from 0x80 on of 8 as well. 0x4 answers with the complement. */
export const edu: readonly Step[] = [
  step('peek region0 0x0', reads(32, 0)),
  step('poke region0 0x4 0x12345678', writes(32, 4, 0x12345678n)),
  step('peek region0 0x4', reads(32, 4)),
  step('poke region0 0x4 0xff:0xff', reads(32, 4), writes(32, 4, 0xedcba9ffn)),
  step('poke region0 0x4 0xa5a5a5a5 --verify', writes(32, 4, 0xa5a5a5a5n), reads(32, 4)),
  step('peek region0 0x4 5 --stride 0', reads(32, 4, 5, 0)),
  step('peek region0 0x0 4 --stride 0x20', reads(32, 0, 4, 0x20)),
  step('dump region0 0..0x30', reads(32, 0, 12)),
  step('fill region0 0xc..0x20 0x0f0f0f0f', writes(32, 0xc, ...Array<bigint>(5).fill(0x0f0f0f0fn))),
  step('expect region0 0x0 == 0x010000ed', reads(32, 0)),
  step('expect region0 0x4 != 0x0:0xffff', reads(32, 4)),
  step('wait region0 0x0 == 0xed:0xff', reads(32, 0)),
  step('find region0 0..0x10 0x010000ed', reads(32, 0, 4)),
  step('compare region0 0..0x8 region0 0x0', reads(32, 0, 2), reads(32, 0, 2)),
  step('save region0 0..0x8 /tmp/widths.bin --replace', reads(32, 0, 2)),
  step('load /tmp/widths.bin region0 0xc', writes(32, 0xc, ID, 0x5a5a5a5an)),
  step('$id = [region0 0x0]', reads(32, 0)),
  step('poke region0 0x4 $id', writes(32, 4, ID)),
  step('poke region0 0x4 [region0 0x0]+1', reads(32, 0), writes(32, 4, ID + 1n)),
  step('peek region0 0x80', reads(32, 0x80)),
  step('poke.q region0 0x80 0x1122334455667788', writes(64, 0x80, 0x1122334455667788n)),
  step('peek.q region0 0x80', reads(64, 0x80)),
  step('poke.q region0 0x80 0xff:0xff', reads(64, 0x80), writes(64, 0x80, 0x11223344556677ffn)),
  step('peek.q region0 0x80 4', reads(64, 0x80, 4)),
  step('dump.q region0 0x80..0xa0', reads(64, 0x80, 4)),
  step('peek.q region0 0x80 3 --stride 0', reads(64, 0x80, 3, 0)),
  step('fill.q region0 0x80..0x90 0xfedcba9876543210', writes(64, 0x80, ...Array<bigint>(2).fill(0xfedcba9876543210n))),
  step('expect.q region0 0x88 == 0xfedcba9876543210', reads(64, 0x88)),
  step('wait.q region0 0x88 == 0x10:0xff', reads(64, 0x88)),
  step('use region0; peek 0x4; dump 0x0 8B', reads(32, 4), reads(32, 0, 2)),
  // None of these is anybody's access.
  step('peek -n region0 0x4; poke -n region0 0x4 0; dump -n region0 0 64B'),
  step('help peek; history'),
];

const RTCMR = 0x4;
const PERIPHID = 0xfe0;

/** QEMU's PL031: accesses of 1, 2 and 4 bytes, each at a register's own offset. */
export const pl031: readonly Step[] = [
  step('peek region0 0xfe0', reads(32, PERIPHID)),
  step('peek.w region0 0xfe0', reads(16, PERIPHID)),
  step('peek.b region0 0xfe0', reads(8, PERIPHID)),
  step('poke region0 0x4 0x71234567', writes(32, RTCMR, 0x71234567n)),
  step('peek region0 0x4', reads(32, RTCMR)),
  step('poke region0 0x4 0xff:0xff', reads(32, RTCMR), writes(32, RTCMR, 0x712345ffn)),
  step('poke.w region0 0x4 0xbeef', writes(16, RTCMR, 0xbeefn)),
  step('peek.w region0 0x4', reads(16, RTCMR)),
  step('poke.w region0 0x4 0x0100:0xff00 --verify', reads(16, RTCMR), writes(16, RTCMR, 0x01efn), reads(16, RTCMR)),
  step('poke.b region0 0x4 0x7e', writes(8, RTCMR, 0x7en)),
  step('peek.b region0 0x4', reads(8, RTCMR)),
  step('poke.b region0 0x4 0x1:0x1', reads(8, RTCMR), writes(8, RTCMR, 0x7fn)),
  step('peek.b region0 0xfe0 8 --stride 4', reads(8, PERIPHID, 8, 4)),
  step('peek.w region0 0xfe0 8 --stride 4', reads(16, PERIPHID, 8, 4)),
  step('peek region0 0xfe0 8', reads(32, PERIPHID, 8)),
  step('peek.b region0 0xfe0 7 --stride 0', reads(8, PERIPHID, 7, 0)),
  step('dump region0 0xfe0..0x1000', reads(32, PERIPHID, 8)),
  step('dump.b region0 0xff8..0x1000', reads(8, 0xff8, 8)),
  step('dump.w region0 0xff0..0x1000', reads(16, 0xff0, 8)),
  step('fill.b region0 0x20..0x24 0xa5', writes(8, 0x20, 0xa5n, 0xa5n, 0xa5n, 0xa5n)),
  step('fill.w region0 0x20..0x24 0xa55a', writes(16, 0x20, 0xa55an, 0xa55an)),
  step('fill region0 0x20..0x28 0xa55aa55a', writes(32, 0x20, 0xa55aa55an, 0xa55aa55an)),
  step('expect.b region0 0xfe0 == 0x31', reads(8, PERIPHID)),
  step('expect.w region0 0xfe4 == 0x10', reads(16, 0xfe4)),
  step('wait.b region0 0xfe0 == 0x1:0xf', reads(8, PERIPHID)),
  step('find.b region0 0xfe0..0xfe8 0x31', reads(8, PERIPHID, 8)),
  step('save.w region0 0xfe0..0xfe8 /tmp/widths.bin --replace', reads(16, PERIPHID, 4)),
  step('load.w /tmp/widths.bin region0 0x28', writes(16, 0x28, 0x31n, 0x31n, 0x10n, 0x10n)),
  step('poke.b region0 0x4 [region0 0xfe4:8]', reads(8, 0xfe4), writes(8, RTCMR, 0x10n)),
  step('peek -n region0 0x0; poke -n region0 0x8 0; dump -n region0 0 64B'),
];

/** QEMU's e1000e: its model is called with 4 bytes, whatever the bus saw. 0x8 is STATUS, 0x5400 the first receive address. */
export const e1000e: readonly Step[] = [
  step('peek region0 0x8', reads(32, 8)),
  step('poke region0 0x5400 0x00005452', writes(32, 0x5400, 0x5452n)),
  step('peek region0 0x5400', reads(32, 0x5400)),
  step('poke region0 0x5400 0x12340000:0xffff0000', reads(32, 0x5400), writes(32, 0x5400, 0x12345452n)),
  step('peek region0 0x8 3 --stride 0', reads(32, 8, 3, 0)),
  step('dump region0 0x5400..0x5410', reads(32, 0x5400, 4)),
  step('fill region0 0x5408..0x5418 0', writes(32, 0x5408, 0n, 0n, 0n, 0n)),
];

/** QEMU's virtio-mmio transport without a device behind it: registers of 4 bytes, read through the file only. */
export const virtio: readonly Step[] = [
  step('peek region0 0x0', reads(32, 0)),
  step('peek region0 0x0 4', reads(32, 0, 4)),
  step('poke region0 0x70 0', writes(32, 0x70, 0n)),
  step('dump region0 0..0x10', reads(32, 0, 4)),
  step('expect region0 0x0 == 0x74726976', reads(32, 0)),
];

/** What reads values and asks VFIO, but never the device. */
export const inert = [
  'info; regions; irq; irq stats; log; record; option; devices; history',
  'help; help peek; help irq; peek?',
  '$x = 5; echo "nothing"; use region0; use',
  'peek --js region0 0x4; poke --js region0 0x4 0; peek -n region0 0x4; poke -n region0 0x4 0',
  'info --json; regions --json; irq --json',
];
