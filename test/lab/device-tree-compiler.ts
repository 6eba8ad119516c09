import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.js';
import type { Requirement } from './packages.js';

export const requirements: readonly Requirement[] = [{ probe: 'fdtoverlay', packages: ['device-tree-compiler'] }];

/** Runs the line for dtc that stands in an overlay, where it stands. @returns the overlay's blob, and what dtc had to say: nothing, if all is well. */
export async function compileAsTold(folder: string, file: string): Promise<{ blob: string; said: string }> {
  const source = await readFile(join(folder, file), 'utf8');
  const line = /^ \* +(dtc .*)$/m.exec(source)?.[1];
  assert.ok(line !== undefined, source);
  return { blob: file.replace(/\.dts$/, '.dtbo'), said: await run('sh', ['-c', `${line} 2>&1`], { cwd: folder }) };
}
