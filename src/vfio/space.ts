import type { VfioError } from './errors.js';
import type { Tally } from './tally.js';
import type { Width } from './width.js';

/** Cells of a block that could not be accessed: `count` of them from `index` on, all for the same reason. */
export interface BlockFault {
  readonly index: number;
  readonly count: number;
  readonly error: VfioError;
}

/** What a block read brought: `count` cells of `width` bits, `stride` bytes apart, packed little endian in `bytes`. */
export interface Block {
  readonly offset: number;
  readonly width: Width;
  readonly count: number;
  readonly stride: number;
  /** count * width / 8 bytes; those of faulted cells are zero and mean nothing. */
  readonly bytes: Uint8Array;
  readonly faults: readonly BlockFault[];
}

/** Which cells a block access touches. */
export interface BlockShape {
  readonly offset: number;
  readonly width: Width;
  readonly count: number;
  /** Bytes from one cell to the next: the width's own by default, 0 to drain or feed a FIFO. */
  readonly stride?: number;
}

export interface PollRequest {
  /** Bits that are compared, and what they should be. */
  readonly mask: bigint;
  readonly want: bigint;
  /** Reads at the most. */
  readonly iterations: number;
}

export interface PollResult {
  readonly matched: boolean;
  /** The last value read. */
  readonly value: bigint;
  /** Reads made. */
  readonly iterations: number;
}

export interface AccessOptions {
  /** Lets an access that the path cannot make in one go be split (by the kernel, or the server). Default false: an error. */
  readonly allowSplit?: boolean;
}

export interface BlockReadOptions extends AccessOptions {
  /**
   * Where the cells go; the block's `bytes` are its beginning then. At least count * width / 8 bytes. By default new memory, whose first
   * touch costs more than the reads of plain memory: whoever reads block after block brings his own.
   */
  readonly into?: Uint8Array;
  /** Takes the block's place in the journal: for blocks that are read again and again, whose sum the caller enters. */
  readonly tally?: Tally;
}

/**
 * Something with bytes at offsets that can be read and written at exact widths: a region of a device, or a DMA buffer.
 * Each `read` is one load and each `write` one store of that width; what is refused throws VfioError and is in the journal.
 */
export interface Space {
  readonly name: string;
  /** Other names of it, such as bar0 for region0. */
  readonly aliases: readonly string[];
  /** Bytes. */
  readonly size: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Cells that may be read in one go where somebody waits meanwhile; absent: as many as there are. */
  readonly atOnce?: number;
  /** 8, 16 and 32 bits give a number, 64 bits a bigint. */
  read(width: Width, offset: number, options?: AccessOptions): number | bigint;
  write(width: Width, offset: number, value: number | bigint, options?: AccessOptions): void;
  /** Goes on past cells that fault and says which they were. */
  readBlock(shape: BlockShape, options?: BlockReadOptions): Block;
  /** Writes packed cells; stops at the first fault, which it throws with the cell's offset. */
  writeBlock(shape: BlockShape, from: Uint8Array, options?: AccessOptions): void;
  /** Reads one place until it matches or the iterations are used up, without a pause: microseconds, not seconds. */
  poll(width: Width, offset: number, request: PollRequest): PollResult;
}
