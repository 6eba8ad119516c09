/** The public API of vfiodbg: `import { openDevice } from 'vfiodbg'`. */
export { Device, type DeviceOptions } from './device.js';
export { type Change, DmaBuffer } from './dma/buffer.js';
export { type AllocOptions, Dma, type MapOptions, type Mapped, type NamedMapOptions } from './dma/dma.js';
export type { Mapping, Protection } from './dma/mapping.js';
export { type FailureDetails, type FailureKind, VfioError } from './errors.js';
export type { PlannedAction } from './gate.js';
export type { Fault } from './iommu/fault.js';
export type { SeenFault } from './iommu/faults.js';
export { Iommu, type Translation, type Verification } from './iommu/iommu.js';
export { type AccessEntry, type BlockEntry, type HappeningEntry, Journal, type JournalEntry } from './journal.js';
export { openDevice, type OpenOptions } from './open.js';
export type { AppliedProfile } from './profile/apply.js';
export type { ProfileDescription } from './profile/description.js';
export { Region } from './region.js';
export type { Caution } from './registers/caution.js';
export { decode, type Decoded, type DecodedField } from './registers/decode.js';
export type {
  Block as RegisterBlock,
  FieldDescription,
  NamedValue,
  Register,
  RegisterMap,
} from './registers/register-map.js';
export { RegisterSet } from './registers/register-set.js';
export type { Block, BlockFault, BlockShape, PollRequest, PollResult, Space } from './space.js';
export type { DeviceInfo, IrqInfo, RegionInfo, Via } from './transport/transport.js';
export { until, type UntilOptions, type UntilResult, type Wanted } from './until.js';
export type { Width } from './width.js';
export type { Window } from './window.js';
