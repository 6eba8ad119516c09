import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { VfioError } from '../../errors.js';
import { makeFolder } from '../../folder.js';

/** Where what was done is kept. The second is for machines whose root is read only; it lasts as long as sysfs does. */
const folders = ['/var/lib/vfiodbg', '/run/vfiodbg'] as const;

/**
 * The folder of records, of the journal of what is under way and of the lock: $VFIODBG_STATE_DIR, or the first of the usual ones that can be
 * written to. Makes nothing.
 */
export function stateFolder(environment = process.env): string {
  const chosen = environment['VFIODBG_STATE_DIR'];
  if (chosen !== undefined && chosen !== '') return chosen;
  return (
    folders.find((folder) => isWritable(folder)) ??
    folders.find((folder) => isWritable(dirname(folder))) ??
    folders.find((folder) => existsSync(folder)) ??
    folders[0]
  );
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Makes the folder. Others may read what is in it, so that they can be told how things are. Throws VfioError. */
export function makeStateFolder(folder: string): void {
  try {
    makeFolder(folder, 0o755);
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw stateError('write to', folder, error);
  }
}

/** What the system refused of a file of the folder. */
export function stateError(operation: string, path: string, error: unknown): VfioError {
  if (!(error instanceof Error && 'code' in error && 'errno' in error)) throw error;
  const errno = String(error.code);
  return new VfioError({
    kind: errno === 'EACCES' || errno === 'EPERM' ? 'permission' : 'kernel',
    operation: `${operation} ${path}`,
    errno,
    why: `${getSystemErrorMap().get(Number(error.errno))?.[1] ?? error.message}: what is done to a device is written down there before it is done`,
    hint: errno === 'EACCES' || errno === 'EPERM' ? 'run as root' : 'VFIODBG_STATE_DIR names another folder',
  });
}
