import type { ShippedBody } from '../description.js';
import { identification } from './primecell.js';

const alarm = (description: string) => [{ name: 'RTCINTR', bits: 0, description }];

export const body: ShippedBody = {
  source: 'Arm DDI 0224, PrimeCell Real Time Clock (PL031), chapter 3',
  includes: ['platform'],
  regions: { region0: 'rtc' },
  interrupts: { irq0: 'alarm' },
  registers: {
    name: 'pl031',
    space: 'region0',
    registers: [
      { name: 'RTCDR', offset: 0x000, access: 'ro', description: 'Data: the count, in seconds' },
      { name: 'RTCMR', offset: 0x004, reset: 0, description: 'Match: the count at which the alarm comes' },
      { name: 'RTCLR', offset: 0x008, reset: 0, description: 'Load: sets the count' },
      {
        name: 'RTCCR',
        offset: 0x00c,
        description: 'Control. Some implementations, such as that of QEMU, always run',
        fields: [{ name: 'EN', bits: 0, description: 'Count. Once set it stays until the next reset' }],
      },
      {
        name: 'RTCIMSC',
        offset: 0x010,
        reset: 0,
        description: 'Interrupt mask',
        fields: alarm('1 lets the alarm through'),
      },
      {
        name: 'RTCRIS',
        offset: 0x014,
        access: 'ro',
        reset: 0,
        description: 'Raw interrupt status',
        fields: alarm('The alarm, masked or not'),
      },
      {
        name: 'RTCMIS',
        offset: 0x018,
        access: 'ro',
        reset: 0,
        description: 'Masked interrupt status',
        fields: alarm('The interrupt line'),
      },
      {
        name: 'RTCICR',
        offset: 0x01c,
        access: 'wo',
        description: 'Interrupt clear',
        fields: alarm('Write 1 to clear the alarm'),
      },
      ...identification('RTC', 0x031),
    ],
  },
  // RTCLR would set the clock back.
  restore: ['RTCMR', 'RTCIMSC'],
  guest: { clocks: [{ name: 'apb_pclk', hertz: 24_000_000 }] },
  scripts: { alarm: { file: 'pl031-alarm.vfio', summary: 'an alarm in two seconds, and its level interrupt' } },
};
