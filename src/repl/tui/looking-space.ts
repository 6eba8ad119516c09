import { VfioError } from '../../vfio/errors.js';
import type { RegisterSet } from '../../vfio/registers/register-set.js';
import { decodeWord } from '../../vfio/access-rules.js';
import type { AccessOptions, Block, BlockReadOptions, BlockShape, PollResult, Space } from '../../vfio/space.js';
import type { Tally } from '../../vfio/tally.js';
import { bytesOf, type Width } from '../../vfio/width.js';

/** How long the keys may wait for reads, in milliseconds, unless a single one takes longer. */
export const AT_ONCE_MS = 5;

/**
 * A space as a pane may have it: read again and again without anybody asking, so that what a read would change is refused, and every write.
 * The journal gets the sum of its reads: each of them would push out what the user did.
 */
export class LookingSpace implements Space {
  readonly #space: Space;
  readonly #registers: RegisterSet;
  readonly #tally: Tally;
  /** Milliseconds that a cell took lately; undefined where none was read yet. */
  #cost: number | undefined;

  constructor(space: Space, registers: RegisterSet, tally: Tally) {
    this.#space = space;
    this.#registers = registers;
    this.#tally = tally;
  }

  get name(): string {
    return this.#space.name;
  }

  get aliases(): readonly string[] {
    return this.#space.aliases;
  }

  get size(): number {
    return this.#space.size;
  }

  get readable(): boolean {
    return this.#space.readable;
  }

  readonly writable = false;

  /** A device that answers slowly is read piece by piece, so that the keys have their turn in between: one cell at the least. */
  get atOnce(): number {
    return this.#cost === undefined ? 1 : Math.max(1, Math.floor(AT_ONCE_MS / this.#cost));
  }

  read(width: Width, offset: number, options?: AccessOptions): number | bigint {
    const { bytes, faults } = this.readBlock({ offset, width, count: 1 }, options);
    if (faults[0] !== undefined) throw faults[0].error;
    return decodeWord(bytes, width, 0);
  }

  readBlock(shape: BlockShape, options?: BlockReadOptions): Block {
    const step = bytesOf(shape.width);
    this.#check(shape.offset, shape.offset + Math.max(0, shape.count - 1) * (shape.stride ?? step) + step);
    const begun = performance.now();
    const block = this.#space.readBlock(shape, { ...options, tally: this.#tally });
    this.#cost = (performance.now() - begun) / Math.max(1, shape.count);
    return block;
  }

  write(): never {
    throw this.#refusal('write', 'a pane only looks');
  }

  writeBlock(): never {
    throw this.#refusal('write', 'a pane only looks');
  }

  poll(): PollResult {
    throw this.#refusal('poll', 'a pane only looks');
  }

  #check(start: number, end: number): void {
    const [caution] = this.#registers.cautionsIn(this.name, start, end);
    if (caution !== undefined) throw this.#refusal('read', caution.reason, caution.start);
  }

  #refusal(operation: string, why: string, offset?: number): VfioError {
    return new VfioError({
      kind: 'access',
      operation,
      space: this.name,
      ...(offset !== undefined && { offset }),
      why,
      hint: 'at the prompt it can be done',
    });
  }
}
