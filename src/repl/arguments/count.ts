import type { Width } from '../../vfio/width.js';
import type { Argument } from './argument.js';

/** How many: cells of whatever width the access has, or bytes where a unit was given (64B, 4K, 1M). At least 1. */
export interface Count {
  readonly amount: number;
  readonly unit: 'cells' | 'bytes';
}

export declare function count(summary: string): Argument<Count>;

/** A count in cells of `width` bits. Throws UsageError where the bytes are no whole number of cells. */
export declare function cellsOf(count: Count, width: Width): number;
