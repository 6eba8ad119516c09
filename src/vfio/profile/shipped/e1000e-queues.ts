import type { RegisterEntry } from '../../registers/map-description.js';
import { fields } from './field-list.js';

const thresholds = fields([
  ['GRAN', 24, 'Thresholds count descriptors, not cache lines'],
  ['WTHRESH', '21:16', 'Write back'],
  ['HTHRESH', '13:8', 'Host'],
  ['PTHRESH', '5:0', 'Prefetch'],
]);

/** The registers of the two descriptor rings of one direction. */
function rings(letter: 'R' | 'T', base: number, what: string): RegisterEntry[] {
  const each = { count: 2, stride: 0x100 } as const;
  return [
    { ...each, name: `${letter}DBAL`, offset: base, description: `${what} descriptor base, low; 16 bytes aligned` },
    { ...each, name: `${letter}DBAH`, offset: base + 0x04, description: `${what} descriptor base, high` },
    {
      ...each,
      name: `${letter}DLEN`,
      offset: base + 0x08,
      fields: fields([['LEN', '19:7', 'Ring length, in 128 bytes']]),
    },
    {
      ...each,
      name: `${letter}DH`,
      offset: base + 0x10,
      fields: fields([['HEAD', '15:0', "The device's next descriptor"]]),
    },
    {
      ...each,
      name: `${letter}DT`,
      offset: base + 0x18,
      fields: fields([['TAIL', '15:0', "One behind software's last descriptor"]]),
    },
    {
      ...each,
      name: `${letter}XDCTL`,
      offset: base + 0x28,
      description: `${what} descriptor control`,
      fields: thresholds,
    },
  ];
}

