import { VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_ROM_REGION_INDEX, VFIO_PCI_VGA_REGION_INDEX } from '../abi/vfio.js';
import type { DeviceInfo, RegionInfo } from './transport.js';

/** What decides how the kernel carries out a pread or pwrite on a device's fd. */
export interface KernelAccess {
  readonly bus: DeviceInfo['bus'];
  /** uname's release, as os.release() gives it: '6.12.43-generic'. */
  readonly release: string;
  /** As process.arch gives it. */
  readonly arch: string;
  /** Indices of the PCI regions that are I/O ports. */
  readonly ports: ReadonlySet<number>;
}

/**
 * Why a pread or pwrite of `bytes` at `offset` of `region` would not reach the device as one access of that width; undefined where it does.
 * Sources: drivers/vfio/pci/vfio_pci_rdwr.c and vfio_pci_config.c, drivers/vfio/platform/vfio_platform_common.c.
 */
export function kernelSplits(
  access: KernelAccess,
  region: RegionInfo,
  offset: number,
  bytes: number,
): string | undefined {
  if (offset % bytes !== 0) return `the kernel splits an access that is not aligned to its ${bytes} bytes`;
  if (bytes <= 4) return undefined;
  if (bytes > 8) return `the kernel moves ${bytes} bytes in steps of at most 8`;
  if (access.bus !== 'pci') return `vfio-${access.bus} splits 8 bytes into two 4-byte accesses`;
  if (region.index === VFIO_PCI_CONFIG_REGION_INDEX) return 'config space is accessed in at most 4 bytes';
  if (region.index === VFIO_PCI_ROM_REGION_INDEX) return 'vfio-pci reads the ROM in at most 4 bytes';
  if (region.index === VFIO_PCI_VGA_REGION_INDEX || access.ports.has(region.index))
    return 'an I/O port access has at most 4 bytes';
  if (singleQword(access)) return undefined;
  return `vfio-pci of Linux ${access.release} splits 8 bytes into two 4-byte accesses`;
}

/**
 * Whether vfio-pci moves 8 aligned bytes in one access. Commit 4df13a6871d9 brought it to processors that define ioread64 themselves, 2b938e3db335
 * to all the others, x86 among them (6.14, and the stable releases 6.13.4 and 6.12.16). A release that does not tell
 * counts as one that splits.
 */
function singleQword({ release, arch }: KernelAccess): boolean {
  const [, major = '0', minor = '0', patch = '0'] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release) ?? [];
  const version = Number(major) * 1000 + Number(minor);
  if (version >= 6014) return true;
  if (version < 6012) return false;
  if (arch === 'arm64') return true;
  return Number(patch) >= (version === 6013 ? 4 : 16);
}
