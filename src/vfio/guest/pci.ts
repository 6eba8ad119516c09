import { shellWord } from '../shell-word.js';

/** What is known of a PCI device that a guest is to get. */
export interface GuestPci {
  /** '0000:01:00.0'. */
  readonly address: string;
  /** Its directory in sysfs, by way of the bus. */
  readonly sysfs: string;
  /** 'vfio0', where a VFIO driver has it and the kernel has device nodes. */
  readonly vfioDev?: string;
  readonly group?: string;
  /** The other devices of its group, which go with it or must have no driver. */
  readonly others: readonly string[];
}

export interface PciLines {
  readonly commands: readonly string[];
  readonly notes: readonly string[];
}

function groupNotes({ group, others }: GuestPci): string[] {
  return others.length === 0
    ? []
    : [`IOMMU group ${group ?? ''} has ${others.join(', ')} as well: each must be bound to VFIO or to no driver.`];
}

const once = 'A device is open once: close it here before the guest starts.';

/** The lines for QEMU: by the address, by iommufd, and by file descriptors that another program has opened. */
export function qemuPci(device: GuestPci): PciLines {
  const { address, vfioDev } = device;
  const node = vfioDev === undefined ? '/dev/vfio/devices/vfioN' : `/dev/vfio/devices/${vfioDev}`;
  return {
    commands: [
      `qemu-system-x86_64 -device vfio-pci,host=${address} ...`,
      `qemu-system-x86_64 -object iommufd,id=iommufd0 -device vfio-pci,host=${address},iommufd=iommufd0 ...`,
      `qemu-system-x86_64 -object iommufd,id=iommufd0,fd=22 -device vfio-pci,iommufd=iommufd0,fd=23 ... 22<>/dev/iommu 23<>${node}`,
    ],
    notes: [
      'The first is for group and container; the second for iommufd (QEMU 9.0 and later); the third as well, where QEMU itself may not open them.',
      ...(vfioDev === undefined
        ? ['vfioN is in the folder vfio-dev of the device in sysfs, once it is bound to vfio-pci.']
        : []),
      ...groupNotes(device),
      once,
    ],
  };
}

/** The lines for crosvm, which finds a place on its PCI bus by itself. */
export function crosvmPci(device: GuestPci): PciLines {
  return {
    commands: [`crosvm run --vfio ${shellWord(device.sysfs)} ...`],
    notes: [
      'PCI devices need no device tree: the guest finds them on the bus. iommu=viommu gives the guest an IOMMU of its own, guest-address=BB:DD.F a place.',
      ...groupNotes(device),
      once,
    ],
  };
}

/** The line for QEMU 10.1 and later to use a device that a vfio-user server has on a socket. */
export function qemuSocket(path: string): PciLines {
  const device = JSON.stringify({ driver: 'vfio-user-pci', socket: { type: 'unix', path } });
  return {
    commands: [
      `qemu-system-x86_64 -machine memory-backend=ram -object memory-backend-memfd,id=ram,size=1G,share=on -m 1G -device ${shellWord(device)} ...`,
    ],
    notes: [
      'QEMU 10.1 and later has a vfio-user client; the memory is shared so that the device can reach it; a server has one client at a time.',
    ],
  };
}
