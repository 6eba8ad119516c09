import { VfioError } from '../vfio/errors.js';

/** Throws VfioError where the current folder has been deleted: no thread of Node's starts in one, and no relative path leads anywhere. */
export function checkCurrentFolder(): void {
  try {
    process.cwd();
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : 'ENOENT';
    const why = errno === 'ENOENT' ? 'it has been deleted' : 'it cannot be found';
    const hint = 'cd to a folder that is there';
    throw new VfioError({ kind: 'absent', operation: 'start in the current folder', errno, why, hint }, { cause });
  }
}
