import { VfioError } from '../errors.js';
import type { DtNode } from './node.js';
import { Property } from './property.js';
import { DeviceTree } from './tree.js';

/**
 * Flattened device trees. Source: Devicetree Specification v0.4, chapter 5. Nothing in a blob is trusted: every offset is checked before it is
 * followed, the depth is bounded as the kernel's is, and time and memory are linear in the blob's length, which is bounded too.
 */

const MAGIC = 0xd00dfeed;
const HEADER_BYTES = 40;
/** The first version whose header has size_dt_struct, and the oldest that this format can be read as. */
const STRUCT_SIZE_SINCE = 17;
const OLDEST = 16;
const NEWEST = 17;

const BEGIN_NODE = 1;
const END_NODE = 2;
const PROP = 3;
const NOP = 4;
const END = 9;

/** Bytes: Linux takes no more than 2 MiB on arm64, and boards have a tenth of a megabyte. */
export const LARGEST_BLOB = 4 * 1024 * 1024;
/** Source: drivers/of/fdt.c, FDT_MAX_DEPTH. */
const DEEPEST = 64;
/** The specification allows 31 characters; trees of boards have some more. */
const LONGEST_NAME = 255;

interface Block {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

class BlobNode implements DtNode {
  readonly name: string;
  readonly parent: BlobNode | undefined;
  readonly children: BlobNode[] = [];
  readonly #properties = new Map<string, Property>();

  constructor(name: string, parent: BlobNode | undefined) {
    this.name = name;
    this.parent = parent;
  }

  get path(): string {
    const { parent } = this;
    if (parent === undefined) return '/';
    return parent.parent === undefined ? `/${this.name}` : `${parent.path}/${this.name}`;
  }

  get properties(): readonly Property[] {
    return [...this.#properties.values()];
  }

  property(name: string): Property | undefined {
    return this.#properties.get(name);
  }

  /** False where the node has a property of that name already. */
  add(property: Property): boolean {
    if (this.#properties.has(property.name)) return false;
    this.#properties.set(property.name, property);
    return true;
  }
}

/**
 * The tree in `blob`. `origin` names it in messages.
 * Throws VfioError of kind 'protocol' that says what is wrong and at which byte.
 */
export function parseBlob(blob: Uint8Array, origin: string): DeviceTree {
  return new BlobReader(blob, origin).read();
}

class BlobReader {
  readonly #bytes: Buffer;
  readonly #origin: string;
  readonly #names = new Map<number, string>();
  readonly #problems: string[] = [];
  #struct: Block = { name: 'structure block', start: 0, end: 0 };
  #strings: Block = { name: 'strings block', start: 0, end: 0 };
  #at = 0;

  constructor(blob: Uint8Array, origin: string) {
    this.#bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
    this.#origin = origin;
  }

  read(): DeviceTree {
    this.#readHeader();
    const root = this.#readStructure();
    return new DeviceTree(root, this.#origin, this.#problems);
  }

  #readHeader(): void {
    const bytes = this.#bytes;
    if (bytes.length < 4) this.#fail(0, `it has ${bytes.length} bytes, too few for a device tree`);
    if (bytes.readUInt32BE(0) !== MAGIC) this.#fail(0, 'it is no device tree blob', whatItIs(bytes));
    if (bytes.length < HEADER_BYTES) this.#fail(bytes.length, 'it ends in its header');
    if (bytes.length > LARGEST_BLOB)
      this.#fail(0, `it has ${bytes.length} bytes, and no device tree has more than ${LARGEST_BLOB}`);
    const [, total = 0, structAt = 0, stringsAt = 0, reserveAt = 0, version = 0, compatible = 0] = Array.from(
      { length: 7 },
      (_, index) => bytes.readUInt32BE(4 * index),
    );
    if (version < OLDEST || compatible > NEWEST) {
      this.#fail(20, `it is of version ${version} (compatible with ${compatible}): only 16 and 17 can be read`);
    }
    if (total > bytes.length)
      this.#fail(4, `it says that it has ${total} bytes (totalsize), and has ${bytes.length}`, 'was it cut off?');
    if (total < HEADER_BYTES) this.#fail(4, `it says that it has ${total} bytes (totalsize), fewer than its header`);
    const stringsSize = bytes.readUInt32BE(32);
    const structSize = version >= STRUCT_SIZE_SINCE ? bytes.readUInt32BE(36) : total - structAt;
    this.#struct = this.#block('structure block', 8, structAt, structSize, total, 4);
    this.#strings = this.#block('strings block', 12, stringsAt, stringsSize, total, 1);
    const reserved = this.#readReservations(reserveAt, total);
    // Version 16 does not tell where the structure block ends.
    const blocks = version >= STRUCT_SIZE_SINCE ? [this.#struct, this.#strings, reserved] : [this.#strings, reserved];
    for (const [index, one] of blocks.entries()) {
      for (const other of blocks.slice(index + 1)) {
        if (one.start < other.end && other.start < one.end)
          this.#fail(Math.max(one.start, other.start), `the ${one.name} and the ${other.name} overlap`);
      }
    }
  }

  /** A block of `size` bytes at `start`; `field` is where the header says so. */
  #block(name: string, field: number, start: number, size: number, total: number, alignment: number): Block {
    if (start < HEADER_BYTES || start > total || size > total - start) {
      this.#fail(
        field,
        `the ${name} (0x${start.toString(16)}, ${size} bytes) lies outside of the blob's ${total} bytes`,
      );
    }
    if (start % alignment !== 0) this.#fail(field, `the ${name} at 0x${start.toString(16)} is not aligned`);
    return { name, start, end: start + size };
  }

  /** The memory reservations are read past only: they tell nothing about devices. */
  #readReservations(start: number, total: number): Block {
    const name = 'memory reservation block';
    this.#block(name, 16, start, 0, total, 8);
    for (let at = start; at + 16 <= total; at += 16) {
      const isLast = this.#bytes.readBigUInt64BE(at) === 0n && this.#bytes.readBigUInt64BE(at + 8) === 0n;
      if (isLast) return { name, start, end: at + 16 };
    }
    return this.#fail(start, `the ${name} has no end`);
  }

