import type { DeviceIdentity } from '../profile/identity.js';
import type { ModelName } from './catalog.js';

/** What sysfs would say of the simulated devices: nobody has to read them to know them. A test compares it with what they answer. */
export const identities: Readonly<Record<ModelName, Pick<DeviceIdentity, 'pci' | 'amba'>>> = {
  edu: { pci: { vendor: 0x1234, device: 0x11e8, subsystemVendor: 0x1af4, subsystemDevice: 0x1100, class: 0x00ff00 } },
  pl031: { amba: 0x00141031 },
  sram: { pci: { vendor: 0x1234, device: 0x11e9, subsystemVendor: 0x1234, subsystemDevice: 0x0001, class: 0x050000 } },
};
