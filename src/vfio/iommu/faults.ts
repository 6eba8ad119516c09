import type { FailureDetails } from '../errors.js';
import { monotonicNs, type Journal } from '../journal.js';
import type { Roots } from '../bus/roots.js';
import type { Fault, FaultReport } from './fault.js';
import { FaultDecoder } from './fault-decoder.js';
import { ownerOf, type Identity, type Owner } from './fault-owner.js';
import { explainFault, faultHead, type Mappings, type Unmapped } from './fault-text.js';
import { Kmsg, LogClock, type KmsgRecord } from './kmsg.js';
import type { ReservedRegion } from './reserved-regions.js';

/** A fault with whose it is and when it was. */
export interface SeenFault {
  readonly fault: Fault;
  readonly owner: Owner;
  /** What it means against what was mapped when it was seen; undefined for one that was in the log before. */
  readonly explanation?: string;
  /** CLOCK_MONOTONIC in nanoseconds, worked out from the log's own clock. */
  readonly time: number;
  /** The log's own stamp: microseconds since boot. */
  readonly logMicroseconds: number;
  /** Seen as it came; else found in the log. */
  readonly live: boolean;
}

export interface FaultHost {
  readonly name: string;
  readonly journal: Journal;
  readonly roots: Roots;
  /** Undefined where the kernel's IOMMU has nothing to do with the device. */
  identity(): Identity | undefined;
  mappings(): Mappings;
  reserved(): readonly ReservedRegion[];
}

/** Why the log tells no faults of the device. */
export type LogObstacle = Pick<FailureDetails, 'kind' | 'why' | 'hint' | 'errno'>;

/** Faults that are kept; older ones make room. */
const KEPT = 1024;
/** How long the further lines of an event may take: a serial console holds each up by some milliseconds. */
const FURTHER_LINES_MS = 50;

/**
 * The DMA faults of one device, from the kernel's log. Nothing is opened before the first call of watch() or read(). What is
 * in the log by then is kept as history; what comes later is told to listeners and put on the journal's time line.
 */
export class Faults {
  readonly #host: FaultHost;
  readonly #clock = new LogClock();
  readonly #decoder = new FaultDecoder();
  readonly #seen: SeenFault[] = [];
  /** Live ones that nobody has taken yet. */
  readonly #untaken: SeenFault[] = [];
  readonly #faultListeners = new Set<(seen: SeenFault) => void>();
  readonly #reportListeners = new Set<(text: string) => void>();
  #kmsg: Kmsg | undefined;
  #identity: Identity | undefined;
  #obstacle: LogObstacle | undefined;
  #timer: NodeJS.Timeout | undefined;
  #suppressed = 0;
  #live = false;
  #watching = false;
  #closed = false;

  constructor(host: FaultHost) {
    this.#host = host;
  }

  /** The faults that were seen or found, in order; those of other devices among them. */
  get seen(): readonly SeenFault[] {
    return this.#seen;
  }

  /** Lines about faults, of whichever device, that the kernel's rate limit kept out of its log since watching began. */
  get suppressed(): number {
    return this.#suppressed;
  }

  /** How often the log had gone round before it was read. */
  get lost(): number {
    return this.#kmsg?.lost ?? 0;
  }

