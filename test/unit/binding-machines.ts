import { FakeKernel } from './fake-kernel.js';

/** A machine with a group of two devices that have drivers; `root` is where one of that kind is already. */
export function groupOfTwo(root?: string): FakeKernel {
  const kernel = new FakeKernel(root);
  kernel.driver('pci', 'e1000e', ['0000:00:05.0']).driver('pci', 'pci-stub').driver('pci', 'vfio-pci');
  if (root !== undefined) return kernel;
  return kernel
    .device({ name: '0000:00:05.0', driver: 'e1000e', group: '5' })
    .device({ name: '0000:00:06.0', group: '5', files: { driver_override: 'pci-stub\n' } });
}
