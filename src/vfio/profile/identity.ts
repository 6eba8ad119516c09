import {
  PCI_CACHE_LINE_SIZE,
  PCI_CLASS_REVISION,
  PCI_HEADER_TYPE_MASK,
  PCI_SUBSYSTEM_VENDOR_ID,
  PCI_VENDOR_ID,
} from '../abi/pci.js';
import { VFIO_PCI_CONFIG_REGION_INDEX } from '../abi/vfio.js';
import type { Roots } from '../bus/roots.js';
import type { Device } from '../device.js';
import { VfioError } from '../errors.js';
import { isModel } from '../sim/catalog.js';
import { identities } from '../sim/identities.js';
import type { SnapshotTransport } from '../transport/snapshot.js';
import type { DeviceInfo } from '../transport/transport.js';

/** The ids of a PCI function. */
export interface FunctionIds {
  readonly vendor: number;
  readonly device: number;
  /** Absent where nothing is known of it: a snapshot without that word. */
  readonly subsystemVendor?: number;
  readonly subsystemDevice?: number;
  /** 24 bits: base class, subclass, programming interface. */
  readonly class?: number;
}

/** What is known of a device's kind: what profiles are matched against. */
export interface DeviceIdentity {
  readonly bus: DeviceInfo['bus'];
  /** Its name on its bus ('9010000.pl031'), or what it was opened by. */
  readonly name: string;
  readonly pci?: FunctionIds;
  /** The device tree's `compatible`, best match first; empty without a node. */
  readonly compatible: readonly string[];
  /** The peripheral identification of an AMBA PrimeCell: part, designer, revision and configuration in 32 bits. */
  readonly amba?: number;
}

/** What of a region has been read: undefined where it could not be. */
type ReadWord = (region: number, offset: number) => number | undefined;

/** The last 32 bytes of a PrimeCell: four words of a byte each with its id, four with this mark. Source: Arm IHI 0029, section D1.2. */
const PRIMECELL = 0x20;
const PRIMECELL_MARK = 0xb105f00d;

/**
 * What is known of `device` without touching it: from sysfs for the kernel's devices, from the catalog for simulated ones, from the file for a
 * snapshot. Of a device behind a socket only its bus is known.
 */
export async function identityOf(device: Device, roots?: Roots): Promise<DeviceIdentity> {
  const { name, via } = device;
  if (via === 'snapshot') return keptIdentity(device, device.transport as SnapshotTransport);
  if (via === 'group' || via === 'cdev') return (await import('./kernel-identity.js')).kernelIdentity(device, roots);
  const model = name.startsWith('sim:') ? name.slice(4) : '';
  return { bus: device.info.bus, name, compatible: [], ...(isModel(model) && identities[model]) };
}

/** The same, and of a device without a `compatible` of its own that of the node of the device tree that it was said to be (dt use). */
export async function identityWithNode(device: Device): Promise<DeviceIdentity> {
  const identity = await identityOf(device);
  if (identity.compatible.length > 0) return identity;
  const { attachmentOf } = await import('../devicetree/attach.js');
  return { ...identity, compatible: attachmentOf(device)?.node.property('compatible')?.strings ?? [] };
}

/** Identity by reading the device: five reads of a PCI device's config space, eight of an AMBA device's identification. */
export function readIdentity(device: Device): DeviceIdentity {
  return identityByReading(device, (index, offset) => {
    const region = device.regions.find((one) => one.index === index);
    try {
      return region?.read32(offset);
    } catch (error) {
      if (error instanceof VfioError && error.kind === 'access') return undefined;
      throw error;
    }
  });
}

function identityByReading(device: Device, word: ReadWord): DeviceIdentity {
  const { name, info } = device;
  const identity = { bus: info.bus, name, compatible: [] };
  if (info.bus === 'pci') {
    const ids = word(VFIO_PCI_CONFIG_REGION_INDEX, PCI_VENDOR_ID);
    if (ids === undefined || ids === 0xffffffff) return identity;
    const kind = word(VFIO_PCI_CONFIG_REGION_INDEX, PCI_CLASS_REVISION);
    // Behind a bridge's header there is something else in that place.
    const header = ((word(VFIO_PCI_CONFIG_REGION_INDEX, PCI_CACHE_LINE_SIZE) ?? 0) >>> 16) & PCI_HEADER_TYPE_MASK;
    const subsystem = header === 0 ? word(VFIO_PCI_CONFIG_REGION_INDEX, PCI_SUBSYSTEM_VENDOR_ID) : undefined;
    return {
      ...identity,
      pci: {
        vendor: ids & 0xffff,
        device: ids >>> 16,
        ...(kind !== undefined && { class: kind >>> 8 }),
        ...(subsystem !== undefined && { subsystemVendor: subsystem & 0xffff, subsystemDevice: subsystem >>> 16 }),
      },
    };
  }
  const region = device.regions[0];
  if (info.bus !== 'amba' || region === undefined || region.size < PRIMECELL) return identity;
  const bytes = Array.from({ length: 8 }, (_, nth) => word(region.index, region.size - PRIMECELL + 4 * nth));
  if (bytes.includes(undefined)) return identity;
  const four = (from: number): number =>
    bytes.slice(from, from + 4).reduce<number>((sum, byte = 0, nth) => (sum | ((byte & 0xff) << (8 * nth))) >>> 0, 0);
  return four(4) === PRIMECELL_MARK ? { ...identity, amba: four(0) } : identity;
}

/** What a snapshot says of the device that it shows; where it does not say, what the words say that it has. */
function keptIdentity(device: Device, transport: SnapshotTransport): DeviceIdentity {
  const { pci, compatible = [], amba } = transport.ids ?? {};
  if (pci === undefined && compatible.length === 0 && amba === undefined)
    return identityByReading(device, keptWord(transport));
  const { vendor, device: id, subsystemVendor, subsystemDevice, class: kind } = pci ?? {};
  const known =
    vendor === undefined || id === undefined
      ? undefined
      : {
          vendor,
          device: id,
          ...(subsystemVendor !== undefined && { subsystemVendor }),
          ...(subsystemDevice !== undefined && { subsystemDevice }),
          ...(kind !== undefined && { class: kind }),
        };
  return {
    bus: device.info.bus,
    name: transport.shows,
    compatible,
    ...(known && { pci: known }),
    ...(amba !== undefined && { amba }),
  };
}

/** Words of a snapshot, past the journal: looking into a file is no access. */
function keptWord(transport: SnapshotTransport): ReadWord {
  return (index, offset) => {
    const bytes = Buffer.alloc(4);
    try {
      transport.read(transport.regionInfo(index), offset, bytes);
    } catch (error) {
      if (error instanceof VfioError) return undefined;
      throw error;
    }
    return bytes.readUInt32LE();
  };
}
