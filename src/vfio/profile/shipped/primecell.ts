import type { RegisterEntry } from '../../registers/map-description.js';

/** What identifies a PrimeCell, in the last 32 bytes of its 4 KiB: a byte in each word. Source: Arm IHI 0029, section D1.2. */
export function identification(prefix: string, part: number): readonly RegisterEntry[] {
  const hidden = { access: 'ro', width: 32 } as const;
  return [
    {
      ...hidden,
      name: `${prefix}PeriphID0`,
      offset: 0xfe0,
      reset: part & 0xff,
      fields: [
        { name: 'PartNumber0', bits: '7:0', description: `Part 0x${part.toString(16).padStart(3, '0')}, low byte` },
      ],
    },
    {
      ...hidden,
      name: `${prefix}PeriphID1`,
      offset: 0xfe4,
      reset: 0x10 | (part >> 8),
      fields: [
        { name: 'Designer0', bits: '7:4', description: 'Designer 0x41 (Arm), low digit' },
        { name: 'PartNumber1', bits: '3:0', description: 'Part, high digit' },
      ],
    },
    {
      ...hidden,
      name: `${prefix}PeriphID2`,
      offset: 0xfe8,
      reset: 0x04,
      resetMask: 0x0f,
      fields: [
        { name: 'Revision', bits: '7:4' },
        { name: 'Designer1', bits: '3:0', description: 'Designer, high digit' },
      ],
    },
    {
      ...hidden,
      name: `${prefix}PeriphID3`,
      offset: 0xfec,
      reset: 0x00,
      fields: [{ name: 'Configuration', bits: '7:0' }],
    },
    { ...hidden, name: `${prefix}PCellID0`, offset: 0xff0, reset: 0x0d },
    { ...hidden, name: `${prefix}PCellID1`, offset: 0xff4, reset: 0xf0 },
    { ...hidden, name: `${prefix}PCellID2`, offset: 0xff8, reset: 0x05 },
    { ...hidden, name: `${prefix}PCellID3`, offset: 0xffc, reset: 0xb1 },
  ];
}
