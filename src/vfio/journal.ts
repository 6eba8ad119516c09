import type { Width } from './width.js';

/** A read or write that was made, one access each. `value` is absent where it faulted. */
export interface AccessEntry {
  readonly kind: 'read' | 'write';
  readonly sequence: number;
  /** CLOCK_MONOTONIC in nanoseconds: right after a read, right before a write, so that what a write causes comes behind it. */
  readonly time: number;
  readonly space: string;
  readonly offset: number;
  readonly width: Width;
  readonly value?: number | bigint;
  readonly fault?: string;
}

/** Many accesses of one width made in one go: `count` of them, `stride` bytes apart. */
export interface BlockEntry {
  readonly kind: 'read-block' | 'write-block';
  readonly sequence: number;
  readonly time: number;
  readonly space: string;
  readonly offset: number;
  readonly width: Width;
  readonly count: number;
  readonly stride: number;
  readonly faults: number;
  /** What the last of them brought, where one place was polled. */
  readonly last?: number | bigint;
}

const happeningKinds = [
  'command',
  'open',
  'close',
  'lost',
  'reset',
  'irq',
  'irq-control',
  'irq-error',
  'dma',
  'dma-fault',
  'bind',
  'error',
  'note',
] as const;

/** The kinds of what happens beside accesses. */
export type HappeningKind = (typeof happeningKinds)[number];

/** Anything else that happened: what it was in words, and its particulars as data for JSON. */
export interface HappeningEntry {
  readonly kind: HappeningKind;
  readonly sequence: number;
  readonly time: number;
  readonly text: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export type JournalEntry = AccessEntry | BlockEntry | HappeningEntry;

/** `bytes` are those that a block read (zeros where that was refused) or wrote: the caller's own, to be looked at during the call only. */
export type JournalListener = (entry: JournalEntry, bytes?: Uint8Array) => void;

/** Told of each entry by its kind and number alone, which costs a storm of interrupts next to nothing. */
export type JournalWatcher = (kind: JournalEntry['kind'], sequence: number) => void;

// The getter behind the global `process` costs as much as a third of the clock; importing node:process costs 3 ms once, for its streams.
const { hrtime } = process;

/** CLOCK_MONOTONIC in nanoseconds as a number (exact up to 104 days of uptime, then to 2 ns). */
export function monotonicNs(): number {
  const now = hrtime();
  return now[0] * 1e9 + now[1];
}

/** Who signals: an interrupt's vector. */
export interface Signaller {
  readonly irq: string;
  readonly vector: number;
  /** As messages call it: `msi`, `msix[3]`. */
  readonly label: string;
}

const SLOT = 4;
const TIME = 0;
const OFFSET = 1;
const META = 2;
const VALUE = 3;

// META of a plain access: width (bits 0..6), write (bit 7), 64-bit value (bit 8), space (from bit 9). -1: see `extras`. Below that: a
// happening of that kind whose text alone is in `extras`. From FIRST_SIGNALLER down: signals of that signaller, VALUE of them, OFFSET of these by
// software.
const WRITE = 0x80;
const WIDE = 0x100;
const SPACE_SHIFT = 9;
const EXTRA = -1;
const FIRST_KIND = -2;
const FIRST_SIGNALLER = -1000;

/**
 * What happened on one device, in order, with monotonic times: a ring of fixed memory whose oldest entries make room.
 * Plain accesses, commands and interrupts cost a few typed-array stores; everything else is kept as an object.
 */
export class Journal {
  readonly capacity: number;
  readonly #mask: number;
  readonly #slots: Float64Array;
  readonly #wide: BigUint64Array;
  /** The entries that are objects, and the texts of those that are not, each in the place of its slot. */
  readonly #extras: (JournalEntry | string | undefined)[] = [];
  readonly #spaces: string[] = [];
  readonly #signallers: Signaller[] = [];
  readonly #listeners = new Set<JournalListener>();
  readonly #watchers = new Set<JournalWatcher>();
  #listening = false;
  #next = 0;

  /** `capacity` entries are kept, rounded up to a power of two; an entry takes 32 bytes. */
  constructor(capacity = 65536) {
    this.capacity = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
    this.#mask = this.capacity - 1;
    this.#slots = new Float64Array(this.capacity * SLOT);
    this.#wide = new BigUint64Array(this.#slots.buffer);
    this.#extras.length = this.capacity;
  }

