import type { FieldEntry, RegisterEntry } from '../../registers/map-description.js';
import type { ShippedBody } from '../description.js';
import { statistics } from './e1000e-statistics.js';

type Bits = readonly (readonly [name: string, bits: number | string, description?: string])[];

function fields(bits: Bits): FieldEntry[] {
  return bits.map(([name, at, description]) => ({ name, bits: at, ...(description !== undefined && { description }) }));
}

/** Causes of interrupts: the same bits in ICR, ICS, IMS and IMC. Source: section 10.2.4.1. */
const causes = fields([
  ['OTHER', 24, 'Another cause, by the vector of others (MSI-X)'],
  ['TXQ1', 23, 'Transmit queue 1 (MSI-X)'],
  ['TXQ0', 22, 'Transmit queue 0 (MSI-X)'],
  ['RXQ1', 21, 'Receive queue 1 (MSI-X)'],
  ['RXQ0', 20, 'Receive queue 0 (MSI-X)'],
  ['MNG', 18, 'Manageability event'],
  ['ACK', 17, 'Receive ACK frame'],
  ['SRPD', 16, 'Small packet received'],
  ['TXD_LOW', 15, 'Transmit descriptors low'],
  ['MDAC', 9, 'MDIO access complete'],
  ['RXT0', 7, 'Receive timer'],
  ['RXO', 6, 'Receiver overrun'],
  ['RXDMT0', 4, 'Receive descriptors below their threshold'],
  ['LSC', 2, 'Link status change'],
  ['TXQE', 1, 'Transmit queue empty'],
  ['TXDW', 0, 'Transmit descriptor written back'],
]);

const speeds = { M10: 0, M100: 1, G1: 2 };

