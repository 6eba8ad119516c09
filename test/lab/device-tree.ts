import { join } from 'node:path';
import { run } from './command.js';

/**
 * The devices that the arm64 guest can take through VFIO, with the stream ID that each gets at the SMMU: one that no PCI
 * device has (theirs are bus << 8 | devfn, and there is only bus 0 to begin with).
 */
export const PLATFORM_DEVICES = [
  { node: '/pl031@9010000', stream: 0x8001 },
  { node: '/pl061@9030000', stream: 0x8002 },
  { node: '/virtio_mmio@a000000', stream: 0x8003 },
  { node: '/fw-cfg@9020000', stream: 0x8004 },
] as const;

/** Names that these nodes get beside, as boards' trees have them. */
const NAMES = [
  { node: '/pl031@9010000', property: 'reg-names', names: ['rtc'] },
  { node: '/pl031@9010000', property: 'interrupt-names', names: ['alarm'] },
  { node: '/virtio_mmio@a000000', property: 'reg-names', names: ['mmio'] },
  { node: '/virtio_mmio@a000000', property: 'interrupt-names', names: ['queue'] },
] as const;

/**
 * QEMU puts only PCI behind the virt machine's SMMU. This writes that machine's device tree with the platform devices
 * attached to the SMMU as well, so that each has an IOMMU group of its own, and with names for regions and interrupts.
 */
export async function platformDeviceTree(machine: readonly string[], folder: string): Promise<string> {
  const file = join(folder, 'virt.dtb');
  const [option, model, ...rest] = machine;
  await run('qemu-system-aarch64', [option ?? '', `${model},dumpdtb=${file}`, ...rest, '-display', 'none']);
  const smmu = (await run('fdtget', ['-t', 'x', file, '/smmuv3@9050000', 'phandle'])).trim();
  for (const { node, stream } of PLATFORM_DEVICES) {
    await run('fdtput', ['-t', 'x', file, node, 'iommus', smmu, stream.toString(16)]);
  }
  for (const { node, property, names } of NAMES) await run('fdtput', ['-t', 's', file, node, property, ...names]);
  return file;
}
