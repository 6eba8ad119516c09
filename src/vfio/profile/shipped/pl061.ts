import type { FieldEntry } from '../../registers/map-description.js';
import type { ShippedBody } from '../description.js';
import { identification } from './primecell.js';

/** A bit for each of the eight lines. */
const lines = (description: string): FieldEntry[] => [{ name: 'GPIO%s', bits: 0, count: 8, description }];

export const body: ShippedBody = {
  source: 'Arm DDI 0190, PrimeCell General Purpose Input/Output (PL061), chapter 3',
  includes: ['platform'],
  regions: { region0: 'gpio' },
  interrupts: { irq0: 'gpiointr' },
  registers: {
    name: 'pl061',
    space: 'region0',
    registers: [
      {
        name: 'GPIODATA',
        offset: 0x3fc,
        description:
          'The lines. From 0x000 to 0x3fc it is there 256 times: bits 9 to 2 of the offset choose the lines that an access means, ' +
          'others read as 0 and stay. This one, at 0x3fc, means all of them; poke region0 0x010 0x04 sets line 2 alone',
        fields: lines('The level; writing drives outputs'),
      },
      { name: 'GPIODIR', offset: 0x400, reset: 0, description: 'Direction', fields: lines('0 input, 1 output') },
      { name: 'GPIOIS', offset: 0x404, reset: 0, description: 'Interrupt sense', fields: lines('0 edge, 1 level') },
      {
        name: 'GPIOIBE',
        offset: 0x408,
        reset: 0,
        description: 'Interrupt on both edges',
        fields: lines('0 as GPIOIEV says, 1 both edges'),
      },
      {
        name: 'GPIOIEV',
        offset: 0x40c,
        reset: 0,
        description: 'Interrupt event',
        fields: lines('0 falling or low, 1 rising or high'),
      },
      { name: 'GPIOIE', offset: 0x410, reset: 0, description: 'Interrupt mask', fields: lines('1 lets it through') },
      {
        name: 'GPIORIS',
        offset: 0x414,
        access: 'ro',
        reset: 0,
        description: 'Raw interrupt status',
        fields: lines('Its condition was met'),
      },
      {
        name: 'GPIOMIS',
        offset: 0x418,
        access: 'ro',
        reset: 0,
        description: 'Masked interrupt status',
        fields: lines('It asserts the interrupt'),
      },
      {
        name: 'GPIOIC',
        offset: 0x41c,
        access: 'wo',
        description: 'Interrupt clear, of edges',
        fields: lines('Write 1 to clear'),
      },
      {
        name: 'GPIOAFSEL',
        offset: 0x420,
        reset: 0,
        description: 'Mode control',
        fields: lines('1 driven by hardware, not by software'),
      },
      ...identification('GPIO', 0x061),
    ],
  },
  // What the lines do before where they go, and interrupts last.
  restore: ['GPIOAFSEL', 'GPIODATA', 'GPIODIR', 'GPIOIS', 'GPIOIBE', 'GPIOIEV', 'GPIOIE'],
  guest: {
    clocks: [{ name: 'apb_pclk', hertz: 24_000_000 }],
  },
};
