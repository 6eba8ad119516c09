import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { VfioError } from './errors.js';
import { nearbyFiles } from './nearby-files.js';

/** What tells one version of a file from another, without reading it. */
export interface FileStamp {
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: bigint;
  /** Nanoseconds of the last change. */
  readonly changed: bigint;
}

export interface PlainFile {
  readonly bytes: Buffer;
  readonly stamp: FileStamp;
}

/**
 * Opens a plain file and hands it to `use`: a pipe could be waited on for ever, and /dev/zero has no end. Throws VfioError where there is no
 * such file, or it has more than `most` bytes.
 */
export function withPlainFile<T>(
  path: string,
  { most, operation }: { readonly most: number; readonly operation: string },
  use: (stamp: FileStamp, read: () => Buffer) => T,
): T {
  const refuse = (why: string, errno?: string, hint?: string): VfioError =>
    new VfioError({
      kind: errno === 'EACCES' ? 'permission' : 'absent',
      operation: `${operation} ${path}`,
      why,
      ...(errno !== undefined && { errno }),
      ...(hint !== undefined && { hint }),
    });
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const open = fd;
    const found = fstatSync(open, { bigint: true });
    if (!found.isFile()) throw refuse('it is no plain file');
    if (found.size > BigInt(most)) throw refuse(`its ${found.size} bytes are more than the ${most} that are read`);
    const { dev: device, ino: inode, size, mtimeNs: changed } = found;
    return use({ device, inode, size, changed }, () => readFileSync(open));
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    const code = 'code' in error ? String(error.code) : undefined;
    if (code === 'ENOENT') throw refuse('there is no such file', code, nearbyFiles(path));
    throw refuse('it cannot be read', code);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
