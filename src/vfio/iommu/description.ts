import type { BusDevice } from '../bus/bus-device.js';
import type { Roots } from '../bus/roots.js';
import type { IommuHardware } from '../abi/iommufd.js';
import { IOMMU_HW_CAP_DIRTY_TRACKING } from '../abi/iommufd.js';
import { lockedMemory, type LockedMemory } from '../dma/budget.js';
import { VfioError } from '../errors.js';
import type { DmaLimits, Transport, Via } from '../transport/transport.js';
import { amdCapabilities } from './amd-capabilities.js';
import type { Capabilities } from './capability.js';
import { describeGroup, type IommuGroup } from './group-list.js';
import { smmuV3Capabilities, smmuV3Words } from './smmuv3-capabilities.js';
import { unitOf, type IommuUnit } from './unit.js';
import { vtdCapabilities, vtdWords } from './vtd-capabilities.js';

/** Everything that is known of the IOMMU behind a device. */
export interface IommuDescription {
  readonly via: Via;
  /** What stands between the device and memory, in words. */
  readonly what: string;
  readonly group?: IommuGroup;
  readonly unit?: IommuUnit;
  readonly capabilities?: Capabilities;
  /** Where the capabilities come from. */
  readonly source?: 'IOMMU_GET_HW_INFO' | 'sysfs';
  /** Whether the IOMMU tracks which pages were written; undefined where nobody tells. */
  readonly dirtyTracking?: boolean;
  readonly pasidBits?: number;
  /** Undefined where there is nothing to be asked. */
  readonly limits?: DmaLimits;
  /** Why the limits cannot be told. */
  readonly limitsFailure?: string;
  readonly locked?: LockedMemory;
  readonly mapped: { readonly count: number; readonly bytes: number };
}

export interface DescriptionParts {
  readonly transport: Transport;
  readonly device: BusDevice | undefined;
  readonly mappings: { readonly count: number; readonly bytes: number };
  readonly roots: Roots;
}

const KERNEL: ReadonlySet<Via> = new Set(['group', 'cdev']);

/** Asks the kernel (type1 or iommufd, sysfs) or the server; the device is not touched. */
export function describeIommu({ transport, device, mappings, roots }: DescriptionParts): IommuDescription {
  const { via } = transport;
  const mapped = { count: mappings.count, bytes: mappings.bytes };
  const limits = limitsOf(transport);
  if (!KERNEL.has(via)) return { via, what: whatElse(transport), mapped, ...limits };
  const unit = device === undefined ? undefined : unitOf(device);
  const group = transport.group === undefined ? undefined : describeGroup(transport.group, roots);
  const hardware = transport.iommuHardware?.();
  const capabilities = hardwareCapabilities(hardware);
  const fromSysfs = capabilities === undefined && unit !== undefined ? sysfsCapabilities(unit) : undefined;
  const known = capabilities ?? fromSysfs;
  return {
    via,
    what: kernelText(device, unit),
    ...(group !== undefined && { group }),
    ...(unit !== undefined && { unit }),
    ...(known !== undefined && {
      capabilities: known,
      source: capabilities === undefined ? 'sysfs' : 'IOMMU_GET_HW_INFO',
    }),
    ...(hardware !== undefined && {
      dirtyTracking: (hardware.capabilities & IOMMU_HW_CAP_DIRTY_TRACKING) !== 0n,
      pasidBits: hardware.pasidBits,
    }),
    ...limits,
    locked: lockedMemory(via),
    mapped,
  };
}

function limitsOf(transport: Transport): { limits?: DmaLimits; limitsFailure?: string } {
  try {
    return { limits: transport.dmaLimits() };
  } catch (error) {
    if (error instanceof VfioError && error.kind === 'unsupported') return { limitsFailure: error.details.why };
    throw error;
  }
}

function whatElse({ via, name }: Transport): string {
  if (via === 'snapshot') return 'none: a snapshot keeps what was read, and nothing can be mapped for it';
  const who = name.startsWith('sim:') ? 'the simulated device' : 'the server';
  return `none: ${who} reaches the memory that it is told of (vfio-user), and checks addresses itself`;
}

function kernelText(device: BusDevice | undefined, unit: IommuUnit | undefined): string {
  if (device === undefined) return 'not known: sysfs does not show the device any more';
  if (device.noIommu) return 'none: a no-IOMMU group translates nothing, and the device reaches all of memory';
  return unit === undefined ? 'one that sysfs does not name' : unit.name;
}

function hardwareCapabilities(hardware: IommuHardware | undefined): Capabilities | undefined {
  if (hardware?.type === 'intel-vtd') {
    const words = vtdWords(hardware.data);
    return words === undefined ? undefined : vtdCapabilities(words.cap, words.ecap);
  }
  if (hardware?.type !== 'arm-smmuv3') return undefined;
  const words = smmuV3Words(hardware.data);
  return words === undefined ? undefined : smmuV3Capabilities(words);
}

function sysfsCapabilities({ cap, ecap, features }: IommuUnit): Capabilities | undefined {
  if (cap !== undefined && ecap !== undefined) return vtdCapabilities(cap, ecap);
  return features === undefined ? undefined : amdCapabilities(features);
}
