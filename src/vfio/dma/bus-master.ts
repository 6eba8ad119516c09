import { PCI_COMMAND, PCI_COMMAND_MASTER } from '../abi/pci.js';
import type { Device } from '../device.js';
import '../iommu/iommu.js';

/**
 * Switches bus mastering of a PCI device (COMMAND bit 2): one 16-bit read, and one write where it is not so already. It gives what it was before;
 * undefined in a dry run, and for devices without a config space. Throws VfioError.
 */
export function setBusMaster(device: Device, on: boolean): boolean | undefined {
  const { config, gate, journal } = device;
  const text = `switch bus mastering ${on ? 'on' : 'off'} (COMMAND bit 2)`;
  if (config === undefined || !gate.admit('dma', text)) return undefined;
  const command = config.read16(PCI_COMMAND);
  const was = (command & PCI_COMMAND_MASTER) !== 0;
  // From here on it can send DMA to wherever it was pointed at.
  if (on) device.iommu.faults.watch();
  if (was !== on) config.write16(PCI_COMMAND, on ? command | PCI_COMMAND_MASTER : command & ~PCI_COMMAND_MASTER);
  journal.note('dma', text);
  return was;
}
