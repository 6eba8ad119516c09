import type { Device } from '../device.js';
import '../iommu/iommu.js';

const COMMAND = 4;
const BUS_MASTER = 4;

/**
 * Switches bus mastering of a PCI device (COMMAND bit 2): one 16-bit read, and one write where it is not so already. It gives what it was before;
 * undefined in a dry run, and for devices without a config space. Throws VfioError.
 */
export function setBusMaster(device: Device, on: boolean): boolean | undefined {
  const { config, gate, journal } = device;
  const text = `switch bus mastering ${on ? 'on' : 'off'} (COMMAND bit 2)`;
  if (config === undefined || !gate.admit('dma', text)) return undefined;
  const command = config.read16(COMMAND);
  const was = (command & BUS_MASTER) !== 0;
  // From here on it can send DMA to wherever it was pointed at.
  if (on) device.iommu.faults.watch();
  if (was !== on) config.write16(COMMAND, on ? command | BUS_MASTER : command & ~BUS_MASTER);
  journal.note('dma', text);
  return was;
}
