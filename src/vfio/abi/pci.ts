/** Numbers of PCI configuration space. Source: linux/pci_regs.h, which follows the PCI and PCI Express Base Specifications. */

/** Bytes of configuration space that every function has, and of the extended one of PCI Express. */
export const PCI_CFG_SPACE_SIZE = 0x100;
export const PCI_CFG_SPACE_EXP_SIZE = 0x1000;

export const PCI_VENDOR_ID = 0x00;
export const PCI_DEVICE_ID = 0x02;
export const PCI_COMMAND = 0x04;
export const PCI_STATUS = 0x06;
/** Revision in the low 8 bits, class code in the high 24. */
export const PCI_CLASS_REVISION = 0x08;
export const PCI_CACHE_LINE_SIZE = 0x0c;
export const PCI_LATENCY_TIMER = 0x0d;
export const PCI_HEADER_TYPE = 0x0e;
export const PCI_BIST = 0x0f;
export const PCI_BASE_ADDRESS_0 = 0x10;
export const PCI_CARDBUS_CIS = 0x28;
export const PCI_SUBSYSTEM_VENDOR_ID = 0x2c;
export const PCI_SUBSYSTEM_ID = 0x2e;
export const PCI_ROM_ADDRESS = 0x30;
/** Offset of the first capability, 8 bits, the low two of which are to be ignored. */
export const PCI_CAPABILITY_LIST = 0x34;
export const PCI_INTERRUPT_LINE = 0x3c;
export const PCI_INTERRUPT_PIN = 0x3d;
export const PCI_MIN_GNT = 0x3e;
export const PCI_MAX_LAT = 0x3f;

/** In the header type: layout in the low 7 bits (0 device, 1 bridge, 2 CardBus bridge), several functions in the highest. */
export const PCI_HEADER_TYPE_MASK = 0x7f;
export const PCI_HEADER_TYPE_MFD = 0x80;

/** Bridges (header type 1). */
export const PCI_PRIMARY_BUS = 0x18;
export const PCI_IO_BASE = 0x1c;
export const PCI_SEC_STATUS = 0x1e;
export const PCI_MEMORY_BASE = 0x20;
export const PCI_PREF_MEMORY_BASE = 0x24;
export const PCI_PREF_BASE_UPPER32 = 0x28;
export const PCI_PREF_LIMIT_UPPER32 = 0x2c;
export const PCI_IO_BASE_UPPER16 = 0x30;
export const PCI_ROM_ADDRESS1 = 0x38;
export const PCI_BRIDGE_CONTROL = 0x3e;
/** CardBus bridges (header type 2) have the head of the capability list elsewhere. */
export const PCI_CB_CAPABILITY_LIST = 0x14;

export const PCI_COMMAND_IO = 0x1;
export const PCI_COMMAND_MEMORY = 0x2;
export const PCI_COMMAND_MASTER = 0x4;
export const PCI_COMMAND_PARITY = 0x40;
export const PCI_COMMAND_SERR = 0x100;
export const PCI_COMMAND_INTX_DISABLE = 0x400;

export const PCI_STATUS_INTERRUPT = 0x08;
export const PCI_STATUS_CAP_LIST = 0x10;

/** In a capability: id in byte 0, offset of the next in byte 1. */
export const PCI_CAP_LIST_NEXT = 1;
export const PCI_CAP_ID_PM = 0x01;
export const PCI_CAP_ID_VPD = 0x03;
export const PCI_CAP_ID_MSI = 0x05;
export const PCI_CAP_ID_VNDR = 0x09;
export const PCI_CAP_ID_SSVID = 0x0d;
export const PCI_CAP_ID_EXP = 0x10;
export const PCI_CAP_ID_MSIX = 0x11;
export const PCI_CAP_ID_SATA = 0x12;
export const PCI_CAP_ID_AF = 0x13;

export const PCI_EXT_CAP_ID_ERR = 0x01;
export const PCI_EXT_CAP_ID_DSN = 0x03;
export const PCI_EXT_CAP_ID_VNDR = 0x0b;
export const PCI_EXT_CAP_ID_ACS = 0x0d;
export const PCI_EXT_CAP_ID_ARI = 0x0e;
export const PCI_EXT_CAP_ID_ATS = 0x0f;
export const PCI_EXT_CAP_ID_SRIOV = 0x10;
export const PCI_EXT_CAP_ID_PRI = 0x13;
export const PCI_EXT_CAP_ID_REBAR = 0x15;
export const PCI_EXT_CAP_ID_LTR = 0x18;
export const PCI_EXT_CAP_ID_PASID = 0x1b;
export const PCI_EXT_CAP_ID_PTM = 0x1f;
export const PCI_EXT_CAP_ID_DVSEC = 0x23;

