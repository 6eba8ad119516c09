/** Where an EventRing's words lie in its SharedArrayBuffer; each index has a cache line (64 bytes) of its own. */
const HEAD = 0;
const TAIL = 16;
const HEADER_BYTES = 192;
/** Indices, in 64-bit words, of what was dropped. */
const DROPPED_EVENTS = 16;
const DROPPED_SIGNALS = 17;
const ENTRY_BYTES = 8 + 8 + 4;

/** What did not fit into a ring: entries refused, and the signals that they stood for. */
export interface Dropped {
  readonly events: bigint;
  readonly signals: bigint;
}

/**
 * Events on their way from one thread to another, in shared memory, in order: one producer, one consumer, no lock.
 *
 * An event is a source (a small number), CLOCK_MONOTONIC nanoseconds, and a count of signals. The producer never waits: an event that finds the
 * ring full is dropped, counted together with its signals, and never overwrites an older one.
 *
 * Times are numbers: exact for the first 104 days of uptime (2^53 ns), to 2 ns for the next 104, and so on.
 *
 * Order: entries are plain stores; `publish` makes them visible with one atomic store of the head, and the consumer gives
 * them back with one atomic store of the tail after it has copied them out.
 */
export class EventRing {
  /** Hand this to the other thread and open it there with `new EventRing(buffer)`. */
  readonly buffer: SharedArrayBuffer;
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #dropped: BigUint64Array;
  readonly #times: Float64Array;
  readonly #counts: BigUint64Array;
  readonly #sources: Uint32Array;
  readonly #mask: number;
  /** The producer's: entries written, published or not, and the last tail it saw. */
  #head: number;
  #tailSeen: number;

  /** A new, empty ring of `capacity` events (a power of two), or the other end of one that exists. */
  constructor(capacityOrBuffer: number | SharedArrayBuffer) {
    if (typeof capacityOrBuffer === 'number') {
      const capacity = capacityOrBuffer;
      if (!Number.isInteger(Math.log2(capacity)) || capacity > 2 ** 24) {
        throw new RangeError(`an event ring holds a power of two events, at most 2^24, not ${capacity}`);
      }
      this.buffer = new SharedArrayBuffer(HEADER_BYTES + capacity * ENTRY_BYTES);
    } else {
      this.buffer = capacityOrBuffer;
    }
    const capacity = (this.buffer.byteLength - HEADER_BYTES) / ENTRY_BYTES;
    this.capacity = capacity;
    this.#mask = capacity - 1;
    this.#words = new Int32Array(this.buffer, 0, HEADER_BYTES / 4);
    this.#dropped = new BigUint64Array(this.buffer, 0, HEADER_BYTES / 8);
    this.#times = new Float64Array(this.buffer, HEADER_BYTES, capacity);
    this.#counts = new BigUint64Array(this.buffer, HEADER_BYTES + 8 * capacity, capacity);
    this.#sources = new Uint32Array(this.buffer, HEADER_BYTES + 16 * capacity, capacity);
    this.#head = Atomics.load(this.#words, HEAD);
    this.#tailSeen = Atomics.load(this.#words, TAIL);
  }

  /** Producer: writes one event, unseen until `publish`. False where the ring is full: the event is then counted as dropped. */
  push(source: number, timeNs: number, count: bigint): boolean {
    if (((this.#head - this.#tailSeen) | 0) >= this.capacity) {
      this.#tailSeen = Atomics.load(this.#words, TAIL);
      if (((this.#head - this.#tailSeen) | 0) >= this.capacity) {
        Atomics.add(this.#dropped, DROPPED_SIGNALS, count);
        Atomics.add(this.#dropped, DROPPED_EVENTS, 1n);
        return false;
      }
    }
    const at = this.#head & this.#mask;
    this.#times[at] = timeNs;
    this.#counts[at] = count;
    this.#sources[at] = source;
    this.#head = (this.#head + 1) | 0;
    return true;
  }

  /** Producer: lets the consumer see everything pushed so far. */
  publish(): void {
    Atomics.store(this.#words, HEAD, this.#head);
  }

  /** Producer: how many events were ever pushed, modulo 2^32. Once `consumed` has passed it, all of them were taken. */
  get produced(): number {
    return this.#head;
  }

  /** Consumer: how many events were ever taken, modulo 2^32. */
  get consumed(): number {
    return Atomics.load(this.#words, TAIL);
  }

  /** Published events that have not been taken. */
  get length(): number {
    return (Atomics.load(this.#words, HEAD) - Atomics.load(this.#words, TAIL)) | 0;
  }

  /**
   * Consumer: takes at most `limit` events, oldest first, and returns how many. `visit` may throw (its event is taken) and may itself drain.
   */
  drain(visit: (source: number, timeNs: number, count: bigint) => void, limit = Infinity): number {
    const words = this.#words;
    let head = Atomics.load(words, HEAD);
    let taken = 0;
    while (taken < limit) {
      const tail = Atomics.load(words, TAIL);
      if (((head - tail) | 0) <= 0) {
        head = Atomics.load(words, HEAD);
        if (head === tail) break;
      }
      const at = tail & this.#mask;
      const source = this.#sources[at] ?? 0;
      const timeNs = this.#times[at] ?? 0;
      const count = this.#counts[at] ?? 0n;
      Atomics.store(words, TAIL, (tail + 1) | 0);
      taken++;
      visit(source, timeNs, count);
    }
    return taken;
  }

  /** What was lost for want of room since the ring was made. The signals are read last, so they are never fewer than the events tell. */
  get dropped(): Dropped {
    const events = Atomics.load(this.#dropped, DROPPED_EVENTS);
    return { events, signals: Atomics.load(this.#dropped, DROPPED_SIGNALS) };
  }
}
