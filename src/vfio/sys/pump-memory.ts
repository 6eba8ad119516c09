import { EventRing } from '../event-ring.js';

/** Words of `control`. */
export const PHASE = 0;
/** Odd while the worker handles a batch of events, even while it waits for the next. */
export const BATCH_STATE = 1;
/** 1 while the main thread sleeps until the batch is over. */
export const BATCH_AWAITED = 2;
/** 1: the worker is to end. */
export const STOP = 3;
/** 1: the main thread wants to be woken by the next event. The worker sets it back, so a storm wakes it once. */
export const WAKE_WANTED = 4;
/** How often the worker silenced a source. */
export const ALERTS = 5;

/** Values of `control[PHASE]`. */
export const STARTING = 0;
export const RUNNING = 1;
export const ENDED = 2;

/** Values of a row's state: listened to, silenced by its guard, silenced because its descriptor could not be read. */
export const LISTENING = 0;
export const STORMED = 1;
export const FAILED = 2;

/** How many sources there can be, and the key of the eventfd that wakes the worker. */
export const SOURCES = 4096;
export const WAKE_KEY = SOURCES;
/** The longest argument of a mask ioctl: struct vfio_irq_set (20 bytes) with some data behind it. */
export const MASK_BYTES = 64;

const RING_EVENTS = 65536;
const CONTROL_BYTES = 64;
const ROW_BYTES = 192;

/** What the worker is given. */
export interface PumpWorkerData {
  readonly ring: SharedArrayBuffer;
  readonly table: SharedArrayBuffer;
  readonly epollFd: number;
  /** The eventfd that wakes the worker. */
  readonly wakeFd: number;
  /** The eventfd that wakes the main thread. */
  readonly readyFd: number;
}

/** The memory that the pump's two threads share: control words, the ring, and a table with a row for each source. */
export class PumpMemory {
  readonly ring: EventRing;
  readonly table: SharedArrayBuffer;
  readonly control: Int32Array;
  readonly #rows: (SourceRow | undefined)[] = Array.from({ length: SOURCES });

  /** New memory, or in the worker the memory that it was given. */
  constructor(shared?: Pick<PumpWorkerData, 'ring' | 'table'>) {
    this.ring = new EventRing(shared?.ring ?? RING_EVENTS);
    this.table = shared?.table ?? new SharedArrayBuffer(CONTROL_BYTES + SOURCES * ROW_BYTES);
    this.control = new Int32Array(this.table, 0, CONTROL_BYTES / 4);
  }

  row(source: number): SourceRow {
    return (this.#rows[source] ??= new SourceRow(this.table, CONTROL_BYTES + source * ROW_BYTES));
  }
}

// A row: int32 at 0..31, float64 at 32..95, uint64 at 96..111, the mask ioctl's argument at 128..191.
const FD = 0;
const GENERATION = 1;
const STATE = 2;
const ALERT_AT = 3;
const ERRNO = 4;
const MASK_FD = 5;
const MASK_REQUEST = 6;
const MASK_LENGTH = 7;
const FIRST_NS = 4;
const LAST_NS = 5;
const GUARD_SIGNALS = 6;
const GUARD_NS = 7;
const WINDOW_NS = 8;
const WINDOW_SIGNALS = 9;
const ALERT_NS = 10;
const SPAN_NS = 11;
const COUNT = 12;
const DROPPED = 13;
const MASK_ARGUMENT = 128;

/**
 * One source in shared memory. Who writes what:
 * - main, while the source is not listened to: fd, generation, guard, mask, and the reset of the window and state;
 * - worker, while it is: count, dropped, first, last, the window; and when it silences the source: the alert,
 *   then `state`, whose atomic store hands the row back to main.
 */
export class SourceRow {
  readonly #ints: Int32Array;
  readonly #floats: Float64Array;
  readonly #wides: BigUint64Array;
  readonly #maskBytes: Uint8Array;

  constructor(table: SharedArrayBuffer, at: number) {
    this.#ints = new Int32Array(table, at, 8);
    this.#floats = new Float64Array(table, at, 12);
    this.#wides = new BigUint64Array(table, at, 14);
    this.#maskBytes = new Uint8Array(table, at + MASK_ARGUMENT, MASK_BYTES);
  }

  get fd(): number {
    return this.#ints[FD] ?? -1;
  }