/** From the MSI and MSI-X capabilities' start: message control; from the MSI-X capability's: table and pending bits, each with a BAR in 3 bits. */
export const PCI_MSI_FLAGS = 2;
export const PCI_MSI_FLAGS_ENABLE = 0x1;
export const PCI_MSIX_FLAGS = 2;
export const PCI_MSIX_FLAGS_QSIZE = 0x7ff;
export const PCI_MSIX_FLAGS_ENABLE = 0x8000;
export const PCI_MSIX_TABLE = 4;
export const PCI_MSIX_TABLE_BIR = 0x7;
export const PCI_MSIX_PBA = 8;
export const PCI_MSIX_ENTRY_SIZE = 16;

/** What a PCI capability is: a short name as the header has it, and its name in words. */
export interface CapabilityName {
  readonly name: string;
  readonly words: string;
}

const named = (table: readonly (readonly [id: number, name: string, words: string])[]): Map<number, CapabilityName> =>
  new Map(table.map(([id, name, words]) => [id, { name, words }]));

/** Capabilities of the first 256 bytes by PCI_CAP_ID_*. */
export const capabilityNames: ReadonlyMap<number, CapabilityName> = named([
  [0x01, 'PM', 'Power Management'],
  [0x02, 'AGP', 'Accelerated Graphics Port'],
  [0x03, 'VPD', 'Vital Product Data'],
  [0x04, 'SLOTID', 'Slot Identification'],
  [0x05, 'MSI', 'Message Signalled Interrupts'],
  [0x06, 'CHSWP', 'CompactPCI HotSwap'],
  [0x07, 'PCIX', 'PCI-X'],
  [0x08, 'HT', 'HyperTransport'],
  [0x09, 'VNDR', 'Vendor-Specific'],
  [0x0a, 'DBG', 'Debug Port'],
  [0x0b, 'CCRC', 'CompactPCI Central Resource Control'],
  [0x0c, 'SHPC', 'Standard Hot-Plug Controller'],
  [0x0d, 'SSVID', 'Bridge Subsystem Vendor and Device ID'],
  [0x0e, 'AGP3', 'AGP Target PCI-PCI Bridge'],
  [0x0f, 'SECDEV', 'Secure Device'],
  [0x10, 'EXP', 'PCI Express'],
  [0x11, 'MSIX', 'MSI-X'],
  [0x12, 'SATA', 'SATA Data/Index Configuration'],
  [0x13, 'AF', 'Advanced Features'],
  [0x14, 'EA', 'Enhanced Allocation'],
]);

/** Extended capabilities, from 0x100 on, by PCI_EXT_CAP_ID_*. */
export const extendedCapabilityNames: ReadonlyMap<number, CapabilityName> = named([
  [0x01, 'ERR', 'Advanced Error Reporting'],
  [0x02, 'VC', 'Virtual Channel'],
  [0x03, 'DSN', 'Device Serial Number'],
  [0x04, 'PWR', 'Power Budgeting'],
  [0x05, 'RCLD', 'Root Complex Link Declaration'],
  [0x06, 'RCILC', 'Root Complex Internal Link Control'],
  [0x07, 'RCEC', 'Root Complex Event Collector'],
  [0x08, 'MFVC', 'Multi-Function Virtual Channel'],
  [0x09, 'VC9', 'Virtual Channel'],
  [0x0a, 'RCRB', 'Root Complex Register Block'],
  [0x0b, 'VNDR', 'Vendor-Specific'],
  [0x0d, 'ACS', 'Access Control Services'],
  [0x0e, 'ARI', 'Alternative Routing-ID Interpretation'],
  [0x0f, 'ATS', 'Address Translation Services'],
  [0x10, 'SRIOV', 'Single Root I/O Virtualization'],
  [0x11, 'MRIOV', 'Multi Root I/O Virtualization'],
  [0x12, 'MCAST', 'Multicast'],
  [0x13, 'PRI', 'Page Request Interface'],
  [0x15, 'REBAR', 'Resizable BAR'],
  [0x16, 'DPA', 'Dynamic Power Allocation'],
  [0x17, 'TPH', 'TLP Processing Hints'],
  [0x18, 'LTR', 'Latency Tolerance Reporting'],
  [0x19, 'SECPCI', 'Secondary PCI Express'],
  [0x1a, 'PMUX', 'Protocol Multiplexing'],
  [0x1b, 'PASID', 'Process Address Space ID'],
  [0x1d, 'DPC', 'Downstream Port Containment'],
  [0x1e, 'L1SS', 'L1 PM Substates'],
  [0x1f, 'PTM', 'Precision Time Measurement'],
  [0x23, 'DVSEC', 'Designated Vendor-Specific'],
  [0x25, 'DLF', 'Data Link Feature'],
  [0x26, 'PL_16GT', 'Physical Layer 16.0 GT/s'],
  [0x29, 'NPEM', 'Native PCIe Enclosure Management'],
  [0x2a, 'PL_32GT', 'Physical Layer 32.0 GT/s'],
  [0x2e, 'DOE', 'Data Object Exchange'],
]);
