import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { findCommand, LabError } from './command.js';
import type { Arch } from './kernel.js';
import { labSources } from './project.js';

interface Entry {
  path: string;
  /** Type and permission bits, as in stat(2). */
  mode: number;
  data?: Uint8Array;
  /** Major and minor number of a device node. */
  device?: readonly [number, number];
}

const DIRECTORY = 0o040755;
const PROGRAM = 0o100755;
const CHARACTER_DEVICE = 0o020600;

/** A gzipped initramfs of busybox and the lab's init. */
export async function initrd(busybox: string): Promise<Uint8Array> {
  const entries: Entry[] = [
    ...['bin', 'dev', 'proc', 'sys', 'exchange', 'host', 'root'].map((path) => ({ path, mode: DIRECTORY })),
    // The kernel opens it for init's output before init can mount anything.
    { path: 'dev/console', mode: CHARACTER_DEVICE, device: [5, 1] },
    { path: 'bin/busybox', mode: PROGRAM, data: await readFile(busybox) },
    { path: 'init', mode: PROGRAM, data: await readFile(join(labSources, 'guest/init.sh')) },
  ];
  return gzipSync(cpio(entries), { level: 1 });
}

/** An archive in the format that the kernel unpacks ("newc", Documentation/driver-api/early-userspace/buffer-format.rst). */
export function cpio(entries: readonly Entry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [index, entry] of [...entries, { path: 'TRAILER!!!', mode: 0 } as Entry].entries()) {
    const data = entry.data ?? new Uint8Array(0);
    const name = Buffer.from(`${entry.path}\0`);
    const [major, minor] = entry.device ?? [0, 0];
    // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
    const fields = [index + 1, entry.mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    parts.push(padded(Buffer.concat([Buffer.from(header), name])), padded(data));
  }
  return Buffer.concat(parts);
}

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

/** The machine's own busybox, which the initramfs can hold only if it needs no shared library. */
export function hostBusybox(arch: Arch): string {
  const file = findCommand('busybox');
  if (file === undefined) throw new LabError('busybox is missing: apt-get install busybox-static');
  if (!isStatic(file))
    throw new LabError(`${file} is dynamically linked, the ${arch} guest needs: apt-get install busybox-static`);
  return file;
}

/** Whether a 64-bit little-endian ELF program names no interpreter (PT_INTERP) in its program headers. */
function isStatic(file: string): boolean {
  const PT_INTERP = 3;
  const head = Buffer.alloc(4096);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  const table = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  for (let index = 0; index < count; index++) {
    if (head.readUInt32LE(table + index * size) === PT_INTERP) return false;
  }
  return true;
}
