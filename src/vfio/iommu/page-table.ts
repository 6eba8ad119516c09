/**
 * The page tables of VT-d as the kernel shows them in debugfs, domain_translation_struct: for each leaf one line
 * with the entry of every level that leads to it.
 *
 *     Device 0000:00:04.0 @0x1076c7000                     (scalable mode: 'Device 0000:00:04.0 with pasid 0 @0x...')
 *     IOVA_PFN              PML5E    PML4E    PDPE    PDE    PTE
 *     0x0000000000100 |     0x...    0x...    0x...   0x...  0x...
 *
 * A line ends with the leaf's entry (Linux 6.8 and later) or goes on with zeros (before). Source: drivers/iommu/intel/debugfs.c.
 */

/** Bytes that an entry of each level maps where it is a leaf. */
const levelSizes = [2 ** 48, 2 ** 39, 2 ** 30, 2 ** 21, 2 ** 12];

/** A page, or larger block, that the IOMMU translates. */
export interface Leaf {
  readonly iova: bigint;
  /** Bytes: 4 KiB, 2 MiB, 1 GiB. */
  readonly size: number;
  /** The physical address that it leads to. */
  readonly physical: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  /** The raw entries by level: PML5E, PML4E, PDPE, PDE, PTE; 0 for a level that is not there or below the leaf. */
  readonly path: readonly bigint[];
}

/** What heads the lines of a device. */
export interface TableHeader {
  /** '0000:00:04.0'. */
  readonly device: string;
  /** Physical address of the root of the tables. */
  readonly root: bigint;
  /** In scalable mode. */
  readonly pasid?: number;
}

const READ = 1n;
const WRITE = 2n;
/** Bits 51..12 of an entry. */
const ADDRESS = 0x000f_ffff_ffff_f000n;

/** Reads the line that heads a device's tables; undefined for any other line. */
export function parseHeader(line: string): TableHeader | undefined {
  const found = /^Device (\S+)(?: with pasid ([0-9a-f]+))? @0x([0-9a-f]+)/i.exec(line);
  if (found === null) return undefined;
  const [, device = '', pasid, root = ''] = found;
  return {
    device: device.toLowerCase(),
    root: BigInt(`0x${root}`),
    ...(pasid !== undefined && { pasid: Number.parseInt(pasid, 16) }),
  };
}

/** Reads the line of a leaf; undefined for a line that is none. */
export function parseLeaf(line: string): Leaf | undefined {
  const bar = line.indexOf('|');
  if (bar < 0 || !line.startsWith('0x')) return undefined;
  const path = [0n, 0n, 0n, 0n, 0n];
  let level = -1;
  let at = 0;
  let rights = READ | WRITE;
  for (let start = line.indexOf('0x', bar); start >= 0; start = line.indexOf('0x', start + 2), at++) {
    const entry = entryAt(line, start);
    if (entry === undefined || at >= path.length) return undefined;
    path[at] = entry;
    if (entry === 0n) continue;
    level = at;
    rights &= entry;
  }
  const size = levelSizes[level];
  const frame = entryAt(line, 0);
  if (size === undefined || frame === undefined || rights === 0n) return undefined;
  const mask = BigInt(size) - 1n;
  return {
    iova: frame << 12n,
    size,
    physical: (path[level] ?? 0n) & ADDRESS & ~mask,
    readable: (rights & READ) !== 0n,
    writable: (rights & WRITE) !== 0n,
    path,
  };
}

/** The hexadecimal number that begins at `start` with 0x and goes up to a blank or the end. */
function entryAt(line: string, start: number): bigint | undefined {
  let end = start + 2;
  while (end < line.length && line.charCodeAt(end) > 32) end++;
  const digits = line.slice(start, end);
  return /^0x[0-9a-f]{1,16}$/i.test(digits) ? BigInt(digits) : undefined;
}

/** Takes the lines of one device out of chunks of text, however these are cut. */
export class TableParser {
  readonly #device: string;
  #rest = '';
  #inside = false;
  header: TableHeader | undefined;
  /** Lines within the device's part that are neither heading nor leaf nor empty. */
  damaged = 0;

  /** `device` as the kernel writes it: '0000:00:04.0'. */
  constructor(device: string) {
    this.#device = device.toLowerCase();
  }

  /** The leaves in a further chunk. */
  push(chunk: string): Leaf[] {
    const text = this.#rest + chunk;
    const end = text.lastIndexOf('\n') + 1;
    this.#rest = text.slice(end);
    return this.#lines(text.slice(0, end));
  }

  /** The leaf in a last line without an end. */
  finish(): Leaf[] {
    const last = this.#rest;
    this.#rest = '';
    return this.#lines(last);
  }

  #lines(text: string): Leaf[] {
    const leaves: Leaf[] = [];
    for (const line of text.split('\n')) {
      if (line.startsWith('Device ')) {
        const header = parseHeader(line);
        this.#inside = header?.device === this.#device;
        if (this.#inside) this.header = header;
      } else if (this.#inside && line !== '' && !line.startsWith('IOVA_PFN')) {
        const leaf = parseLeaf(line);
        if (leaf === undefined) this.damaged += 1;
        else leaves.push(leaf);
      }
    }
    return leaves;
  }
}
