import { statSync } from 'node:fs';
import { VfioError } from '../vfio/errors.js';
import { toggle } from './arguments.js';

/**
 * The flag of every command that writes a file. It is not --force, which is about the device: who replaces a file must not read a FIFO by the
 * way, and who reads one must not lose a file.
 */
export const replace = toggle('replace a file that is there');

/**
 * Throws VfioError where `path` is a file with something in it that nobody has said may go. An empty one, a pipe and /dev/null have nothing to
 * lose; what cannot be written at all is found out by who writes.
 */
export function refuseLoss(path: string, replaced: boolean, hint = '--replace replaces it'): void {
  if (replaced) return;
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.isFile() !== true || there.size === 0) return;
  throw new VfioError({
    kind: 'busy',
    operation: `write ${path}`,
    why: 'there is such a file, which may hold work',
    hint,
  });
}