  /** 0 for an unused row, else a number that tells one user of the row from the next. */
  get generation(): number {
    return Atomics.load(this.#ints, GENERATION);
  }

  get state(): number {
    return Atomics.load(this.#ints, STATE);
  }

  /** Signals summed since `open`. */
  get count(): bigint {
    return Atomics.load(this.#wides, COUNT);
  }

  /** Of `count`, those whose events found the ring full. */
  get dropped(): bigint {
    return Atomics.load(this.#wides, DROPPED);
  }

  /** CLOCK_MONOTONIC nanoseconds of the first and the last event; 0 before there is one. */
  get firstNs(): number {
    return this.#floats[FIRST_NS] ?? 0;
  }

  get lastNs(): number {
    return this.#floats[LAST_NS] ?? 0;
  }

  /** Main: takes the row into use. */
  open(fd: number, generation: number): void {
    this.#ints.fill(0);
    this.#floats.fill(0);
    this.#wides[COUNT] = 0n;
    this.#wides[DROPPED] = 0n;
    this.#ints[FD] = fd;
    this.#ints[MASK_FD] = -1;
    Atomics.store(this.#ints, GENERATION, generation);
  }

  /** Main: from here on the worker passes the row by. */
  shut(): void {
    Atomics.store(this.#ints, GENERATION, 0);
  }

  /** Main: more than `signals` signals within `ns` nanoseconds are a storm; Infinity switches the guard off. */
  guard(signals: number, ns: number): void {
    this.#floats[GUARD_SIGNALS] = signals;
    this.#floats[GUARD_NS] = ns;
  }

  /** Main: what the worker does to mask the interrupt when the guard trips. */
  setMask(fd: number, request: number, argument: Uint8Array): void {
    this.#ints[MASK_REQUEST] = request;
    this.#ints[MASK_LENGTH] = argument.byteLength;
    this.#maskBytes.set(argument);
    this.#ints[MASK_FD] = fd;
  }

  /** Main: begins a new window and takes the row out of its alert. */
  rearm(): void {
    this.#floats[WINDOW_NS] = 0;
    Atomics.store(this.#ints, STATE, LISTENING);
  }

  /** Worker: sums up `count` signals taken at `timeNs`. False where that makes a storm. */
  take(timeNs: number, count: bigint): boolean {
    const floats = this.#floats;
    if (floats[FIRST_NS] === 0) floats[FIRST_NS] = timeNs;
    floats[LAST_NS] = timeNs;
    Atomics.add(this.#wides, COUNT, count);
    if (timeNs - (floats[WINDOW_NS] ?? 0) >= (floats[GUARD_NS] ?? 0)) {
      floats[WINDOW_NS] = timeNs;
      floats[WINDOW_SIGNALS] = 0;
    }
    const signals = (floats[WINDOW_SIGNALS] ?? 0) + Number(count);
    floats[WINDOW_SIGNALS] = signals;
    return signals <= (floats[GUARD_SIGNALS] ?? Infinity);
  }

  /** Worker (and main, for a source that it has shut): the ring had no room for the event of `count` signals. */
  drop(count: bigint): void {
    Atomics.add(this.#wides, DROPPED, count);
  }

  /** Worker: silenced by its guard (STORMED) or a failure (FAILED), after `at` events of the ring. */
  alert(state: number, timeNs: number, at: number, errno: number): void {
    this.#floats[ALERT_NS] = timeNs;
    this.#floats[SPAN_NS] = timeNs - (this.#floats[WINDOW_NS] ?? 0);
    this.#ints[ALERT_AT] = at;
    this.#ints[ERRNO] = errno;
    Atomics.store(this.#ints, STATE, state);
  }

  get mask(): { readonly fd: number; readonly request: number; readonly argument: Uint8Array } | undefined {
    const fd = this.#ints[MASK_FD] ?? -1;
    if (fd < 0) return undefined;
    const argument = Uint8Array.from(this.#maskBytes.subarray(0, this.#ints[MASK_LENGTH] ?? 0));
    return { fd, request: (this.#ints[MASK_REQUEST] ?? 0) >>> 0, argument };
  }

  /** Of an alert: its time, the signals of the window and how long that had run, the ring's position, the errno. */
  get alertNs(): number {
    return this.#floats[ALERT_NS] ?? 0;
  }

  get windowSignals(): number {
    return this.#floats[WINDOW_SIGNALS] ?? 0;
  }

  get spanNs(): number {
    return this.#floats[SPAN_NS] ?? 0;
  }

  get alertAt(): number {
    return this.#ints[ALERT_AT] ?? 0;
  }

  get errno(): number {
    return this.#ints[ERRNO] ?? 0;
  }
}