const control: readonly RegisterEntry[] = [
  {
    name: 'CTRL',
    offset: 0x00000,
    description: 'Device control',
    fields: [
      { name: 'PHY_RST', bits: 31, description: 'PHY reset' },
      { name: 'VME', bits: 30, description: 'VLAN mode' },
      { name: 'TFCE', bits: 28, description: 'Transmit flow control' },
      { name: 'RFCE', bits: 27, description: 'Receive flow control' },
      { name: 'RST', bits: 26, description: 'Reset all but the PCIe side; clears itself' },
      { name: 'ADVD3WUC', bits: 20, description: 'D3cold wake-up is advertised' },
      { name: 'FRCDPLX', bits: 12, description: 'Force duplex' },
      { name: 'FRCSPD', bits: 11, description: 'Force speed' },
      { name: 'SPEED', bits: '9:8', values: speeds },
      { name: 'ILOS', bits: 7, description: 'Invert loss of signal' },
      { name: 'SLU', bits: 6, description: 'Set link up' },
      { name: 'ASDE', bits: 5, description: 'Speed as detected' },
      { name: 'GIO_MASTER_DISABLE', bits: 2, description: 'Send no requests; see STATUS.GIO_MASTER_ENABLE' },
      { name: 'FD', bits: 0, description: 'Full duplex' },
    ],
  },
  {
    name: 'STATUS',
    offset: 0x00008,
    description: 'Device status',
    fields: [
      { name: 'GIO_MASTER_ENABLE', bits: 19, access: 'ro', description: 'Requests may be under way' },
      { name: 'PHYRA', bits: 10, access: 'w0c', description: 'The PHY was reset' },
      { name: 'ASDV', bits: '9:8', access: 'ro', values: speeds, description: 'Speed that was detected' },
      { name: 'SPEED', bits: '7:6', access: 'ro', values: speeds },
      { name: 'TXOFF', bits: 4, access: 'ro', description: 'Transmission is paused' },
      { name: 'LAN_ID', bits: '3:2', access: 'ro' },
      { name: 'LU', bits: 1, access: 'ro', description: 'Link up' },
      { name: 'FD', bits: 0, access: 'ro', description: 'Full duplex' },
    ],
  },
  {
    name: 'EECD',
    offset: 0x00010,
    description: 'EEPROM and flash control (EEC in the datasheet)',
    fields: fields([
      ['SEC1VAL', 22, 'Sector 1 is the valid one'],
      ['AUPDEN', 20, 'Flash update by hardware'],
      ['FLUPD', 19, 'Update the flash'],
      ['AUTO_RD', 9, 'Hardware has read the NVM'],
      ['PRES', 8, 'NVM is there'],
      ['GNT', 7, 'Granted to software'],
      ['REQ', 6, 'Asked for by software'],
      ['DO', 3, 'Data out'],
      ['DI', 2, 'Data in'],
      ['CS', 1, 'Chip select'],
      ['SK', 0, 'Clock'],
    ]),
  },
  {
    name: 'EERD',
    offset: 0x00014,
    description: 'NVM read: write an address with START, wait for DONE',
    fields: fields([
      ['DATA', '31:16'],
      ['ADDR', '15:2'],
      ['DONE', 1],
      ['START', 0],
    ]),
  },
  {
    name: 'CTRL_EXT',
    offset: 0x00018,
    description: 'Extended device control',
    fields: fields([
      ['PBA_CLR', 31, 'Reading MSI-X pending bits clears them'],
      ['DRV_LOAD', 28, 'A driver is loaded'],
      ['IAME', 27, 'Interrupt acknowledge auto-mask'],
      ['EIAME', 24, 'MSI-X auto-mask'],
      ['LINK_MODE', '23:22'],
      ['PHYPDEN', 20, 'PHY power down'],
      ['DMA_DYN_CLK_EN', 19, 'DMA clock gating'],
      ['RO_DIS', 17, 'No relaxed ordering'],
      ['SPD_BYPS', 15, 'Speed select bypass'],
      ['EE_RST', 13, 'Read the NVM anew'],
    ]),
  },
  { name: 'FLA', offset: 0x0001c, description: 'Flash access' },
  {
    name: 'MDIC',
    offset: 0x00020,
    description: 'PHY register access',
    fields: [
      { name: 'ERROR', bits: 30 },
      { name: 'INT_EN', bits: 29, description: 'Interrupt (MDAC) at the end' },
      { name: 'READY', bits: 28, description: 'Done; write it as 0' },
      { name: 'OP', bits: '27:26', values: { WRITE: 1, READ: 2 } },
      { name: 'PHYADD', bits: '25:21', description: '1 for the internal PHY' },
      { name: 'REGADD', bits: '20:16' },
      { name: 'DATA', bits: '15:0' },
    ],
  },
  { name: 'FCAL', offset: 0x00028, description: 'Flow control address, low: 0x00c28001' },
  { name: 'FCAH', offset: 0x0002c, description: 'Flow control address, high: 0x0100' },
  { name: 'FCT', offset: 0x00030, description: 'Flow control type: 0x8808' },
  { name: 'VET', offset: 0x00038, description: 'VLAN EtherType' },
  { name: 'LEDCTL', offset: 0x00e00, description: 'LED control' },
  { name: 'EXTCNF_CTRL', offset: 0x00f00, description: 'Extended configuration; bit 5 is software ownership of MDIO' },
  {
    name: 'PBA',
    offset: 0x01000,
    fields: fields([
      ['TXA', '31:16', 'Transmit buffer, KiB'],
      ['RXA', '15:0', 'Receive buffer, KiB'],
    ]),
  },
  { name: 'WUC', offset: 0x05800, description: 'Wake-up control' },
  { name: 'WUFC', offset: 0x05808, description: 'Wake-up filter control' },
  { name: 'WUS', offset: 0x05810, access: 'w1c', description: 'Wake-up status: what has woken the system' },
  { name: 'MANC', offset: 0x05820, description: 'Management control' },
  { name: 'GCR', offset: 0x05b00, description: 'PCIe control' },
  {
    name: 'FACTPS',
    offset: 0x05b30,
    access: 'ro',
    readEffect: 'clear',
    description: 'Function active and power state',
    fields: fields([['PM_STATE_CHANGED', 31, 'A power state has changed; reading clears it']]),
  },
  {
    name: 'SWSM',
    offset: 0x05b50,
    readEffect: 'set',
    description: 'Software semaphore: reading SMBI as 0 takes it',
    fields: fields([
      ['DRV_LOAD', 3, 'A driver is loaded'],
      ['SWESMBI', 1, 'Held by software against firmware'],
      ['SMBI', 0, 'Set by reading it'],
    ]),
  },
  { name: 'FWSM', offset: 0x05b54, access: 'ro', description: 'Firmware semaphore' },
];

