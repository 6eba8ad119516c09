import type { Device } from '../device.js';
import type { AccessEntry, BlockEntry } from '../journal.js';
import { bytesOf } from '../width.js';
import { keptBits } from './write-rules.js';

/** Eight aligned bytes of a space: no access reaches past them. Bit by bit, what is known of them. */
interface Word {
  value: bigint;
  /** Bits that were read, or written where writing stores them. */
  seen: bigint;
  /** Those of them that nothing has changed since, as far as accesses and resets tell. */
  sure: bigint;
}

/** What is known of the bits of a place. */
export interface Known {
  readonly value: bigint;
  readonly mask: bigint;
}

/** A write, and what was known of its place before it. */
export interface PastWrite {
  readonly entry: AccessEntry & { readonly value: number | bigint };
  readonly old: Known;
  /** The line that did it. */
  readonly command: string;
  /** Why it is past taking back, where it is: the device was reset since. */
  readonly gone?: string;
}

/** A block write: its values are not kept. */
export interface PastBlock {
  readonly entry: BlockEntry;
  readonly command: string;
  readonly gone?: string;
}

export type Past = PastWrite | PastBlock;

/** The space of all that is mapped for the device, by IOVA. */
const IOVA = 'iova';

/** Words that are remembered at the most, and writes. */
const MOST_WORDS = 2 ** 18;
const MOST_WRITES = 1024;

/**
 * What the journal tells of the values of a device's places: what each was when it was last seen, and what each write found there. Reads the
 * journal when it is asked, so that an access costs nothing for it; where entries have left the journal unseen, everything is forgotten.
 */
export class History {
  readonly #device: Device;
  readonly #spaces = new Map<string, Map<number, Word>>();
  #words = 0;
  #writes: Past[] = [];
  #command = '';
  /** Sequence numbers of writes that were taken back, and of those that did it. */
  readonly #settled = new Set<number>();
  /** The journal's next entry. */
  #next = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  /** Takes in what has happened since the last time. */
  update(): void {
    const { journal } = this.#device;
    if (journal.dropped > this.#next) this.#forget();
    for (const entry of journal.entries(this.#next)) {
      if ('stride' in entry) this.#block(entry);
      else if ('offset' in entry) this.#access(entry);
      else if (entry.kind === 'command') this.#command = entry.text;
      else if (entry.kind === 'reset') this.#reset();
      else if (entry.kind === 'dma' && typeof entry.data?.['name'] === 'string') this.#remapped(entry.data['name']);
    }
    this.#next = journal.recorded;
  }

  /** What was last seen of a place; `mask` has the bits of which that is known. */
  lastSeen(space: string, offset: number, width: number): Known {
    return this.#known(space, offset, width, 'seen');
  }

  /** The same, of the bits that have kept it. */
  current(space: string, offset: number, width: number): Known {
    return this.#known(space, offset, width, 'sure');
  }

  /** The last writes, the most recent last; without those that were taken back. */
  get writes(): readonly Past[] {
    return this.#writes.filter(({ entry }) => !this.#settled.has(entry.sequence));
  }

  /** Says that a write was taken back, or took one back: neither is a write to be taken back any more. */
  settle(sequence: number): void {
    this.#settled.add(sequence);
  }

  #known(space: string, offset: number, width: number, which: 'seen' | 'sure'): Known {
    const word = this.#spaces.get(space)?.get(Math.floor(offset / 8));
    if (word === undefined) return { value: 0n, mask: 0n };
    const shift = BigInt((offset & 7) * 8);
    const bits = (1n << BigInt(width)) - 1n;
    return { value: (word.value >> shift) & bits, mask: (word[which] >> shift) & bits };
  }

  #access(entry: AccessEntry): void {
    const { kind, space, offset, width, value } = entry;
    const shift = BigInt((offset & 7) * 8);
    const bits = ((1n << BigInt(width)) - 1n) << shift;
    if (value === undefined) {
      // A write that was refused may have been carried out in part.
      const word = this.#spaces.get(space)?.get(Math.floor(offset / 8));
      if (kind === 'write' && word !== undefined) word.sure &= ~bits;
      return;
    }
    const word = this.#wordAt(space, offset);
    if (kind === 'write') {
      const old = this.current(space, offset, width);
      this.#remember({ entry: { ...entry, value }, old, command: this.#command });
      this.#unsureElsewhere(space);
    }
    const kept = keptBits(this.#device.registers, kind, space, offset, width) << shift;
    const seen = kind === 'read' ? bits : kept;
    word.value = (word.value & ~seen) | ((BigInt(value) << shift) & seen);
    word.seen = (word.seen & ~bits) | seen;
    word.sure = (word.sure & ~bits) | kept;
  }

  #block(entry: BlockEntry): void {
    if (entry.kind !== 'write-block') {
      const { last, space, offset, width, sequence, time } = entry;
      // One place that was polled.
      if (last !== undefined) this.#access({ kind: 'read', space, offset, width, sequence, time, value: last });
      return;
    }
    this.#remember({ entry, command: this.#command });
    this.#unsureElsewhere(entry.space);
    const { space, offset, width, count, stride } = entry;
    const end = offset + (count - 1) * stride + bytesOf(width);
    const words = this.#spaces.get(space);
    for (const [index, word] of words ?? []) {
      if (index * 8 >= end || index * 8 + 8 <= offset) continue;
      word.seen = 0n;
      word.sure = 0n;
    }
  }

