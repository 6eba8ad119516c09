import type { Access, ReadEffect, RegisterMap, WriteEffect } from '../../src/vfio/registers/register-map.js';
import type { AccessClass } from '../../src/vfio/sim/register-bank.js';
import { sramRegisters } from '../../src/vfio/sim/sram-registers.js';
import { field, map, register } from './register-fixture.js';

const classes: Readonly<Record<AccessClass, [access: Access, write: WriteEffect, read?: ReadEffect]>> = {
  ro: ['ro', 'modify'],
  rw: ['rw', 'modify'],
  wo: ['wo', 'modify'],
  w1c: ['rw', 'w1c'],
  w1s: ['rw', 'w1s'],
  w1t: ['rw', 'w1t'],
  w0c: ['rw', 'w0c'],
  rc: ['ro', 'modify', 'clear'],
  rs: ['ro', 'modify', 'set'],
  w1: ['rw-once', 'modify'],
  res: ['reserved', 'modify'],
};

/** The register bank of sim:sram's region1, with a register of every access class, as a map. */
export const sramMap: RegisterMap = map(
  'sram bank',
  sramRegisters.map(({ name, offset, width, access, fields = [], reset }) => {
    const [kind, writeEffect, own] = classes[access];
    const readEffect = name === 'FIFO' ? 'external' : own;
    return register(name, offset, {
      space: 'region1',
      width,
      access: kind,
      writeEffect,
      reset: reset ?? 0n,
      ...(readEffect && { readEffect }),
      fields: fields.toReversed().map((one) => {
        const [each, effect] = classes[one.access];
        const values = one.name === 'SPEED' ? { SLOW: 1, FAST: 4, TURBO: 8 } : {};
        return field(one.name, one.bits, { access: each, writeEffect: effect, values });
      }),
    });
  }),
);