  #readStructure(): BlobNode {
    this.#at = this.#struct.start;
    let root: BlobNode | undefined;
    let node: BlobNode | undefined;
    let depth = 0;
    for (;;) {
      const at = this.#at;
      const token = this.#word();
      switch (token) {
        case BEGIN_NODE: {
          if (node === undefined && root !== undefined) this.#fail(at, 'a second root node');
          const name = this.#nodeName(node);
          depth += 1;
          if (depth > DEEPEST) this.#fail(at, `nodes are nested more than ${DEEPEST} deep`);
          const child: BlobNode = new BlobNode(name, node);
          node?.children.push(child);
          root ??= child;
          node = child;
          break;
        }
        case END_NODE:
          if (node === undefined) return this.#fail(at, 'a node ends that never began');
          this.#noteTwins(node);
          node = node.parent;
          depth -= 1;
          break;
        case PROP:
          if (node === undefined) return this.#fail(at, 'a property outside of the root node');
          if (node.children.length > 0) return this.#fail(at, `a property of ${node.path} behind its subnodes`);
          this.#property(node);
          break;
        case NOP:
          break;
        case END:
          if (node !== undefined) return this.#fail(at, `the tree ends within ${node.path}`);
          if (root === undefined) return this.#fail(at, 'there is no root node');
          return root;
        default:
          return this.#fail(at, `0x${token.toString(16)} is no token of a device tree`);
      }
    }
  }

  #word(): number {
    if (this.#at + 4 > this.#struct.end)
      this.#fail(this.#at, 'the structure block ends without its END token', 'was it cut off?');
    const word = this.#bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return word;
  }

  #nodeName(parent: BlobNode | undefined): string {
    const start = this.#at;
    const end = this.#terminator(start, this.#struct.end, 'the name of a node');
    const name = this.#bytes.toString('utf8', start, end);
    if (parent !== undefined && (name === '' || name.includes('/')))
      this.#fail(start, `"${name}" is no name of a node below ${parent.path}`);
    this.#at = aligned(end + 1);
    return parent === undefined ? '' : name;
  }

  #property(node: BlobNode): void {
    const at = this.#at;
    const length = this.#word();
    const nameAt = this.#word();
    if (length > this.#struct.end - this.#at)
      this.#fail(at, `a property of ${node.path} has ${length} bytes, more than there are behind it`);
    const name = this.#propertyName(nameAt, at + 4);
    const property = new Property(name, this.#bytes.subarray(this.#at, this.#at + length));
    if (!node.add(property)) this.#problems.push(`${node.path} has two properties ${name}: the second is not used`);
    this.#at = aligned(this.#at + length);
  }

  #propertyName(offset: number, at: number): string {
    const known = this.#names.get(offset);
    if (known !== undefined) return known;
    const start = this.#strings.start + offset;
    if (start >= this.#strings.end)
      this.#fail(at, `a property's name lies outside of the strings block (0x${offset.toString(16)})`);
    const name = this.#bytes.toString('utf8', start, this.#terminator(start, this.#strings.end, "a property's name"));
    if (name === '') this.#fail(at, 'a property without a name');
    this.#names.set(offset, name);
    return name;
  }

  /** Where the string at `start` ends. */
  #terminator(start: number, end: number, what: string): number {
    const limit = Math.min(end, start + LONGEST_NAME + 1);
    for (let at = start; at < limit; at += 1) if (this.#bytes[at] === 0) return at;
    return this.#fail(start, limit === end ? `${what} has no end` : `${what} is longer than ${LONGEST_NAME} bytes`);
  }

  #noteTwins(node: BlobNode): void {
    const seen = new Set<string>();
    for (const child of node.children) {
      if (seen.has(child.name)) this.#problems.push(`there are two nodes ${child.path}`);
      seen.add(child.name);
    }
  }

  #fail(at: number, why: string, hint?: string): never {
    throw new VfioError({
      kind: 'protocol',
      operation: `read the device tree ${this.#origin}`,
      why: `byte 0x${at.toString(16)}: ${why}`,
      ...(hint !== undefined && { hint }),
    });
  }
}

/** The next multiple of 4. */
function aligned(at: number): number {
  return (at + 3) & ~3;
}

/** What to do with a file that is something else. */
function whatItIs(bytes: Buffer): string {
  if (bytes.readUInt16BE(0) === 0x1f8b) return 'it is packed: gunzip it first';
  if (bytes.readUInt32BE(0) === 0xedfe0dd0) return 'its words are in the wrong byte order';
  const text = bytes.toString('latin1', 0, 4096);
  if (text.includes('/dts-v1/') || text.includes('/plugin/')) return 'it is a source: compile it with dtc first';
  return 'a blob begins with the bytes d0 0d fe ed';
}
