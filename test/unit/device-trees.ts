import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { parseBlob } from '../../src/vfio/devicetree/blob.js';
import type { DtNode } from '../../src/vfio/devicetree/node.js';
import type { DeviceTree } from '../../src/vfio/devicetree/tree.js';

// Compiled this file lies in dist/test/unit, the fixtures in test/fixtures.
export const treeFolder = fileURLToPath(new URL('../../../test/fixtures/dtb', import.meta.url));

/** The trees in test/fixtures/dtb, by name. */
export const treeNames: readonly string[] = readdirSync(treeFolder)
  .filter((file) => file.endsWith('.dtb.gz'))
  .map((file) => file.slice(0, -'.dtb.gz'.length));

/** The blob of that board or machine. */
export function blobOf(name: string): Buffer {
  return gunzipSync(readFileSync(join(treeFolder, `${name}.dtb.gz`)));
}

export function treeOf(name: string): DeviceTree {
  return parseBlob(blobOf(name), name);
}

/** The node at `path`, which is there. */
export function nodeAt(tree: DeviceTree, path: string): DtNode {
  const node = tree.find(path);
  if (node === undefined) throw new Error(`${tree.origin} has no ${path}`);
  return node;
}

/** A value of a made-up property: cells, strings, bytes, or nothing. */
export type Value = readonly number[] | string | readonly string[] | Uint8Array | true;

/** A made-up node: properties by name, and nodes below it, whose names begin with a slash. */
export interface MadeNode {
  readonly [name: string]: Value | MadeNode;
}

function isNode(value: Value | MadeNode): value is MadeNode {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function bytesOf(value: Value): Buffer {
  if (value === true) return Buffer.alloc(0);
  if (typeof value === 'string') return Buffer.from(`${value}\0`);
  if (value instanceof Uint8Array) return Buffer.from(value);
  const items: readonly (number | string)[] = value;
  return Buffer.concat(items.map((item) => (typeof item === 'string' ? Buffer.from(`${item}\0`) : word(item))));
}

export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

/** The blob of a made-up tree, version 17. */
export function makeBlob(root: MadeNode): Buffer {
  const strings: string[] = [];
  const offsets = new Map<string, number>();
  let length = 0;
  const offsetOf = (name: string): number => {
    const known = offsets.get(name);
    if (known !== undefined) return known;
    offsets.set(name, length);
    strings.push(`${name}\0`);
    length += Buffer.byteLength(name) + 1;
    return length - Buffer.byteLength(name) - 1;
  };
  const structure = (name: string, node: MadeNode): Buffer[] => {
    const entries = Object.entries(node);
    const properties = entries.flatMap(([key, value]) => {
      if (isNode(value)) return [];
      const bytes = bytesOf(value);
      return [word(3), word(bytes.length), word(offsetOf(key)), padded(bytes)];
    });
    const children = entries.flatMap(([key, value]) => (isNode(value) ? structure(key.slice(1), value) : []));
    return [word(1), padded(Buffer.from(`${name}\0`)), ...properties, ...children, word(2)];
  };
  return assemble(Buffer.concat([...structure('', root), word(9)]), Buffer.from(strings.join('')));
}

/** A blob of a structure block and a strings block. */
export function assemble(structure: Buffer, strings: Buffer): Buffer {
  const at = 40 + 16;
  const total = at + structure.length + strings.length;
  const header = [0xd00dfeed, total, at, at + structure.length, 40, 17, 16, 0, strings.length, structure.length];
  return Buffer.concat([...header.map(word), Buffer.alloc(16), structure, strings]);
}

export function makeTree(root: MadeNode): DeviceTree {
  return parseBlob(makeBlob(root), 'made');
}

/** Writes a node and what is below it as the kernel shows it in /sys/firmware/devicetree/base. */
export function writeNode(node: DtNode, folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'name'), `${node.name.split('@')[0] ?? ''}\0`);
  for (const { name, bytes } of node.properties) writeFileSync(join(folder, name), bytes);
  for (const child of node.children) writeNode(child, join(folder, child.name));
}