  /** A number for `name`, to be passed to `read` and `write`. */
  registerSpace(name: string): number {
    const known = this.#spaces.indexOf(name);
    return known >= 0 ? known : this.#spaces.push(name) - 1;
  }

  /** Records one read that answered. */
  read(space: number, width: Width, offset: number, value: number | bigint): void {
    this.#access(space, width, offset, value, monotonicNs());
  }

  /** Records one write that went through; `time` is from before it. */
  write(space: number, width: Width, offset: number, value: number | bigint, time = monotonicNs()): void {
    this.#access(space, width | WRITE, offset, value, time);
  }

  #access(space: number, meta: number, offset: number, value: number | bigint, time: number): void {
    const sequence = this.#next++;
    const at = (sequence & this.#mask) * SLOT;
    if ((this.#slots[at + META] ?? 0) < 0) this.#extras[sequence & this.#mask] = undefined;
    this.#slots[at + TIME] = time;
    this.#slots[at + OFFSET] = offset;
    if (typeof value === 'number') {
      this.#slots[at + META] = meta + space * 2 ** SPACE_SHIFT;
      this.#slots[at + VALUE] = value;
    } else {
      this.#slots[at + META] = meta + WIDE + space * 2 ** SPACE_SHIFT;
      this.#wide[at + VALUE] = value;
    }
    if (this.#listening) this.#tell(sequence);
  }

  /** Records an access that faulted. */
  fault(kind: 'read' | 'write', space: string, width: Width, offset: number, fault: string): void {
    this.#extra((sequence, time) => ({ kind, sequence, time, space, offset, width, fault }));
  }

  /** Records a block of accesses; `time` is from before it where it wrote. `bytes` are for whoever follows, and not kept. */
  block(entry: Omit<BlockEntry, 'sequence' | 'time'>, bytes?: Uint8Array, time?: number): void {
    this.#extra((sequence, now) => ({ sequence, time: time ?? now, ...entry }), bytes);
  }

  /** Records anything else; `time` where it was taken elsewhere (an interrupt's arrival). */
  note(kind: HappeningKind, text: string, data?: Readonly<Record<string, unknown>>, time = monotonicNs()): void {
    if (data !== undefined) {
      this.#extra((sequence) => ({ kind, sequence, time, text, data }));
      return;
    }
    const sequence = this.#next++;
    const at = (sequence & this.#mask) * SLOT;
    this.#slots[at + TIME] = time;
    this.#slots[at + META] = FIRST_KIND - happeningKinds.indexOf(kind);
    this.#extras[sequence & this.#mask] = text;
    if (this.#listening) this.#tell(sequence);
  }

  /** A number for `signaller`, to be passed to `signalled`. */
  registerSignaller(signaller: Signaller): number {
    const known = this.#signallers.findIndex(({ label }) => label === signaller.label);
    return known >= 0 ? known : this.#signallers.push(signaller) - 1;
  }

  /** Records `count` signals that came at `time`, `software` of them by the software loopback. */
  signalled(signaller: number, count: bigint, software: bigint, time: number): void {
    const known = this.#signallers[signaller];
    if (known !== undefined && count > Number.MAX_SAFE_INTEGER) {
      this.#extra((sequence) => signalEntry(known, { sequence, time, count, software }));
      return;
    }
    const sequence = this.#next++;
    const at = (sequence & this.#mask) * SLOT;
    if ((this.#slots[at + META] ?? 0) < 0) this.#extras[sequence & this.#mask] = undefined;
    this.#slots[at + TIME] = time;
    this.#slots[at + META] = FIRST_SIGNALLER - signaller;
    this.#slots[at + OFFSET] = Number(software);
    this.#slots[at + VALUE] = Number(count);
    if (this.#listening) this.#tell(sequence);
  }

  #extra(make: (sequence: number, time: number) => JournalEntry, bytes?: Uint8Array): void {
    const sequence = this.#next++;
    const at = (sequence & this.#mask) * SLOT;
    this.#slots[at + META] = EXTRA;
    this.#extras[sequence & this.#mask] = make(sequence, monotonicNs());
    if (this.#listening) this.#tell(sequence, bytes);
  }

  #tell(sequence: number, bytes?: Uint8Array): void {
    if (this.#watchers.size > 0) {
      const kind = this.#kindAt(sequence);
      if (kind !== undefined) for (const watcher of this.#watchers) watcher(kind, sequence);
    }
    if (this.#listeners.size === 0) return;
    const entry = this.#at(sequence);
    if (entry) for (const listener of this.#listeners) listener(entry, bytes);
  }

  /** The same as that of `#at`, which makes the entry. */
  #kindAt(sequence: number): JournalEntry['kind'] | undefined {
    const meta = this.#slots[(sequence & this.#mask) * SLOT + META] ?? 0;
    if (meta >= 0) return meta & WRITE ? 'write' : 'read';
    if (this.#signallers[FIRST_SIGNALLER - meta] !== undefined) return 'irq';
    const kept = this.#extras[sequence & this.#mask];
    return typeof kept === 'object' ? kept.kind : happeningKinds[FIRST_KIND - meta];
  }

  #at(sequence: number): JournalEntry | undefined {
    const at = (sequence & this.#mask) * SLOT;
    const meta = this.#slots[at + META] ?? 0;
    const signaller = this.#signallers[FIRST_SIGNALLER - meta];
    if (signaller !== undefined) {
      const [count, software] = [BigInt(this.#slots[at + VALUE] ?? 0), BigInt(this.#slots[at + OFFSET] ?? 0)];
      return signalEntry(signaller, { sequence, time: this.#slots[at + TIME] ?? 0, count, software });
    }
    if (meta < 0) {
      const kept = this.#extras[sequence & this.#mask];
      const kind = happeningKinds[FIRST_KIND - meta];
      if (typeof kept !== 'string' || kind === undefined) return typeof kept === 'string' ? undefined : kept;
      return { kind, sequence, time: this.#slots[at + TIME] ?? 0, text: kept };
    }
    return {
      kind: meta & WRITE ? 'write' : 'read',
      sequence,
      time: this.#slots[at + TIME] ?? 0,
      space: this.#spaces[Math.floor(meta / 2 ** SPACE_SHIFT)] ?? '?',
      offset: this.#slots[at + OFFSET] ?? 0,
      width: (meta & 0x7f) as Width,
      value: (meta & WIDE ? this.#wide[at + VALUE] : this.#slots[at + VALUE]) ?? 0,
    };
  }

  /** Entries recorded so far, those that have left the ring included; also the next entry's sequence number. */
  get recorded(): number {
    return this.#next;
  }

  /** Entries that made room for newer ones. */
  get dropped(): number {
    return Math.max(0, this.#next - this.capacity);
  }

  /** The entry of that number; undefined where it has made room for newer ones. */
  entry(sequence: number): JournalEntry | undefined {
    return sequence >= this.dropped && sequence < this.#next ? this.#at(sequence) : undefined;
  }

  /** The kept entries from `sequence` on, oldest first, up to what is there when the walk starts. */
  *entries(sequence = 0): Generator<JournalEntry> {
    const end = this.#next;
    for (let at = Math.max(sequence, this.dropped); at < end; at += 1) {
      const entry = at >= this.dropped ? this.#at(at) : undefined;
      if (entry) yield entry;
    }
  }

  /** Calls `listener` for each entry as it is recorded; the returned function ends that. */
  follow(listener: JournalListener): () => void {
    return this.#listen(this.#listeners, listener);
  }

  /** The same for who needs no more than that it is there: `entry` gives it when it is wanted. */
  watch(watcher: JournalWatcher): () => void {
    return this.#listen(this.#watchers, watcher);
  }

  #listen<T>(all: Set<T>, one: T): () => void {
    all.add(one);
    this.#listening = true;
    return () => {
      all.delete(one);
      this.#listening = this.#listeners.size + this.#watchers.size > 0;
    };
  }
}

interface Signals {
  readonly sequence: number;
  readonly time: number;
  readonly count: bigint;
  readonly software: bigint;
}

function signalEntry({ irq, vector, label }: Signaller, { sequence, time, count, software }: Signals): HappeningEntry {
  const times = count === 1n ? '' : ` x ${count}`;
  const by = software === 0n ? '' : software === count ? ' (software)' : ` (${software} by software)`;
  return { kind: 'irq', sequence, time, text: `${label}${times}${by}`, data: { irq, vector, count, software } };
}
