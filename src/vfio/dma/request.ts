import { type FailureDetails, VfioError } from '../errors.js';
import type { Space } from '../space.js';
import { bytesText } from './mapping.js';
import { hugePageSize } from './memory.js';

/** What is being done, for errors. */
export type Place = Pick<FailureDetails, 'operation' | 'device'>;

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** Throws VfioError where a buffer cannot be called so. */
export function checkName(name: string, findSpace: (name: string) => Space | undefined, place: Place): void {
  if (!NAME.test(name)) {
    throw new VfioError({
      kind: 'unsupported',
      ...place,
      why: 'a name begins with a letter and has letters, digits, _ and -',
      hint: 'such as ring, or rx_0',
    });
  }
  if (findSpace(name) === undefined) return;
  throw new VfioError({
    kind: 'busy',
    ...place,
    why: `the name ${name} is taken`,
    hint: 'choose another, or free that one first: dma free NAME',
  });
}

/** A name for what lies at `path`: its file name up to the first dot, with _ for what a name cannot have. */
export function nameOfFile(path: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1).replace(/(?<=.)\..*$/, '');
  const name = file.replace(/[^A-Za-z0-9_-]/g, '_');
  return NAME.test(name) ? name : `_${name}`;
}

/** Throws VfioError where `size` is not one or more whole units. */
export function checkSize(size: number, unit: number, place: Place): void {
  if (Number.isSafeInteger(size) && size > 0 && size % unit === 0) return;
  const below = Math.max(unit, Math.floor(size / unit) * unit);
  const fits = below > size || !Number.isSafeInteger(size) ? [unit] : [below, below + unit];
  throw new VfioError({
    kind: 'limit',
    ...place,
    why: `${size} bytes are not whole pages: mappings are made of ${bytesText(unit)} each`,
    hint: `the nearest ${fits.length === 1 ? 'is' : 'are'} ${fits.map(bytesText).join(' and ')}`,
  });
}

/** Bytes of a huge page. Throws VfioError where the kernel has none. */
export function hugePage(place: Place): number {
  const size = hugePageSize();
  if (size !== undefined) return size;
  throw new VfioError({
    kind: 'unsupported',
    ...place,
    why: 'this kernel has no huge pages (CONFIG_HUGETLBFS)',
    hint: 'leave --huge out',
  });
}
