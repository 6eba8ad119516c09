import type { Register } from './register-bank.js';

/** The registers of sram's region1: one of every access class, then those that watch, then the doorbell. */

const classes: readonly Register[] = [
  { name: 'ID', offset: 0x000, width: 32, access: 'ro', reset: 0x4d415253n },
  { name: 'VERSION', offset: 0x004, width: 32, access: 'ro', reset: 0x00010000n },
  { name: 'RW', offset: 0x008, width: 32, access: 'rw' },
  {
    name: 'CTRL',
    offset: 0x00c,
    width: 32,
    access: 'rw',
    reset: 0x428n,
    fields: [
      { name: 'EN', bits: [0, 0], access: 'rw' },
      { name: 'MODE', bits: [2, 1], access: 'rw' },
      { name: 'READY', bits: [3, 3], access: 'ro' },
      { name: 'GO', bits: [4, 4], access: 'wo' },
      { name: 'ERR', bits: [5, 5], access: 'w1c' },
      { name: 'SPEED', bits: [11, 8], access: 'rw' },
    ],
  },
  { name: 'W1C', offset: 0x010, width: 32, access: 'w1c', reset: 0x0000ffffn },
  { name: 'W1S', offset: 0x014, width: 32, access: 'w1s' },
  { name: 'W1T', offset: 0x018, width: 32, access: 'w1t' },
  { name: 'W0C', offset: 0x01c, width: 32, access: 'w0c', reset: 0x0000ffffn },
  { name: 'RC', offset: 0x020, width: 32, access: 'rc', reset: 0x00c0ffeen },
  { name: 'RS', offset: 0x024, width: 32, access: 'rs' },
  { name: 'WO', offset: 0x028, width: 32, access: 'wo' },
  { name: 'ONCE', offset: 0x02c, width: 32, access: 'w1' },
  { name: 'RES', offset: 0x030, width: 32, access: 'res' },
  { name: 'RO', offset: 0x034, width: 32, access: 'ro', reset: 0x600dcafen },
  { name: 'WIDE', offset: 0x038, width: 64, access: 'rw' },
  { name: 'R8', offset: 0x040, width: 8, access: 'rw', exact: true },
  { name: 'R16', offset: 0x042, width: 16, access: 'rw', exact: true },
  { name: 'R32', offset: 0x044, width: 32, access: 'rw', exact: true },
  { name: 'R64', offset: 0x048, width: 64, access: 'rw', exact: true },
  { name: 'FIFO', offset: 0x050, width: 32, access: 'rw' },
  { name: 'FIFO_LEVEL', offset: 0x054, width: 32, access: 'ro' },
  { name: 'EVENT', offset: 0x058, width: 32, access: 'wo' },
];

/** Where the watching registers lie: accesses to them are not watched themselves. */
export const WATCH = { offset: 0x060, size: 0x20 } as const;

const watching: readonly Register[] = [
  { name: 'LAST_READ', offset: 0x060, width: 32, access: 'ro' },
  { name: 'LAST_WRITE', offset: 0x064, width: 32, access: 'ro' },
  { name: 'READS', offset: 0x068, width: 32, access: 'ro' },
  { name: 'WRITES', offset: 0x06c, width: 32, access: 'ro' },
  { name: 'SINK_LAST', offset: 0x070, width: 64, access: 'ro' },
  { name: 'SINK_COUNT', offset: 0x078, width: 32, access: 'ro' },
];

const doorbell: readonly Register[] = [
  { name: 'DOORBELL', offset: 0x100, width: 32, access: 'wo' },
  { name: 'BURST', offset: 0x104, width: 32, access: 'rw', reset: 1n },
  { name: 'SPREAD', offset: 0x108, width: 32, access: 'rw', reset: 1n },
  { name: 'RATE', offset: 0x10c, width: 32, access: 'rw' },
  { name: 'LEFT', offset: 0x110, width: 32, access: 'ro' },
  { name: 'SENT', offset: 0x118, width: 64, access: 'ro' },
];

export const sramRegisters: readonly Register[] = [...classes, ...watching, ...doorbell];

/** Nothing answers here: accesses fault. */
export const HOLE = { offset: 0x200, size: 0x100 } as const;
