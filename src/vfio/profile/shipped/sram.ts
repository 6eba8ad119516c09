import type { RegisterEntry } from '../../registers/map-description.js';
import type { AccessClass } from '../../sim/register-bank.js';
import { sramRegisters } from '../../sim/sram-registers.js';
import type { ShippedBody } from '../description.js';

/** The simulator's words for access that registers' own format has others for. */
const words: Partial<Record<AccessClass, string>> = { res: 'reserved' };

const says: Readonly<Record<string, string>> = {
  ID: '"SRAM", little endian',
  CTRL: 'A field of every kind',
  ONCE: 'Takes the first write after a reset',
  R8: 'Takes accesses of 8 bits only',
  R16: 'Takes accesses of 16 bits only',
  R32: 'Takes accesses of 32 bits only',
  R64: 'Takes accesses of 64 bits only',
  FIFO: 'Writing puts a word in, reading takes one out',
  FIFO_LEVEL: 'Words in FIFO',
  EVENT: 'Ones set bits of W1C and RC',
  LAST_READ: 'Offset of the last read in region1 in bits 15 to 0, its bytes in 23 to 16',
  LAST_WRITE: 'Offset of the last write in region1 in bits 15 to 0, its bytes in 23 to 16',
  READS: 'Reads of region1 so far',
  WRITES: 'Writes to region1 so far',
  DOORBELL: 'Writing n signals MSI-X vector n',
};

/** Names for CTRL.SPEED, the one field that has some. */
const speeds = { SLOW: 1, FAST: 4, TURBO: 8 };

/** The registers that the simulator makes the device from. */
const registers = sramRegisters.map((register): RegisterEntry => {
  const { name, offset, width, access, reset, fields } = register;
  return {
    name,
    offset,
    width,
    access: words[access] ?? access,
    ...(reset !== undefined && { reset }),
    ...(name === 'FIFO' && { readEffect: 'external' }),
    ...(says[name] !== undefined && { description: says[name] }),
    ...(fields && {
      fields: fields.map((field) => ({
        name: field.name,
        bits: `${field.bits[0]}:${field.bits[1]}`,
        access: words[field.access] ?? field.access,
        ...(field.name === 'SPEED' && { values: speeds }),
      })),
    }),
  };
});

export const body: ShippedBody = {
  source: 'the simulator',
  includes: ['pci'],
  regions: { region0: 'ram', region1: 'regs' },
  registers: { name: 'sram', space: 'region1', registers },
  scripts: { memtest: { file: 'sram-memtest.vfio', summary: 'patterns into the mapped memory and back' } },
};