/** Source: Intel 317694, section 10.2.5. */
export const receive: readonly RegisterEntry[] = [
  {
    name: 'RCTL',
    offset: 0x00100,
    reset: 0,
    description: 'Receive control',
    fields: [
      { name: 'FLXBUF', bits: '30:27', description: 'Buffer size in KiB, if not 0' },
      { name: 'SECRC', bits: 26, description: 'Strip the CRC' },
      { name: 'BSEX', bits: 25, description: 'BSIZE times 16' },
      { name: 'PMCF', bits: 23, description: 'Pass MAC control frames' },
      { name: 'DPF', bits: 22, description: 'Discard pause frames' },
      { name: 'CFI', bits: 20, description: 'Canonical form' },
      { name: 'CFIEN', bits: 19, description: 'Filter by the canonical form' },
      { name: 'VFE', bits: 18, description: 'VLAN filter' },
      { name: 'BSIZE', bits: '17:16', values: { B2048: 0, B1024: 1, B512: 2, B256: 3 } },
      { name: 'BAM', bits: 15, description: 'Accept broadcasts' },
      { name: 'MO', bits: '13:12', description: 'Multicast offset' },
      { name: 'DTYP', bits: '11:10', values: { LEGACY: 0, PACKET_SPLIT: 1 } },
      { name: 'RDMTS', bits: '9:8', values: { HALF: 0, QUARTER: 1, EIGHTH: 2 }, description: 'Threshold of RXDMT0' },
      { name: 'LBM', bits: '7:6', values: { OFF: 0, MAC: 1 }, description: 'Loopback' },
      { name: 'LPE', bits: 5, description: 'Long packets' },
      { name: 'MPE', bits: 4, description: 'Multicast promiscuous' },
      { name: 'UPE', bits: 3, description: 'Unicast promiscuous' },
      { name: 'SBP', bits: 2, description: 'Store bad packets' },
      { name: 'EN', bits: 1, description: 'Receive' },
    ],
  },
  {
    name: 'FCRTL',
    offset: 0x02160,
    fields: fields([
      ['XONE', 31, 'Send XON'],
      ['RTL', '15:3', 'Low water, in 8 bytes'],
    ]),
  },
  { name: 'FCRTH', offset: 0x02168, fields: fields([['RTH', '15:3', 'High water, in 8 bytes']]) },
  ...rings('R', 0x02800, 'Receive'),
  {
    name: 'RDTR',
    offset: 0x02820,
    fields: fields([
      ['FPD', 31, 'Flush'],
      ['DELAY', '15:0', 'Interrupt delay, in 1.024 us'],
    ]),
  },
  { name: 'RADV', offset: 0x0282c, fields: fields([['DELAY', '15:0', 'Interrupt delay at the most, in 1.024 us']]) },
  { name: 'RSRPD', offset: 0x02c00, fields: fields([['SIZE', '11:0', 'A small packet has fewer bytes']]) },
  {
    name: 'RXCSUM',
    offset: 0x05000,
    description: 'Receive checksum control',
    fields: fields([
      ['PCSD', 13, 'RSS hash in the place of the checksum'],
      ['IPPCSE', 12],
      ['TUOFL', 9, 'Check TCP and UDP'],
      ['IPOFL', 8, 'Check IP'],
      ['PCSS', '7:0', 'Where the packet checksum begins'],
    ]),
  },
  {
    name: 'RFCTL',
    offset: 0x05008,
    description: 'Receive filter control',
    fields: fields([['EXSTEN', 15, 'Extended descriptors']]),
  },
  { name: 'MTA', offset: 0x05200, count: 128, description: 'Multicast table: a bit for each of 4096 hashes' },
  {
    name: 'RAL',
    offset: 0x05400,
    count: 16,
    stride: 8,
    description: 'Receive address, bytes 1 to 4; RAL[0] and RAH[0] are the own one',
  },
  {
    name: 'RAH',
    offset: 0x05404,
    count: 16,
    stride: 8,
    fields: fields([
      ['AV', 31, 'Valid'],
      ['ASEL', '17:16'],
      ['ADDR', '15:0', 'Bytes 5 and 6'],
    ]),
  },
  { name: 'VFTA', offset: 0x05600, count: 128, description: 'VLAN table: a bit for each id' },
  {
    name: 'MRQC',
    offset: 0x05818,
    description: 'Multiple receive queues',
    fields: fields([
      ['RSS_FIELDS', '31:16'],
      ['ENABLE', '1:0'],
    ]),
  },
];

/** Source: Intel 317694, section 10.2.6. */
export const transmit: readonly RegisterEntry[] = [
  { name: 'FCTTV', offset: 0x00170, fields: fields([['TTV', '15:0', 'Pause time']]) },
  {
    name: 'TCTL',
    offset: 0x00400,
    description: 'Transmit control',
    fields: fields([
      ['MULR', 28, 'Several requests at a time'],
      ['RTLC', 24, 'Send again after a late collision'],
      ['COLD', '21:12', 'Collision distance'],
      ['CT', '11:4', 'Collision threshold'],
      ['PSP', 3, 'Pad short packets'],
      ['EN', 1, 'Transmit'],
    ]),
  },
  {
    name: 'TIPG',
    offset: 0x00410,
    fields: fields([
      ['IPGR2', '29:20'],
      ['IPGR1', '19:10'],
      ['IPGT', '9:0', 'Gap between packets'],
    ]),
  },
  ...rings('T', 0x03800, 'Transmit'),
  {
    name: 'TARC',
    offset: 0x03840,
    count: 2,
    stride: 0x100,
    fields: fields([
      ['ENABLE', 10, 'The queue is on'],
      ['COUNT', '6:0'],
    ]),
  },
  {
    name: 'TIDV',
    offset: 0x03820,
    fields: fields([
      ['FPD', 31, 'Flush'],
      ['IDV', '15:0', 'Interrupt delay, in 1.024 us'],
    ]),
  },
  { name: 'TADV', offset: 0x0382c, fields: fields([['IDV', '15:0', 'Interrupt delay at the most, in 1.024 us']]) },
];
