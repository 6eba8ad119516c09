/**
 * The I/O Remapping Table of ACPI: which stream ID at which SMMU a device of Arm machines without a device tree has.
 * Source: Arm DEN 0049, IO Remapping Table.
 */

const NODE_COUNT = 36;
const FIRST_NODE = 40;
const TABLE_HEADER = 48;
const NODE_HEADER = 16;
const MAPPING_BYTES = 20;

const NAMED_COMPONENT = 1;
const ROOT_COMPLEX = 2;
const SMMU_V1_V2 = 3;
const SMMU_V3 = 4;

/** The flag of a mapping that stands for one output ID, whatever the input. */
const SINGLE = 1;

/** What a device is called in the table. */
export type IortDevice =
  | { readonly bus: 'pci'; readonly segment: number; readonly requester: number }
  /** The path in ACPI's name space, such as sysfs shows it: '\_SB_.USB0'. */
  | { readonly bus: 'acpi'; readonly path: string };

/** The stream IDs of a device at the SMMU whose registers are at `smmu`; undefined where the table is damaged or does not name it. */
export function iortStreamIds(table: Buffer, device: IortDevice, smmu: bigint): number[] | undefined {
  try {
    const node = nodesOf(table).find((offset) => isNodeOf(table, offset, device));
    if (node === undefined) return undefined;
    return mappingsOf(table, node).flatMap((at) => {
      if (!isSmmu(table, table.readUInt32LE(at + 12), smmu)) return [];
      return outputs(table, at, device);
    });
  } catch (error) {
    // An offset that leads out of the table.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The offsets of the nodes. */
function nodesOf(table: Buffer): number[] {
  const nodes: number[] = [];
  const count = table.readUInt32LE(NODE_COUNT);
  let offset = Math.max(TABLE_HEADER, table.readUInt32LE(FIRST_NODE));
  while (nodes.length < count) {
    const length = table.readUInt16LE(offset + 1);
    if (length < NODE_HEADER) break;
    nodes.push(offset);
    offset += length;
  }
  return nodes;
}

function isNodeOf(table: Buffer, offset: number, device: IortDevice): boolean {
  const type = table.readUInt8(offset);
  if (device.bus === 'pci') return type === ROOT_COMPLEX && table.readUInt32LE(offset + 28) === device.segment;
  if (type !== NAMED_COMPONENT) return false;
  const end = table.indexOf(0, offset + 29);
  return samePath(table.toString('latin1', offset + 29, end < 0 ? undefined : end), device.path);
}

/** Segments of a path are padded to four characters with '_', or not. */
function samePath(one: string, other: string): boolean {
  const parts = (path: string): string =>
    path
      .replace(/^\\/, '')
      .split('.')
      .map((part) => part.replace(/_+$/, ''))
      .join('.');
  return parts(one) === parts(other);
}

/** The offsets of a node's mappings. */
function mappingsOf(table: Buffer, node: number): number[] {
  const count = table.readUInt32LE(node + 8);
  const first = node + table.readUInt32LE(node + 12);
  const room = Math.max(0, Math.floor((table.length - first) / MAPPING_BYTES));
  return Array.from({ length: Math.min(count, room) }, (_, index) => first + index * MAPPING_BYTES);
}

function isSmmu(table: Buffer, offset: number, address: bigint): boolean {
  const type = table.readUInt8(offset);
  return (type === SMMU_V3 || type === SMMU_V1_V2) && table.readBigUInt64LE(offset + NODE_HEADER) === address;
}

/** A mapping: first input ID, their number less one, first output ID, the node that takes these, flags. */
function outputs(table: Buffer, at: number, device: IortDevice): number[] {
  const [input, last, output] = [table.readUInt32LE(at), table.readUInt32LE(at + 4), table.readUInt32LE(at + 8)];
  const isSingle = (table.readUInt32LE(at + 16) & SINGLE) !== 0;
  if (device.bus === 'acpi') return isSingle ? [output] : [];
  if (isSingle) return [output];
  const offset = device.requester - input;
  return offset >= 0 && offset <= last ? [output + offset] : [];
}
