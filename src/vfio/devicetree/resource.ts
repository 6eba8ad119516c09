import { join } from 'node:path';
import type { BusDevice } from '../bus/bus-device.js';
import type { Roots } from '../bus/roots.js';
import { attribute, entries } from '../bus/sysfs.js';

/** A piece of the processor's address space that the kernel says is a device's: what VFIO itself does not tell. */
export interface Resource {
  /** Its place in the list that it comes from: for PCI and AMBA the VFIO region of that index. */
  readonly index: number;
  readonly start: bigint;
  readonly size: bigint;
  /** Where that stands, for messages. */
  readonly source: 'sysfs resource' | '/proc/iomem';
}

/** The resources of a device: the attribute `resource` (PCI, AMBA), else what /proc/iomem names it for, which only root gets to see. */
export function resourcesOf(device: BusDevice, roots: Roots): Resource[] {
  const lines = (attribute(join(device.path, 'resource')) ?? '').split('\n');
  const listed = lines.flatMap((line, index): Resource[] => {
    // PCI writes 0x in front of the numbers, AMBA does not.
    const [, start, end] = /^\s*(?:0x)?([0-9a-f]+)\s+(?:0x)?([0-9a-f]+)/i.exec(line) ?? [];
    if (start === undefined || end === undefined) return [];
    const [first, last] = [BigInt(`0x${start}`), BigInt(`0x${end}`)];
    if (last <= first) return [];
    return [{ index, start: first, size: last - first + 1n, source: 'sysfs resource' }];
  });
  return listed.length > 0 ? listed : iomem(device.name, roots);
}

function iomem(name: string, roots: Roots): Resource[] {
  const lines = (attribute(join(roots.proc, 'iomem')) ?? '').split('\n');
  return lines
    .flatMap((line) => {
      const [, first, last, what = ''] = /^\s*([0-9a-f]+)-([0-9a-f]+) : (.*)$/.exec(line) ?? [];
      if (first === undefined || last === undefined || !what.split(' ').includes(name)) return [];
      const [start, end] = [BigInt(`0x${first}`), BigInt(`0x${last}`)];
      // Others than root see zeros.
      return end === 0n ? [] : [{ start, size: end - start + 1n }];
    })
    .map((one, index) => ({ ...one, index, source: '/proc/iomem' as const }));
}

/** An interrupt that the kernel has given to VFIO's handler for a device: from when it is opened on, before Linux 6.9 while it is enabled. */
export interface LinuxIrq {
  /** Linux's number of it. */
  readonly irq: number;
  /** The controller's own number. */
  readonly hwirq: number;
  readonly chip: string;
}

/**
 * The interrupts whose handler is VFIO's for this device. Source: vfio_platform_irq.c names it 'vfio-irq[N](NAME)', where vfio_amba.c has the
 * peripheral's ID for a name.
 */
export function vfioIrqs(device: BusDevice, roots: Roots): LinuxIrq[] {
  const names = [device.name, `vfio-amba-${attribute(join(device.path, 'id')) ?? ''}`];
  const folder = join(roots.sys, 'kernel/irq');
  return entries(folder).flatMap((number) => {
    const actions = (attribute(join(folder, number, 'actions')) ?? '').split(',');
    const isIts = (action: string): boolean =>
      action.startsWith('vfio-irq[') && names.some((name) => action.endsWith(`](${name})`));
    if (!actions.some(isIts)) return [];
    const hwirq = Number(attribute(join(folder, number, 'hwirq')) ?? Number.NaN);
    const chip = attribute(join(folder, number, 'chip_name')) ?? '?';
    return Number.isNaN(hwirq) ? [] : [{ irq: Number(number), hwirq, chip }];
  });
}
