import { join } from 'node:path';
import type { BusDevice } from '../bus/bus-device.js';
import { attribute, linkTarget } from '../bus/sysfs.js';

/** The families of IOMMUs that the kernel's names tell apart. */
export type IommuKind = 'vt-d' | 'amd-vi' | 'smmuv3' | 'smmuv2' | 'virtio-iommu' | 'riscv-iommu' | 'other';

/** An IOMMU as sysfs shows it. */
export interface IommuUnit {
  /** The kernel's name: 'dmar0', 'ivhd0', 'smmu3.0x0000000009050000'. */
  readonly name: string;
  readonly kind: IommuKind;
  /** Physical address of its registers. */
  readonly address?: bigint;
  /** 'major.minor' of VT-d's version register. */
  readonly version?: string;
  /** VT-d's capability and extended capability registers. */
  readonly cap?: bigint;
  readonly ecap?: bigint;
  /** AMD's extended feature register. */
  readonly features?: bigint;
  readonly domains?: { readonly used: number; readonly supported: number };
}

const kinds: readonly (readonly [RegExp, IommuKind])[] = [
  [/^dmar\d/, 'vt-d'],
  [/^ivhd\d/, 'amd-vi'],
  [/^smmu3\./, 'smmuv3'],
  [/^smmu\./, 'smmuv2'],
  [/^virtio/, 'virtio-iommu'],
  [/^riscv-iommu/, 'riscv-iommu'],
];

/** The IOMMU that translates for `device`; undefined where none does, or none does yet. */
export function unitOf(device: BusDevice): IommuUnit | undefined {
  const link = join(device.path, 'iommu');
  const name = linkTarget(link);
  return name === undefined ? undefined : describeUnit(name, link);
}

function describeUnit(name: string, path: string): IommuUnit {
  const kind = kinds.find(([pattern]) => pattern.test(name))?.[1] ?? 'other';
  const intel = (file: string): string | undefined => attribute(join(path, 'intel-iommu', file));
  const address = hex(intel('address')) ?? hex(/\.0x([0-9a-f]+)$/i.exec(name)?.[1]);
  const cap = hex(intel('cap'));
  const ecap = hex(intel('ecap'));
  const features = hex(attribute(join(path, 'amd-iommu/features'))?.split(':')[0]);
  const version = intel('version')?.replace(':', '.');
  const supported = Number(intel('domains_supported') ?? Number.NaN);
  const used = Number(intel('domains_used') ?? Number.NaN);
  return {
    name,
    kind,
    ...(address !== undefined && { address }),
    ...(version !== undefined && { version }),
    ...(cap !== undefined && { cap }),
    ...(ecap !== undefined && { ecap }),
    ...(features !== undefined && { features }),
    ...(!Number.isNaN(supported) && !Number.isNaN(used) && { domains: { used, supported } }),
  };
}

/** Reads digits such as sysfs shows them, with or without 0x. */
function hex(text: string | undefined): bigint | undefined {
  const digits = text?.replace(/^0x/i, '');
  return digits !== undefined && /^[0-9a-f]+$/i.test(digits) ? BigInt(`0x${digits}`) : undefined;
}
