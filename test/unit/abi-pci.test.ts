import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as pci from '../../src/vfio/abi/pci.js';

test('the header and the command bits are those of linux/pci_regs.h', () => {
  // include/uapi/linux/pci_regs.h of Linux 6.12, the line in each comment.
  assert.deepEqual([pci.PCI_VENDOR_ID, pci.PCI_DEVICE_ID, pci.PCI_COMMAND, pci.PCI_STATUS], [0, 2, 4, 6]); // 38 to 53
  assert.deepEqual([pci.PCI_CLASS_REVISION, pci.PCI_CACHE_LINE_SIZE, pci.PCI_LATENCY_TIMER], [8, 0xc, 0xd]); // 71 to 77
  assert.deepEqual([pci.PCI_HEADER_TYPE, pci.PCI_BIST, pci.PCI_BASE_ADDRESS_0], [0xe, 0xf, 0x10]); // 78 to 96
  assert.deepEqual([pci.PCI_CARDBUS_CIS, pci.PCI_SUBSYSTEM_VENDOR_ID, pci.PCI_SUBSYSTEM_ID], [0x28, 0x2c, 0x2e]); // 115
  assert.deepEqual([pci.PCI_ROM_ADDRESS, pci.PCI_CAPABILITY_LIST], [0x30, 0x34]); // 118, 122
  assert.deepEqual([pci.PCI_INTERRUPT_LINE, pci.PCI_INTERRUPT_PIN, pci.PCI_MIN_GNT, pci.PCI_MAX_LAT], [60, 61, 62, 63]);
  assert.deepEqual([pci.PCI_COMMAND_IO, pci.PCI_COMMAND_MEMORY, pci.PCI_COMMAND_MASTER], [1, 2, 4]); // 41 to 43
  assert.deepEqual([pci.PCI_COMMAND_PARITY, pci.PCI_COMMAND_SERR, pci.PCI_COMMAND_INTX_DISABLE], [0x40, 0x100, 0x400]);
  assert.deepEqual([pci.PCI_STATUS_INTERRUPT, pci.PCI_STATUS_CAP_LIST], [8, 0x10]); // 55, 56
  assert.deepEqual([pci.PCI_CFG_SPACE_SIZE, pci.PCI_CFG_SPACE_EXP_SIZE], [256, 4096]); // 29, 30
});

test('capabilities have the ids and names of linux/pci_regs.h', () => {
  assert.deepEqual(
    [pci.PCI_CAP_ID_PM, pci.PCI_CAP_ID_MSI, pci.PCI_CAP_ID_EXP, pci.PCI_CAP_ID_MSIX],
    [1, 5, 0x10, 0x11],
  );
  assert.deepEqual(pci.capabilityNames.get(pci.PCI_CAP_ID_EXP), { name: 'EXP', words: 'PCI Express' });
  assert.equal(pci.capabilityNames.get(0x14)?.name, 'EA'); // 230
  assert.equal(pci.extendedCapabilityNames.get(0x10)?.name, 'SRIOV'); // 728
  assert.equal(pci.extendedCapabilityNames.get(0x1e)?.name, 'L1SS'); // 741
  assert.equal(pci.extendedCapabilityNames.get(0x2e)?.name, 'DOE'); // 748
  assert.equal(pci.extendedCapabilityNames.get(0x1c), undefined);
});

test('MSI and MSI-X have the layout of linux/pci_regs.h', () => {
  assert.deepEqual([pci.PCI_MSI_FLAGS, pci.PCI_MSI_FLAGS_ENABLE], [2, 1]); // 307, 308
  assert.deepEqual([pci.PCI_MSIX_FLAGS, pci.PCI_MSIX_FLAGS_QSIZE, pci.PCI_MSIX_FLAGS_ENABLE], [2, 0x7ff, 0x8000]); // 324
  assert.deepEqual([pci.PCI_MSIX_TABLE, pci.PCI_MSIX_TABLE_BIR, pci.PCI_MSIX_PBA], [4, 7, 8]); // 328 to 331
  assert.equal(pci.PCI_MSIX_ENTRY_SIZE, 16); // 338
});
