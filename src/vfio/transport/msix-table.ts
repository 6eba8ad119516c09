import {
  PCI_CAP_ID_MSIX,
  PCI_CAP_LIST_NEXT,
  PCI_CAPABILITY_LIST,
  PCI_CFG_SPACE_SIZE,
  PCI_MSIX_ENTRY_SIZE,
  PCI_MSIX_FLAGS,
  PCI_MSIX_FLAGS_QSIZE,
  PCI_MSIX_TABLE,
  PCI_MSIX_TABLE_BIR,
} from '../abi/pci.js';

/** Where a device's MSI-X table lies: region index (the BAR), byte offset and size in it. */
export interface MsixTable {
  readonly region: number;
  readonly offset: number;
  readonly size: number;
}

/** The standard header ends here; capabilities lie behind it, on multiples of 4. */
const HEADER_BYTES = 0x40;

/**
 * Finds the MSI-X table by the capability list in config space, read with `read(offset, bytes)`. Undefined where the device has no
 * MSI-X or its list is broken: each link is followed once.
 */
export function findMsixTable(read: (offset: number, bytes: 1 | 2 | 4) => number): MsixTable | undefined {
  const seen = new Set<number>();
  let at = read(PCI_CAPABILITY_LIST, 1) & 0xfc;
  while (at >= HEADER_BYTES && at < PCI_CFG_SPACE_SIZE && !seen.has(at)) {
    seen.add(at);
    if (read(at, 1) === PCI_CAP_ID_MSIX) {
      const table = read(at + PCI_MSIX_TABLE, 4);
      const entries = (read(at + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1;
      const region = table & PCI_MSIX_TABLE_BIR;
      return { region, offset: table - region, size: entries * PCI_MSIX_ENTRY_SIZE };
    }
    at = read(at + PCI_CAP_LIST_NEXT, 1) & 0xfc;
  }
  return undefined;
}
