import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { VfioError } from '../errors.js';
import { nearbyFiles } from '../nearby-files.js';
import { LARGEST_BLOB, parseBlob } from './blob.js';
import type { DeviceTree } from './tree.js';

/** Reads the blob in a file. Throws VfioError that says what is wrong with the file, or with what is in it. */
export function readTreeFile(path: string): DeviceTree {
  return parseBlob(contents(path), path);
}

function contents(path: string): Buffer {
  const operation = `read the device tree ${path}`;
  let fd: number | undefined;
  try {
    // The open of a pipe would wait for a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const facts = fstatSync(fd);
    if (!facts.isFile()) throw new VfioError({ kind: 'unsupported', operation, why: 'it is no plain file' });
    if (facts.size > LARGEST_BLOB) {
      const why = `it has ${facts.size} bytes, and no device tree has more than ${LARGEST_BLOB}`;
      throw new VfioError({ kind: 'limit', operation, why });
    }
    return readFileSync(fd);
  } catch (error) {
    if (error instanceof VfioError || !(error instanceof Error) || !('code' in error)) throw error;
    const why = error.code === 'ENOENT' ? 'there is no such file' : 'the file cannot be read';
    const kind = error.code === 'ENOENT' ? 'absent' : error.code === 'EACCES' ? 'permission' : 'kernel';
    const hint = kind === 'absent' ? nearbyFiles(path) : undefined;
    const details = { kind, operation, errno: String(error.code), why, ...(hint !== undefined && { hint }) } as const;
    throw new VfioError(details, { cause: error });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
