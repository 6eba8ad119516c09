import type { FailureDetails } from './errors.js';

/**
 * Why a device is lost that the kernel takes from VFIO. It is told in two ways, whichever comes first: the REQ interrupt of a PCI device, and the
 * node of any device going away.
 */
export function takenBack(device: string): FailureDetails {
  return {
    kind: 'lost',
    operation: 'keep the device',
    device,
    why: 'the kernel takes the device back: it is being unbound or unplugged',
    hint: 'bind it to VFIO again, then open it',
  };
}
