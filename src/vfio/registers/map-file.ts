import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { withPlainFile } from '../plain-file.js';
import { dataOf } from './map-text.js';
import { LARGEST_FILE, type SvdFile, openSvd } from './svd/svd-file.js';

/** A file with register maps: CMSIS-SVD, or the own format as it is in it. */
export type MapFile =
  | { readonly kind: 'svd'; readonly name: string; readonly svd: SvdFile }
  | { readonly kind: 'own'; readonly name: string; readonly data: unknown };

/** Opens a file of either format: its name tells which, else its first character. Throws VfioError where it is neither. */
export function openMapFile(path: string): MapFile {
  const name = basename(path);
  if (!/\.(?:svd|xml)(?:\.gz)?$/i.test(name)) {
    const bytes = withPlainFile(path, { most: LARGEST_FILE, operation: 'read' }, (_stamp, read) => read());
    const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
    if (!packed && !/^[\uFEFF\s]*</.test(bytes.toString('utf8', 0, 200))) {
      return { kind: 'own', name, data: dataOf(bytes.toString('utf8'), `read ${path}`, name) };
    }
  }
  return { kind: 'svd', name, svd: openSvd(path) };
}

/** The overlay that lies beside `path`: uart.svd.overlay.json, or uart.overlay.json. */
export function overlayBeside(path: string): string | undefined {
  const stem = path.replace(/\.(?:svd|xml|json|jsonc)(?:\.gz)?$/i, '');
  return [path, stem].map((each) => `${each}.overlay.json`).find((each) => existsSync(each));
}