const interrupts: readonly RegisterEntry[] = [
  {
    name: 'ICR',
    offset: 0x000c0,
    access: 'w1c',
    readEffect: 'clear',
    description: 'Interrupt cause read',
    fields: [{ name: 'INT_ASSERTED', bits: 31, description: 'The interrupt is asserted' }, ...causes],
  },
  {
    name: 'ITR',
    offset: 0x000c4,
    fields: fields([['INTERVAL', '15:0', 'At least so many 256 ns between interrupts']]),
  },
  { name: 'ICS', offset: 0x000c8, access: 'wo', description: 'Interrupt cause set', fields: causes },
  {
    name: 'IMS',
    offset: 0x000d0,
    access: 'w1s',
    reset: 0,
    description: 'Interrupt mask set, and the mask as it is',
    fields: causes,
  },
  { name: 'IMC', offset: 0x000d8, access: 'wo', description: 'Interrupt mask clear', fields: causes },
  {
    name: 'EIAC',
    offset: 0x000dc,
    description: 'Causes that MSI-X clears by itself',
    fields: fields([['CAUSES', '24:20']]),
  },
  { name: 'IAM', offset: 0x000e0, description: 'Interrupt acknowledge auto-mask' },
  {
    name: 'IVAR',
    offset: 0x000e4,
    description: 'Which MSI-X vector each cause has; bit 3 of each says that it has one',
    fields: fields([
      ['INT_ON_ALL_WB', 31, 'Interrupt on each transmit write back'],
      ['OTHER', '19:16'],
      ['TXQ1', '15:12'],
      ['TXQ0', '11:8'],
      ['RXQ1', '7:4'],
      ['RXQ0', '3:0'],
    ]),
  },
  {
    name: 'EITR',
    offset: 0x000e8,
    count: 5,
    fields: fields([['INTERVAL', '15:0', 'As in ITR, for one MSI-X vector']]),
  },
];

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

const receive: readonly RegisterEntry[] = [
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

const transmit: readonly RegisterEntry[] = [
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

export const body: ShippedBody = {
  source: 'Intel 82574 GbE Controller Family Datasheet (317694), chapter 10; Linux, drivers/net/ethernet/intel/e1000e',
  includes: ['pci'],
  regions: { region0: 'csr', region1: 'flash', region2: 'io' },
  registers: {
    name: 'e1000e',
    space: 'region0',
    registers: [...control, ...interrupts, ...receive, ...transmit, ...statistics],
  },
  cautions: [
    { space: 'region2', offset: 4, size: 4, reason: 'IODATA reads the register that IOADDR names, with its effect' },
    { space: 'region0', offset: 0x0b61c, size: 4, reason: 'TXSTMPH frees the transmit time stamp for the next packet' },
    { space: 'region0', offset: 0x0b628, size: 4, reason: 'RXSTMPH frees the receive time stamp for the next packet' },
  ],
  // Where rings lie and what they do before RCTL and TCTL, which start them; interrupts last.
  restore: [
    'FCAL',
    'FCAH',
    'FCT',
    'FCTTV',
    'FCRTL',
    'FCRTH',
    'VET',
    'MTA[*]',
    'RAL[*]',
    'RAH[*]',
    'VFTA[*]',
    'RXCSUM',
    'RFCTL',
    'MRQC',
    'RDTR',
    'RADV',
    'TIDV',
    'TADV',
    'TIPG',
    'RD*',
    'RXDCTL[*]',
    'TD*',
    'TXDCTL[*]',
    'TARC[*]',
    'TCTL',
    'RCTL',
    'ITR',
    'EITR[*]',
    'IVAR',
    'EIAC',
    'IAM',
  ],
  notes: ['Registers take accesses of 32 bits.', 'ICR, SWSM, FACTPS and the statistics change when they are read.'],
};
