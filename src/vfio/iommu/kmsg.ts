import { fstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Roots } from '../bus/roots.js';
import { close, errnoName, O_NONBLOCK, O_RDONLY, onReadable, open, read, type Readiness } from '../sys/libc.js';

/** A record of the kernel's log. Source: Documentation/ABI/testing/dev-kmsg. */
export interface KmsgRecord {
  readonly sequence: bigint;
  /** The kernel's local_clock() in microseconds: since boot, near CLOCK_MONOTONIC but not steered by NTP. */
  readonly microseconds: number;
  readonly text: string;
}

/** Reads 'priority,sequence,microseconds,flags[,...];text' and drops the dictionary lines behind it; undefined for another form. */
export function parseRecord(record: string): KmsgRecord | undefined {
  const semicolon = record.indexOf(';');
  const [, sequence, microseconds] = record.slice(0, Math.max(0, semicolon)).split(',');
  if (sequence === undefined || microseconds === undefined) return undefined;
  if (!/^\d+$/.test(sequence) || !/^\d+$/.test(microseconds)) return undefined;
  const end = record.indexOf('\n', semicolon);
  const text = record.slice(semicolon + 1, end < 0 ? undefined : end);
  return { sequence: BigInt(sequence), microseconds: Number(microseconds), text: unescaped(text) };
}

/** The kernel writes what is not printable as \xNN. */
function unescaped(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

/** The longest record: CONSOLE_EXT_LOG_MAX. Source: kernel/printk/printk.c. */
const RECORD_BYTES = 8192;

/** Character device 1:11. Source: Documentation/admin-guide/devices.txt. */
const KMSG_DEVICE = (1 << 8) | 11;

/** The kernel's log, from its oldest record on. Reading never waits. */
export class Kmsg {
  readonly #fd: number;
  readonly #record = Buffer.alloc(RECORD_BYTES);
  #readiness: Readiness | undefined;
  #lost = 0;
  #closed = false;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Opens /dev/kmsg; the errno's name where that is refused. */
  static open(roots: Roots): Kmsg | { readonly errno: string } {
    const opened = open(join(roots.dev, 'kmsg'), O_RDONLY | O_NONBLOCK);
    return opened.errno === 0 ? new Kmsg(opened.value) : { errno: errnoName(opened.errno) };
  }

  /** How often records had made room for newer ones before they were read. */
  get lost(): number {
    return this.#lost;
  }

  /** The records that are there and were not read yet. */
  *records(): Generator<KmsgRecord> {
    while (!this.#closed) {
      const { value, errno } = read(this.#fd, this.#record);
      if (errno !== 0) {
        // EPIPE: the ring went round; the next read goes on with the oldest that is left.
        if (errnoName(errno) !== 'EPIPE') return;
        this.#lost += 1;
        continue;
      }
      if (value === 0) return;
      const record = parseRecord(this.#record.toString('utf8', 0, value));
      if (record !== undefined) yield record;
    }
  }

  /**
   * Calls back when there are further records. It does not keep the process from ending. False for a stand-in that cannot be watched, such as
   * the /dev/null that some containers have in this place.
   */
  watch(ready: () => void): boolean {
    // Polling a plain file ends the process inside koffi ("FATAL ERROR: Error::New"), so what it is is asked first.
    if (fstatSync(this.#fd).rdev !== KMSG_DEVICE) return false;
    this.#readiness ??= onReadable(this.#fd, ready);
    this.#readiness.unref();
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#readiness?.close();
    close(this.#fd);
  }
}

/**
 * Places the log's clock on CLOCK_MONOTONIC. Both count from boot, but the log's is not steered by NTP, so that they drift
 * apart by some tens of microseconds a second. A record that is read as it comes tells how far apart they are at the most; the least of what was seen is
 * taken, so that an event is never placed behind the moment at which it was read.
 */
export class LogClock {
  #offsetNs: number | undefined;

  /** A record stamped `microseconds` was read at `nowNs`, at once after it was written. */
  observe(microseconds: number, nowNs: number): void {
    const offset = nowNs - microseconds * 1000;
    this.#offsetNs = this.#offsetNs === undefined ? offset : Math.min(this.#offsetNs, offset);
  }

  /** CLOCK_MONOTONIC in nanoseconds. */
  toMonotonic(microseconds: number): number {
    return microseconds * 1000 + (this.#offsetNs ?? 0);
  }
}