  /**
   * Follows the log from now on, in the background; it keeps no process from ending. Safe to call again and again. Where the log may
   * not be read, that is reported once, and returned each time.
   */
  watch(): LogObstacle | undefined {
    if (this.#closed || this.#watching) return undefined;
    const isFirst = this.#obstacle === undefined;
    const obstacle = this.#open() ?? this.#follow();
    if (obstacle === undefined) this.#watching = true;
    else if (isFirst && this.#identity !== undefined) this.#report(obstacleText(obstacle));
    return obstacle;
  }

  /** Takes what is in the log now. @returns why it cannot be read, where that is so. */
  read(): LogObstacle | undefined {
    const obstacle = this.#open();
    if (obstacle === undefined) this.#drain(true);
    return obstacle;
  }

  /** The next fault that came and was not taken yet: none is missed between an access and the wait for what it does. */
  take(): SeenFault | undefined {
    return this.#untaken.shift();
  }

  /** Calls back for each fault as it comes, other devices' included; the returned function ends that. */
  onFault(listener: (seen: SeenFault) => void): () => void {
    this.#faultListeners.add(listener);
    return () => this.#faultListeners.delete(listener);
  }

  /** Calls back with a line for the user: a fault of this device, or why none can be seen. */
  onReport(listener: (text: string) => void): () => void {
    this.#reportListeners.add(listener);
    return () => this.#reportListeners.delete(listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#kmsg?.close();
    this.#faultListeners.clear();
    this.#reportListeners.clear();
  }

  #open(): LogObstacle | undefined {
    if (this.#kmsg !== undefined || this.#closed) return undefined;
    this.#identity ??= this.#host.identity();
    if (this.#identity === undefined) {
      this.#obstacle = { kind: 'unsupported', why: 'no IOMMU of this kernel translates for it' };
      return this.#obstacle;
    }
    const opened = Kmsg.open(this.#host.roots);
    if (!(opened instanceof Kmsg)) {
      this.#obstacle = logObstacle(opened.errno);
      return this.#obstacle;
    }
    this.#kmsg = opened;
    // What is there already was not seen as it came.
    this.#drain(true);
    this.#live = true;
    return undefined;
  }

  #follow(): LogObstacle | undefined {
    if (this.#kmsg?.watch(() => this.#drain(false)) !== false) return undefined;
    this.#obstacle = { kind: 'unsupported', why: 'what is at /dev/kmsg here is not the log of the kernel' };
    return this.#obstacle;
  }

  /** Reads what there is. `whole` does not wait for further lines of an event that has all its words. */
  #drain(whole: boolean): void {
    if (this.#kmsg === undefined || this.#closed) return;
    let last: KmsgRecord | undefined;
    for (const record of this.#kmsg.records()) {
      if (this.#live) this.#clock.observe(record.microseconds, monotonicNs());
      for (const report of this.#decoder.push(record.text)) this.#take(report, record);
      last = record;
    }
    if (!this.#decoder.isWaiting) return;
    if (whole) for (const report of this.#decoder.flush()) this.#take(report, last);
    else this.#comeBack();
  }

  #comeBack(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#drain(true), FURTHER_LINES_MS);
    this.#timer.unref();
  }

  #take(report: FaultReport, record: KmsgRecord | undefined): void {
    if (report.kind === 'suppressed') {
      if (this.#live) this.#suppressed += report.count;
      return;
    }
    if (this.#identity === undefined) return;
    const { fault } = report;
    const owner = ownerOf(fault, this.#identity);
    const microseconds = record?.microseconds ?? this.#seen.at(-1)?.logMicroseconds ?? 0;
    const isAbout = this.#live && owner !== 'other';
    const time = this.#clock.toMonotonic(microseconds);
    const explanation = isAbout ? this.#explain(fault, time) : undefined;
    const seen: SeenFault = {
      fault,
      owner,
      ...(explanation !== undefined && { explanation }),
      time,
      logMicroseconds: microseconds,
      live: this.#live,
    };
    this.#seen.push(seen);
    if (this.#seen.length > KEPT) this.#seen.shift();
    if (isAbout) this.#note(seen);
    if (!this.#live) return;
    this.#untaken.push(seen);
    if (this.#untaken.length > KEPT) this.#untaken.shift();
    for (const listener of this.#faultListeners) listener(seen);
  }

  #explain(fault: Fault, time: number): string | undefined {
    const { journal } = this.#host;
    const unmapped = fault.address === undefined ? undefined : lastUnmapped(journal, fault.address, time);
    return explainFault(fault, this.#host.mappings(), this.#host.reserved(), unmapped);
  }

  #note(seen: SeenFault): void {
    const { fault, owner, explanation, time, logMicroseconds } = seen;
    const text = faultText(seen, this.#host.name);
    this.#host.journal.note(
      'dma-fault',
      text,
      { ...fault, owner, logMicroseconds, ...(explanation !== undefined && { explanation }) },
      time,
    );
    this.#report(text);
  }

  #report(text: string): void {
    for (const listener of this.#reportListeners) listener(text);
  }
}

/** 'DMA fault: write to 0x11000 by 0000:00:04.0: PTE Write access is not set (fault reason 0x05): 0x11000 is 0x1000 past the end of ring'. */
export function faultText({ fault, owner, explanation }: SeenFault, device: string): string {
  const whose =
    owner === 'group' ? ' of the same IOMMU group' : owner === 'unknown' ? ' (whose it is, is not told)' : '';
  const head = `DMA fault: ${faultHead(fault, owner, device)}${whose}: ${fault.reason} (${fault.code})`;
  return explanation === undefined ? head : `${head}: ${explanation}`;
}

/** The mapping that an address was in last, where the journal knows that it was unmapped. */
function lastUnmapped(journal: Journal, address: bigint, time: number): Unmapped | undefined {
  let last: Unmapped | undefined;
  for (const entry of journal.entries()) {
    if (entry.kind !== 'dma' || entry.data === undefined) continue;
    const { name, iova, size, prot } = entry.data;
    if (typeof name !== 'string' || typeof iova !== 'bigint' || typeof size !== 'number') continue;
    if (address < iova || address >= iova + BigInt(size)) continue;
    last = prot === undefined ? { name, iova, size, ago: time - entry.time } : undefined;
  }
  return last;
}

function logObstacle(errno: string): LogObstacle {
  if (errno === 'ENOENT') {
    return { kind: 'absent', errno, why: 'there is no /dev/kmsg here', hint: 'in a container, hand it through' };
  }
  if (errno === 'EACCES' || errno === 'EPERM') {
    const hint = 'run as root, or give CAP_SYSLOG, or once as root: sysctl kernel.dmesg_restrict=0';
    return { kind: 'permission', errno, why: "you may not read the kernel's log (/dev/kmsg)", hint };
  }
  return { kind: 'kernel', errno, why: "the kernel's log (/dev/kmsg) cannot be opened" };
}

function obstacleText({ errno, why, hint }: LogObstacle): string {
  const head = `DMA faults stay unseen: ${errno === undefined ? '' : `${errno}: `}${why}`;
  return hint === undefined ? head : `${head}; ${hint}`;
}
