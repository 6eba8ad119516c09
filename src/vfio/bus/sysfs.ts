import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** Reading of sysfs. Whatever is missing, unreadable or vanishes between two steps is `undefined` or empty, never an error. */

/** The text of an attribute without its line end. */
export function attribute(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}

/** The bytes of an attribute. */
export function bytesAt(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

/** The 32-bit big-endian cells of an attribute that is a property of the device tree. */
export function cellsAt(path: string): number[] {
  const bytes = bytesAt(path);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readUInt32BE(index * 4));
}

/** The strings of an attribute that holds them NUL-terminated, as the device tree's properties do. */
export function stringList(path: string): string[] {
  return (attribute(path) ?? '').split('\0').filter((part) => part !== '');
}

/** The last part of the path that a symbolic link leads to: a driver's name, a group's number. */
export function linkTarget(path: string): string | undefined {
  try {
    return basename(readlinkSync(path));
  } catch {
    return undefined;
  }
}

/** The names in a directory, sorted. */
export function entries(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

export function exists(path: string): boolean {
  return existsSync(path);
}
