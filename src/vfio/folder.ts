import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes the folder `path` and those above it that are missing, each with the permissions `mode`. What mkdirSync's own `recursive` does, but for
 * one thing: that never ends where the kernel has no such entry in a folder that is there, as in /proc. Throws what mkdirSync throws.
 */
export function makeFolder(path: string, mode: number): void {
  if (existsSync(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another process was faster.
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}
