import type { Argument } from './argument.js';

/** VALUE, an unsigned 64-bit expression. */
export declare function value(summary: string): Argument<bigint>;

/** VALUE or VALUE:MASK; mask is undefined where none was given. */
export interface MaskedValue {
  readonly value: bigint;
  readonly mask: bigint | undefined;
}
export declare function maskedValue(summary: string): Argument<MaskedValue>;

/** An expression as a number between `least` and `most`. */
export declare function integer(summary: string, limits?: { least?: number; most?: number }): Argument<number>;

/** RANGE a..b, half open, without a space. */
export declare function offsetRange(summary: string): Argument<{ readonly start: number; readonly end: number }>;

/** 100ms, 1s, 2m, 500us: milliseconds as a number. */
export declare function duration(summary: string): Argument<number>;
