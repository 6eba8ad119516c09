import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout, wherever under it this file was compiled to. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('no package.json above the tests');
    folder = parent;
  }
  return folder;
}

/** Where the texts lie, and what else the tests keep as files. */
export const goldenFolder = join(projectRoot(), 'test/unit/golden');

/**
 * Compares `actual` with test/unit/golden/NAME, which lies beside the tests as text. UPDATE_GOLDEN=1 writes what there is now
 * instead: look at the difference before it is committed.
 */
export function assertGolden(name: string, actual: string): void {
  const file = join(goldenFolder, name);
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, actual);
    return;
  }
  assert.ok(existsSync(file), `${file} is missing: UPDATE_GOLDEN=1 npm test writes it`);
  assert.equal(actual, readFileSync(file, 'utf8'), `${name} differs: UPDATE_GOLDEN=1 npm test rewrites it`);
}
