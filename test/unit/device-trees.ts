import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { parseBlob } from '../../src/vfio/devicetree/blob.js';
import type { DeviceTree } from '../../src/vfio/devicetree/tree.js';

// Compiled this file lies in dist/test/unit, the fixtures in test/fixtures.
const folder = fileURLToPath(new URL('../../../test/fixtures/dtb', import.meta.url));

/** The trees in test/fixtures/dtb, by name. */
export const treeNames: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith('.dtb.gz'))
  .map((file) => file.slice(0, -'.dtb.gz'.length));

/** The blob of that board or machine. */
export function blobOf(name: string): Buffer {
  return gunzipSync(readFileSync(join(folder, `${name}.dtb.gz`)));
}

export function treeOf(name: string): DeviceTree {
  return parseBlob(blobOf(name), name);
}
