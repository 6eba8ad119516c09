/** The widths, in bits, that one access can have. */
export type Width = 8 | 16 | 32 | 64;

export const widths: readonly Width[] = [8, 16, 32, 64];

/** Bytes that one access of `width` bits moves. */
export function bytesOf(width: Width): 1 | 2 | 4 | 8 {
  return (width >> 3) as 1 | 2 | 4 | 8;
}

/** The largest value that fits `width` bits. */
export function maxOf(width: Width): bigint {
  return (1n << BigInt(width)) - 1n;
}
