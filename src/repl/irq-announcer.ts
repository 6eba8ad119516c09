import type { Device } from '../vfio/device.js';
import type { IrqEvent } from '../vfio/irq.js';

/** Lines a second, at the most, that interrupts may put above the prompt. */
const LINES_PER_SECOND = 4;
const PAUSE_MS = 1000 / LINES_PER_SECOND;

/** Signals of one vector that have not been announced yet. */
interface Pending {
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
  readonly #pending = new Map<string, Pending>();
  #timer: NodeJS.Timeout | undefined;

  constructor(announce: (text: string) => void) {
    this.#announce = announce;
  }

  /** Announces the interrupts of `device` until it is closed. */
  watch(device: Device): void {
    device.beforeClose(device.irqs.onEvent((event) => this.#take(event)));
  }

  #take({ irq, vector, count, software }: IrqEvent): void {
    const label = irq.label(vector);
    const pending = this.#pending.get(label) ?? { label, count: 0n, software: 0n };
    pending.count += count;
    pending.software += software;
    this.#pending.set(label, pending);
    if (this.#timer === undefined) this.#flush();
  }

  #flush(): void {
    if (this.#pending.size === 0) {
      this.#timer = undefined;
      return;
    }
    const parts = [...this.#pending.values()].map(({ label, count, software }) => {
      const times = count === 1n ? '' : ` x ${count}`;
      return `${label}${times}${software === 0n ? '' : software === count ? ' (software)' : ` (${software} by software)`}`;
    });
    this.#pending.clear();
    this.#timer = setTimeout(() => this.#flush(), PAUSE_MS);
    this.#timer.unref();
    this.#announce(
      parts.length > 6 ? `${parts.slice(0, 6).join(', ')} and ${parts.length - 6} more vectors` : parts.join(', '),
    );
  }
}
