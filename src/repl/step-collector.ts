import { crc32 } from 'node:zlib';
import type { AccessEntry, BlockEntry, HappeningEntry, JournalEntry } from '../vfio/journal.js';
import type { Timing } from './command.js';
import type { AccessStep, BlockStep, Outcome, PollStep, Step } from './recorded-step.js';

/**
 * Makes steps of a journal's entries as they come. What the clock decides is no part of them: polls of a place are one step however many
 * reads they took, a long block is one however it was cut into pieces.
 */
export class StepCollector {
  readonly #emit: (step: Step) => void;
  #block: BlockStep | undefined;
  /** Refused accesses that may belong to a block whose entry is to come: it counts the reads, and ends at a write. */
  #refused: AccessStep[] = [];
  readonly #polls = new Map<string, PollStep>();

  constructor(emit: (step: Step) => void) {
    this.#emit = emit;
  }

  /** False where the entry is nothing that is compared. `bytes` are a block's. */
  take(entry: JournalEntry, timing: Timing | undefined, bytes?: Uint8Array): boolean {
    if (entry.kind === 'command') {
      this.#flushBlock();
      return false;
    }
    if (entry.kind === 'irq') return this.#takeIrq(entry);
    if ('text' in entry || timing === 'samples') return false;
    if ('stride' in entry) {
      if (entry.last === undefined) this.#takeBlock(entry, bytes ?? new Uint8Array(0));
      else this.#takePoll(entry, { value: BigInt(entry.last) }, entry.count);
      return true;
    }
    const outcome: Outcome =
      entry.value === undefined ? { refused: entry.fault ?? 'fault' } : { value: BigInt(entry.value) };
    if (timing === 'polls' && entry.kind === 'read') this.#takePoll(entry, outcome, 1);
    else this.#takeAccess(entry, outcome);
    return true;
  }

  /** Emits what waited for more of its kind. */
  flush(): void {
    this.#flushBlock();
    for (const poll of this.#polls.values()) this.#emit(poll);
    this.#polls.clear();
  }

  #takeIrq({ data }: HappeningEntry): boolean {
    const [irq, vector, count] = [data?.['irq'], data?.['vector'], data?.['count']];
    if (typeof irq !== 'string' || typeof vector !== 'number' || typeof count !== 'bigint') return false;
    this.#emit({ kind: 'irq', name: `${irq}[${vector}]`, count });
    return true;
  }

  #takeAccess({ kind, space, offset, width }: AccessEntry, outcome: Outcome): void {
    const step: AccessStep = { kind, space, offset, width, outcome };
    if (outcome !== 'any' && 'refused' in outcome) {
      if (this.#polls.size > 0) this.flush();
      this.#refused.push(step);
      return;
    }
    this.flush();
    this.#emit(step);
  }

  #takePoll({ space, offset, width }: AccessEntry | BlockEntry, outcome: Outcome, reads: number): void {
    this.#flushBlock();
    const key = `${space} ${offset} ${width}`;
    const before = this.#polls.get(key)?.reads ?? 0;
    this.#polls.set(key, { kind: 'poll', space, offset, width, outcome, reads: before + reads });
  }

  #takeBlock({ kind, space, offset, width, count, stride, faults }: BlockEntry, bytes: Uint8Array): void {
    const inside = ({ space: at, offset: start }: AccessStep): boolean =>
      kind === 'read-block' &&
      at === space &&
      start >= offset &&
      start < offset + Math.max(1, (count - 1) * stride + 1);
    this.#refused = this.#refused.filter((step) => !inside(step));
    const last = this.#block;
    const goesOn =
      last?.kind === kind &&
      last.space === space &&
      last.width === width &&
      last.stride === stride &&
      last.offset + last.count * stride === offset &&
      last.crc !== 'any';
    if (goesOn) {
      const sum = { count: last.count + count, refused: last.refused + faults, crc: crc32(bytes, last.crc) };
      this.#block = { ...last, ...sum };
      return;
    }
    // What it was refused comes behind what it wrote.
    if (kind === 'read-block' || this.#polls.size > 0 || last !== undefined) this.flush();
    this.#block = { kind, space, offset, width, count, stride, refused: faults, crc: crc32(bytes) };
  }

  #flushBlock(): void {
    const [block, refused] = [this.#block, this.#refused];
    this.#block = undefined;
    this.#refused = [];
    if (block) this.#emit(block);
    for (const step of refused) this.#emit(step);
  }
}
