import { getSystemErrorMap } from 'node:util';
import { type FailureKind, VfioError } from '../vfio/errors.js';
import { nearbyFiles } from '../vfio/nearby-files.js';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  EEXIST: 'there is such a file already',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is no folder',
  ENOSPC: 'no space left on the disk',
  EROFS: 'the file system is read-only',
  ENXIO: 'nobody reads that pipe',
  EAGAIN: 'who reads that pipe is too slow, and it is full',
  EPIPE: 'who read that pipe is gone',
};

const kinds: Readonly<Record<string, FailureKind>> = { ENOENT: 'absent', EACCES: 'permission', EPERM: 'permission' };

/** The same of a file that should be there already: where it is not, those that are spelled like it are proposed. */
export function readError(operation: string, path: string, error: unknown): VfioError {
  const failed = fileError(operation, path, error);
  const hint = failed.kind === 'absent' ? nearbyFiles(path) : undefined;
  return hint === undefined ? failed : new VfioError({ ...failed.details, hint });
}

/** What the system refused of a file, in words: `operation` is a verb such as 'write'. */
export function fileError(operation: string, path: string, error: unknown): VfioError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : Number.NaN;
  const why = reasons[code ?? ''] ?? getSystemErrorMap().get(errno)?.[1];
  return new VfioError({
    kind: kinds[code ?? ''] ?? 'kernel',
    operation: `${operation} ${path}`,
    ...(code !== undefined && { errno: code }),
    why: why ?? (error instanceof Error ? error.message : String(error)),
  });
}
