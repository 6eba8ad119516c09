/** What the device may do with memory: read it, write it, or both. */
export type Protection = 'r' | 'w' | 'rw';

export const protections: readonly Protection[] = ['r', 'w', 'rw'];

/** A stretch of I/O virtual addresses. */
export interface IovaSpan {
  readonly iova: bigint;
  /** Bytes, 1 or more. */
  readonly size: number;
}

/** Memory that the device reaches: one mapping of the IOMMU, or of the server, and one entry of the ledger. */
export interface Mapping extends IovaSpan {
  readonly name: string;
  /** The first address: of the guard in front, where there is one. */
  readonly iova: bigint;
  /** Bytes from there on, the guards on both sides included. */
  readonly size: number;
  readonly prot: Protection;
  /** Memory made for it, a file's, or an array's of JavaScript. */
  readonly kind: 'buffer' | 'file' | 'memory';
  /** Bytes of the guard on either side; 0 where there is none. */
  readonly guard: number;
}

/** The address behind the last one. */
export function endOf({ iova, size }: IovaSpan): bigint {
  return iova + BigInt(size);
}

/** '0x100000..0x110000', half open as in the command language. */
export function spanText(span: IovaSpan): string {
  return `0x${span.iova.toString(16)}..0x${endOf(span).toString(16)}`;
}

/** Bytes with the largest unit that keeps them whole: '64 KiB', '1 GiB', '100 bytes'. */
export function bytesText(bytes: number | bigint): string {
  const count = BigInt(bytes);
  const units = [
    [1n << 40n, 'TiB'],
    [1n << 30n, 'GiB'],
    [1n << 20n, 'MiB'],
    [1n << 10n, 'KiB'],
  ] as const;
  for (const [unit, name] of units) if (count >= unit && count % unit === 0n) return `${count / unit} ${name}`;
  return count === 1n ? '1 byte' : `${count} bytes`;
}
