import type { RegisterEntry } from '../../registers/map-description.js';
import type { ShippedBody } from '../description.js';

function small(name: string, offset: number, width: 8 | 16, access: string, description: string): RegisterEntry {
  return { name, offset, width, access, description };
}

export const body: ShippedBody = {
  source: 'PCI Local Bus Specification 3.0, section 6.2; names of linux/pci_regs.h',
  registers: {
    name: 'config',
    space: 'config',
    description:
      'The header of a PCI function that is no bridge. VFIO makes some of it up: BARs, MSI addresses, the interrupt line',
    registers: [
      small('VENDOR_ID', 0x00, 16, 'ro', 'Vendor'),
      small('DEVICE_ID', 0x02, 16, 'ro', 'Device'),
      {
        name: 'COMMAND',
        offset: 0x04,
        width: 16,
        fields: [
          { name: 'INTX_DISABLE', bits: 10, description: 'No INTx' },
          { name: 'FAST_BACK', bits: 9, description: 'Fast back-to-back' },
          { name: 'SERR', bits: 8, description: 'Report system errors' },
          { name: 'WAIT', bits: 7, description: 'Address stepping' },
          { name: 'PARITY', bits: 6, description: 'React to parity errors' },
          { name: 'VGA_PALETTE', bits: 5, description: 'Snoop palette writes' },
          { name: 'INVALIDATE', bits: 4, description: 'Memory write and invalidate' },
          { name: 'SPECIAL', bits: 3, description: 'Watch special cycles' },
          { name: 'MASTER', bits: 2, description: 'Bus master: send DMA and MSI' },
          { name: 'MEMORY', bits: 1, description: 'Answer to memory accesses' },
          { name: 'IO', bits: 0, description: 'Answer to I/O accesses' },
        ],
      },
      {
        name: 'STATUS',
        offset: 0x06,
        width: 16,
        fields: [
          { name: 'DETECTED_PARITY', bits: 15, access: 'w1c', description: 'Parity error seen' },
          { name: 'SIG_SYSTEM_ERROR', bits: 14, access: 'w1c', description: 'System error signalled' },
          { name: 'REC_MASTER_ABORT', bits: 13, access: 'w1c', description: 'Ended as a master without an answer' },
          { name: 'REC_TARGET_ABORT', bits: 12, access: 'w1c', description: 'Ended as a master by a refusal' },
          { name: 'SIG_TARGET_ABORT', bits: 11, access: 'w1c', description: 'Refused as a target' },
          { name: 'DEVSEL', bits: '10:9', access: 'ro', values: { FAST: 0, MEDIUM: 1, SLOW: 2 } },
          { name: 'PARITY', bits: 8, access: 'w1c', description: 'Parity error as a master' },
          { name: 'FAST_BACK', bits: 7, access: 'ro', description: 'Fast back-to-back' },
          { name: 'MHZ_66', bits: 5, access: 'ro', description: '66 MHz' },
          { name: 'CAP_LIST', bits: 4, access: 'ro', description: 'There is a list of capabilities' },
          { name: 'INTERRUPT', bits: 3, access: 'ro', description: 'INTx is asserted' },
          { name: 'IMM_READY', bits: 0, access: 'ro', description: 'Ready right after a reset' },
        ],
      },
      small('REVISION', 0x08, 8, 'ro', 'Revision'),
      small('CLASS_PROG', 0x09, 8, 'ro', 'Programming interface'),
      {
        name: 'CLASS_DEVICE',
        offset: 0x0a,
        width: 16,
        access: 'ro',
        fields: [
          { name: 'BASE', bits: '15:8', description: 'Base class' },
          { name: 'SUB', bits: '7:0', description: 'Subclass' },
        ],
      },
      small('CACHE_LINE_SIZE', 0x0c, 8, 'rw', 'Cache line, in 4 bytes'),
      small('LATENCY_TIMER', 0x0d, 8, 'rw', 'Latency timer'),
      {
        name: 'HEADER_TYPE',
        offset: 0x0e,
        width: 8,
        access: 'ro',
        fields: [
          { name: 'MULTI', bits: 7, description: 'One of several functions' },
          { name: 'LAYOUT', bits: '6:0', values: { NORMAL: 0, BRIDGE: 1, CARDBUS: 2 } },
        ],
      },
      {
        name: 'BIST',
        offset: 0x0f,
        width: 8,
        fields: [
          { name: 'CAPABLE', bits: 7, access: 'ro', description: 'There is a self-test' },
          { name: 'START', bits: 6, description: 'Write 1 to start; 0 when it is done' },
          { name: 'CODE', bits: '3:0', access: 'ro', description: 'Result; 0 is passed' },
        ],
      },
      {
        name: 'BASE_ADDRESS_%s',
        offset: 0x10,
        count: 6,
        description: 'A BAR, as VFIO keeps it: writing it moves nothing',
      },
      { name: 'CARDBUS_CIS', offset: 0x28, access: 'ro', description: 'CardBus CIS pointer' },
      small('SUBSYSTEM_VENDOR_ID', 0x2c, 16, 'ro', 'Vendor of the board'),
      small('SUBSYSTEM_ID', 0x2e, 16, 'ro', 'The board'),
      {
        name: 'ROM_ADDRESS',
        offset: 0x30,
        fields: [
          { name: 'ADDRESS', bits: '31:11' },
          { name: 'ENABLE', bits: 0, description: 'Answer to accesses of the ROM' },
        ],
      },
      small('CAPABILITY_LIST', 0x34, 8, 'ro', 'Offset of the first capability'),
      small('INTERRUPT_LINE', 0x3c, 8, 'rw', 'Scratch: what firmware noted of INTx'),
      {
        name: 'INTERRUPT_PIN',
        offset: 0x3d,
        width: 8,
        access: 'ro',
        fields: [{ name: 'PIN', bits: '7:0', values: { NONE: 0, INTA: 1, INTB: 2, INTC: 3, INTD: 4 } }],
      },
      small('MIN_GNT', 0x3e, 8, 'ro', 'Burst, in 250 ns'),
      small('MAX_LAT', 0x3f, 8, 'ro', 'Latency, in 250 ns'),
    ],
  },
};
