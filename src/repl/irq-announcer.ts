import type { Device } from '../vfio/device.js';
import type { Irq, IrqEvent } from '../vfio/irq.js';

/** Lines a second, at the most, that interrupts may put above the prompt. */
const LINES_PER_SECOND = 4;
const PAUSE_MS = 1000 / LINES_PER_SECOND;

/** Signals of one vector of one device that have not been announced yet. */
interface Pending {
  readonly device: string;
  readonly label: string;
  count: bigint;
  software: bigint;
}

/**
 * Announces the interrupts of devices: the first at once, those that follow within a quarter of a second summed up in the next line, so that a
 * storm costs four lines a second.
 */
export class IrqAnnouncer {
  readonly #announce: (text: string) => void;
  /** By interrupt, then by vector: a text for a key would cost a storm more than all the rest. */
  readonly #pending = new Map<Irq, Map<number, Pending>>();
  readonly #watched = new Set<Device>();
  #timer: NodeJS.Timeout | undefined;

  constructor(announce: (text: string) => void) {
    this.#announce = announce;
  }

  /** Announces the interrupts of `device` until it is closed. */
  watch(device: Device): void {
    this.#watched.add(device);
    const leave = device.irqs.onEvent((event) => this.#take(device.name, event));
    device.beforeClose(() => {
      this.#watched.delete(device);
      leave();
    });
  }

  #take(device: string, { irq, vector, count, software }: IrqEvent): void {
    let vectors = this.#pending.get(irq);
    if (vectors === undefined) this.#pending.set(irq, (vectors = new Map<number, Pending>()));
    const pending = vectors.get(vector);
    if (pending === undefined) vectors.set(vector, { device, label: irq.label(vector), count, software });
    else {
      pending.count += count;
      pending.software += software;
    }
    if (this.#timer === undefined) this.#flush();
  }

  #flush(): void {
    if (this.#pending.size === 0) {
      this.#timer = undefined;
      return;
    }
    // With one device open there is no doubt whose it is.
    const several = this.#watched.size > 1;
    const all = [...this.#pending.values()].flatMap((vectors) => [...vectors.values()]);
    const parts = all.map(({ device, label, count, software }) => {
      const whose = several ? `${device} ` : '';
      const times = count === 1n ? '' : ` x ${count}`;
      return `${whose}${label}${times}${software === 0n ? '' : software === count ? ' (software)' : ` (${software} by software)`}`;
    });
    this.#pending.clear();
    this.#timer = setTimeout(() => this.#flush(), PAUSE_MS);
    this.#timer.unref();
    this.#announce(
      parts.length > 6 ? `${parts.slice(0, 6).join(', ')} and ${parts.length - 6} more vectors` : parts.join(', '),
    );
  }
}