  #remember(write: Past): void {
    this.#writes.push(write);
    if (this.#writes.length >= 2 * MOST_WRITES) this.#writes = this.#writes.slice(-MOST_WRITES);
  }

  #wordAt(space: string, offset: number): Word {
    const words = this.#spaces.get(space) ?? new Map<number, Word>();
    this.#spaces.set(space, words);
    const known = words.get(Math.floor(offset / 8));
    if (known) return known;
    if (this.#words >= MOST_WORDS) {
      this.#forgetWords();
      return this.#wordAt(space, offset);
    }
    const made = { value: 0n, seen: 0n, sure: 0n };
    words.set(Math.floor(offset / 8), made);
    this.#words += 1;
    return made;
  }

  /** After a reset nothing of the device is what it was; memory is. */
  #reset(): void {
    for (const [space, words] of this.#spaces) {
      if (this.#isRegion(space)) for (const word of words.values()) word.sure = 0n;
    }
    this.#lose((space) => this.#isRegion(space), 'the device was reset since');
  }

  /** A buffer has come or gone: what is there under its name now is another one. */
  #remapped(name: string): void {
    for (const space of [name, IOVA]) this.#spaces.get(space)?.clear();
    this.#lose((space) => space === name || space === IOVA, 'what is mapped has changed since');
  }

  /** The same memory can be reached as a buffer and by its IOVA: a write by one way may have changed what was seen by the other. */
  #unsureElsewhere(written: string): void {
    if (this.#isRegion(written)) return;
    for (const [space, words] of this.#spaces) {
      if (space === written || this.#isRegion(space) || (written !== IOVA && space !== IOVA)) continue;
      for (const word of words.values()) word.sure = 0n;
    }
  }

  #isRegion(space: string): boolean {
    return this.#device.regions.some(({ name }) => name === space);
  }

  #lose(concerns: (space: string) => boolean, gone: string): void {
    this.#writes = this.#writes.map((past) => (concerns(past.entry.space) ? { ...past, gone } : past));
  }

  #forgetWords(): void {
    this.#spaces.clear();
    this.#words = 0;
  }

  #forget(): void {
    this.#forgetWords();
    this.#writes = [];
    this.#settled.clear();
  }
}

const histories = new WeakMap<Device, History>();

/** The history of `device`: one, whoever asks. */
export function historyOf(device: Device): History {
  const known = histories.get(device);
  if (known) return known;
  const made = new History(device);
  histories.set(device, made);
  return made;
}
