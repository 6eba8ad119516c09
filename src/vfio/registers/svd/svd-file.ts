import { basename, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { VfioError } from '../../errors.js';
import { type FileStamp, withPlainFile } from '../../plain-file.js';
import { type Kept, SvdCache } from './svd-cache.js';
import { parseSvd } from './svd-device.js';

/** Bytes of a file, at the most, packed or not. */
export const LARGEST_FILE = 64 * 2 ** 20;
/** Smaller files are parsed sooner than anything could be looked up. */
const WORTH_KEEPING = 64 * 1024;

/** A CMSIS-SVD file: its device, and the registers of each of its peripherals by its index. */
export type SvdFile = Kept;

/** The files of this process: Tab asks for the same one again and again. */
const open = new Map<string, { readonly stamp: FileStamp; readonly file: SvdFile }>();
const MOST_OPEN = 4;

/**
 * Reads the CMSIS-SVD file `path`, packed by gzip or not, or takes what was made of it before. Throws VfioError where it cannot be read or is
 * no such file; what is wrong within it are problems of its device.
 */
export function openSvd(path: string, cache = new SvdCache()): SvdFile {
  const name = resolve(path);
  return withPlainFile(path, { most: LARGEST_FILE, operation: 'read' }, (stamp, read) => {
    const known = open.get(name);
    if (known !== undefined && isSame(known.stamp, stamp)) return known.file;
    const file = (stamp.size >= WORTH_KEEPING && cache.find(name, stamp)) || parsed(name, stamp, read(), cache);
    open.delete(name);
    open.set(name, { stamp, file });
    for (const oldest of open.keys()) if (open.size > MOST_OPEN) open.delete(oldest);
    return file;
  });
}

function parsed(path: string, stamp: FileStamp, bytes: Buffer, cache: SvdCache): SvdFile {
  const contents = parseSvd(textOf(path, bytes), basename(path));
  if (!('device' in contents)) {
    const [first] = contents.problems;
    throw new VfioError({
      kind: 'unsupported',
      operation: `read ${path}`,
      why: first === undefined ? 'it is no CMSIS-SVD file' : `${first.where}: ${first.why}`,
      hint: 'CMSIS-SVD is XML with <device> around all',
    });
  }
  if (stamp.size >= WORTH_KEEPING) cache.keep(path, stamp, contents);
  return { device: contents.device, registersOf: (index) => contents.registers[index] ?? [] };
}

/** The text in `bytes`: unpacked, and in the encoding that the file says. */
function textOf(path: string, bytes: Buffer): string {
  const refuse = (why: string): VfioError => new VfioError({ kind: 'unsupported', operation: `read ${path}`, why });
  let plain = bytes;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      plain = gunzipSync(bytes, { maxOutputLength: LARGEST_FILE });
    } catch {
      throw refuse('it cannot be unpacked');
    }
  }
  const said = /^\s*<\?xml[^>]*encoding=["']([A-Za-z0-9._-]+)["']/.exec(plain.toString('latin1', 0, 200))?.[1];
  const utf16 =
    plain[0] === 0xff && plain[1] === 0xfe
      ? 'utf-16le'
      : plain[0] === 0xfe && plain[1] === 0xff
        ? 'utf-16be'
        : undefined;
  try {
    return new TextDecoder(utf16 ?? said ?? 'utf-8').decode(plain);
  } catch {
    throw refuse(`its encoding ${said} is not known`);
  }
}

function isSame(one: FileStamp, other: FileStamp): boolean {
  return (Object.keys(one) as (keyof FileStamp)[]).every((key) => one[key] === other[key]);
}
