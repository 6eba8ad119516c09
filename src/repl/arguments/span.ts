import type { Argument } from './argument.js';
import type { Count } from './count.js';
import type { Location } from './location.js';

/**
 * A piece of a space: `region0 0..0x100`, `region0 0x100 64B`, `region0.FIFO 16`, `region0 0x100`, `region0`.
 * A range gives a count in bytes. `count` is undefined where none was said; `whole` says that not even an offset was.
 */
export interface Span extends Location {
  readonly count: Count | undefined;
  readonly whole: boolean;
}

export declare function span(summary: string): Argument<Span>;

/** The bytes that a span covers: its count's, or those up to the end of the space. */
export declare function bytesIn(span: Span): number;
