import type { Skip } from '../../vfio/registers/read-around.js';
import type { Space } from '../../vfio/space.js';
import { bytesOf, maxOf, type Width } from '../../vfio/width.js';
import { maskedValue } from '../arguments.js';
import { checkComparable } from '../fit.js';
import { search, type Sought } from '../search.js';
import type { Session } from '../session.js';
import { UsageError } from '../usage-error.js';
import type { LookingRun } from './look.js';
import { typedArgument } from './typed-argument.js';

/** What a search is asked for, in its question. */
export const soughtHint = '0x4d415253, bytes 53 52, or text';

/** What the user typed to be sought, and what that means. */
export interface Wanted {
  readonly text: string;
  /** What it was taken for. */
  readonly says: string;
  readonly sought: Sought;
  /** How many bytes it has. */
  readonly length: number;
  /** Of the cells that are compared; of a text's, what the space is read with. */
  readonly width: Width;
}

/** What came of a search. */
export interface SearchResult {
  /** Where it stands; undefined where it was not found. */
  readonly offset: number | undefined;
  /** It stands before the place where the search began. */
  readonly wrapped: boolean;
  /** Cells that were not looked at, and why. */
  readonly notes: readonly string[];
}

/**
 * What `typed` stands for in `space`: a value that begins with a digit or $ (32 bits wide, 64 where it is larger), pairs of hexadecimal digits
 * as bytes in their order, anything else, or what stands in quotes, as characters. Throws UsageError.
 */
export function wantedIn(typed: string, space: Space, session: Session): Wanted {
  const text = typed.trim();
  const pairs = /^[0-9a-f]{2}(?:\s+[0-9a-f]{2})*$/i;
  const quoted = /^(["'])(.*)\1$/s.exec(text)?.[2];
  if (quoted === '') throw new UsageError('there is nothing between the quotes');
  if (quoted === undefined && pairs.test(text)) {
    const digits = text.replace(/\s+/g, '');
    const says = digits.length === 2 ? `byte ${digits}` : `bytes ${text}`;
    return {
      text,
      says,
      sought: { bytes: Buffer.from(digits, 'hex') },
      length: digits.length / 2,
      width: widthOf(space),
    };
  }
  if (quoted !== undefined || !/^[0-9$]/.test(text)) {
    const characters = quoted ?? text;
    const bytes = Buffer.from(characters);
    return { text, says: JSON.stringify(characters), sought: { bytes }, length: bytes.length, width: widthOf(space) };
  }
  const sought = typedArgument(maskedValue('what to look for'), text, session);
  const { value, mask } = sought;
  const width = value > maxOf(32) || (mask ?? 0n) > maxOf(32) ? 64 : 32;
  checkComparable('find', { space, offset: 0, width, asked: false }, sought);
  const says = `0x${value.toString(16)}${mask === undefined ? '' : `:0x${mask.toString(16)}`} in ${width} bits`;
  return { text, says, sought, length: bytesOf(width), width };
}

/** The widest cells, up to 32 bits, of which `space` has a whole number. */
function widthOf({ size }: Space): Width {
  return size % 4 === 0 ? 32 : size % 2 === 0 ? 16 : 8;
}

/**
 * Looks for `wanted` in the whole of `space`: from `from` to its end, and from its beginning to there, up to the first place. Each cell is read
 * once, a chunk at a time, between which the keys have their turn. Rejects with Interrupted where `looking` was interrupted, and with
 * VfioError where the space cannot be read at all.
 */
export async function searchAround(
  looking: LookingRun,
  space: Space,
  { sought, length, width }: Wanted,
  from: number,
  progress: (part: number) => void,
): Promise<SearchResult> {
  const step = bytesOf(width);
  const whole = space.size - (space.size % step);
  const first = Math.min(whole, from - (from % step));
  let unread = 0;
  const skipped: Skip[] = [];
  const pass = async (start: number, end: number, least: number, before: number): Promise<number | undefined> => {
    let found: number | undefined;
    const hit = ({ offset }: { readonly offset: number }): void => {
      if (offset >= least && offset < before) found ??= offset;
    };
    if (end <= start) return undefined;
    const shape = { offset: start, width, count: (end - start) / step, stride: step };
    for await (const { done, count, block } of search(looking, space, shape, flags, sought, hit)) {
      for (const fault of block.faults) unread += fault.count;
      skipped.push(...block.skipped);
      if (found !== undefined) break;
      const read = (start >= first ? 0 : whole - first) + (done + count) * step;
      progress(Math.min(1, read / whole));
    }
    return found;
  };
  const behind = await pass(first, whole, from, whole);
  // A place that begins before `from` may reach behind it.
  const end = Math.min(whole, Math.ceil((from + length - 1) / step) * step);
  const offset = behind ?? (await pass(0, end, 0, from));
  const left = skipped.reduce((sum, { count }) => sum + count, 0);
  const notes = [
    ...(unread > 0 ? [`${cells(unread)} could not be read`] : []),
    ...(left > 0 ? [`${cells(left)} left out (${[...new Set(skipped.map(({ reason }) => reason))].join(', ')})`] : []),
  ];
  return { offset, wrapped: behind === undefined && offset !== undefined, notes };
}

const flags = { allowSplit: false, force: false };

function cells(count: number): string {
  return `${count} cell${count === 1 ? '' : 's'}`;
}
