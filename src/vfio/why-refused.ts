import { PCI_BASE_ADDRESS_0, PCI_COMMAND, PCI_COMMAND_IO, PCI_COMMAND_MEMORY } from './abi/pci.js';
import { VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_ROM_REGION_INDEX } from './abi/vfio.js';
import type { Device } from './device.js';
import { VfioError } from './errors.js';
import type { Region } from './region.js';
import { faultName } from './sys/access-engine.js';

/** Source: asm-generic/siginfo.h. */
const BUS_OBJERR = 3;

/**
 * Why an access to `region` may have failed, with one thing to try: by reads of config space, where there is one, and never of the region itself.
 */
export function whyRefused(
  device: Device,
  region: Region,
  errno: string,
  signalCode = 0,
): { why: string; hint?: string } {
  const config = device.config;
  if (config && region !== config && region.index < VFIO_PCI_CONFIG_REGION_INDEX && !device.gate.lost) {
    let command: number;
    let ports = false;
    try {
      command = config.read16(PCI_COMMAND);
      ports =
        region.index < VFIO_PCI_ROM_REGION_INDEX && (config.read32(PCI_BASE_ADDRESS_0 + 4 * region.index) & 1) === 1;
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      return {
        why: 'the access was refused, and config space does not answer either',
        hint: 'the device may be gone: info, or reset',
      };
    }
    if (command === 0xffff)
      return {
        why: 'the device does not answer on its bus (config reads all ones)',
        hint: 'check its power, link and reset',
      };
    if ((command & (ports ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)) === 0) {
      return ports
        ? { why: 'I/O decode is off (COMMAND bit 0)', hint: 'poke.w config 0x4 0x1:0x1' }
        : { why: 'memory decode is off (COMMAND bit 1)', hint: 'poke.w config 0x4 0x2:0x2' };
    }
  }
  if (errno === 'SIGBUS') {
    const what =
      signalCode === BUS_OBJERR ? 'the bus refused the access' : 'nothing backs this place of the mapping any more';
    return {
      why: `${what} (${faultName(signalCode)})`,
      hint: 'check clocks, power and resets; regions shows what is mapped',
    };
  }
  return { why: 'the access was refused', hint: 'check clocks, power and resets; log shows what came before' };
}
