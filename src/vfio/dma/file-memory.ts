import { constants, fstatSync } from 'node:fs';
import { VfioError } from '../errors.js';
import { nearbyFiles } from '../nearby-files.js';
import {
  MAP_SHARED,
  O_RDONLY,
  O_RDWR,
  PROT_READ,
  PROT_WRITE,
  close,
  errnoName,
  mmap,
  munmap,
  open,
} from '../sys/libc.js';
import type { Protection } from './mapping.js';
import type { Memory } from './memory.js';

/** A file's pages: what the device writes is in the file. */
export interface FileMemory extends Memory {
  /** Bytes of the file; the rest of its last page is no part of it. */
  readonly size: number;
}

/**
 * Maps a regular file of one byte or more, shared; it is opened for writing only where the device may write to it. Throws VfioError.
 */
export function mapFile(path: string, prot: Protection, unit: number): FileMemory {
  const operation = `map ${path}`;
  const refuse = (why: string, hint: string): VfioError => new VfioError({ kind: 'absent', operation, why, hint });
  const writable = prot !== 'r';
  // The open of a pipe would wait for a writer.
  const opened = open(path, (writable ? O_RDWR : O_RDONLY) | constants.O_NONBLOCK);
  if (opened.errno !== 0) throw notOpened(path, errnoName(opened.errno), prot);
  const fd = opened.value;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw refuse('it is no regular file', 'map a file, or make a buffer: dma alloc NAME SIZE');
    const { size } = stat;
    if (size === 0) throw refuse('the file is empty', 'give it its size first: truncate -s 64K FILE');
    const length = Math.ceil(size / unit) * unit;
    const mapped = mmap(length, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
    if (mapped.errno !== 0) {
      throw new VfioError({
        kind: 'kernel',
        operation,
        errno: errnoName(mapped.errno),
        why: 'the file could not be mapped',
      });
    }
    const address = mapped.value;
    return {
      kind: 'file',
      address,
      length,
      size,
      fd,
      fdOffset: 0,
      writable,
      zeroed: false,
      release() {
        munmap(address, length);
        close(fd);
      },
    };
  } catch (error) {
    close(fd);
    throw error;
  }
}

function notOpened(path: string, errno: string, prot: Protection): VfioError {
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EISDIR: 'it is a folder',
    EACCES: prot === 'r' ? 'permission denied' : 'it may not be written to',
    EROFS: 'its file system is read-only',
    ETXTBSY: 'it is being executed',
  };
  const readOnly = prot !== 'r' && (errno === 'EACCES' || errno === 'EROFS');
  const hint = readOnly ? '--prot r maps it for reading only' : errno === 'ENOENT' ? nearbyFiles(path) : undefined;
  return new VfioError({
    kind: errno === 'ENOENT' ? 'absent' : 'permission',
    operation: `map ${path}`,
    errno,
    why: known[errno] ?? 'the file cannot be opened',
    ...(hint !== undefined && { hint }),
  });
}

/** Throws VfioError for a file that a vfio-user server, which reads the file itself, cannot take whole pages of. */
export function checkWholePages(file: FileMemory, path: string, unit: number): void {
  if (file.size % unit === 0) return;
  throw new VfioError({
    kind: 'unsupported',
    operation: `map ${path}`,
    why: `a vfio-user server takes whole pages of a file, and this one ends ${file.size % unit} bytes into one`,
    hint: `fill it up with zeros: truncate -s %${unit} ${path}`,
  });
}

/**
 * What the kernel's EFAULT means for a file: it pins pages that a device writes to only where no file system has to be told of it.
 * Source: mm/gup.c, writable_file_mapping_allowed (Linux 6.5).
 */
export function unpinnable(error: unknown, path: string): unknown {
  if (!(error instanceof VfioError) || error.details.errno !== 'EFAULT') return error;
  return new VfioError(
    {
      ...error.details,
      why: `the kernel does not let a device write to a file like ${path}: its file system would not know of it`,
      hint: 'put it on a tmpfs (/dev/shm), or map it with --prot r',
    },
    { cause: error },
  );
}
