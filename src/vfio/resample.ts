import { VfioError } from './errors.js';
import { close, eventfd, eventfdAdd } from './sys/libc.js';
import type { Transport } from './transport/transport.js';

/**
 * An eventfd whose signal unmasks an automasked interrupt, installed by VFIO_DEVICE_SET_IRQS with ACTION_UNMASK and DATA_EVENTFD: re-arming is then
 * one write to it. Source: linux/vfio.h, struct vfio_irq_set. VFIO takes it away with the interrupt itself.
 */
export class Resample {
  readonly #transport: Transport;
  readonly #index: number;
  readonly #fd: number;

  private constructor(transport: Transport, index: number, fd: number) {
    this.#transport = transport;
    this.#index = index;
    this.#fd = fd;
  }

  /** Undefined where the kernel, or the server, does not offer it for this interrupt. */
  static install(transport: Transport, index: number): Resample | undefined {
    const made = eventfd();
    if (made.errno !== 0) return undefined;
    try {
      transport.setIrqs(index, 'unmask', 0, 1, { type: 'eventfds', fds: [made.value] });
      return new Resample(transport, index, made.value);
    } catch (error) {
      close(made.value);
      if (error instanceof VfioError) return undefined;
      throw error;
    }
  }

  /** Unmasks the interrupt. */
  signal(): void {
    eventfdAdd(this.#fd);
  }

  /** Takes the eventfd out of VFIO, for an interrupt that stays enabled. */
  remove(): void {
    try {
      this.#transport.setIrqs(this.#index, 'unmask', 0, 1, { type: 'eventfds', fds: [-1] });
    } finally {
      this.forget();
    }
  }

  /** Closes the eventfd of an interrupt that is off, or of a device that is gone. */
  forget(): void {
    close(this.#fd);
  }
}
