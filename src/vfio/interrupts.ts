import { takenBack } from './departure.js';
import { type FailureDetails, VfioError } from './errors.js';
import type { Gate } from './gate.js';
import { Irq, type IrqEvent } from './irq.js';
import type { IrqHost } from './irq-host.js';
import type { Journal } from './journal.js';
import { type Readiness, close as closeFd, eventfd, eventfdTake, onReadable } from './sys/libc.js';
import { Pump } from './sys/pump.js';
import { DEFAULT_GUARD, type Guard } from './sys/pump-source.js';
import type { IrqInfo, Transport } from './transport/transport.js';

/** VFIO's fixed PCI interrupt indices. Source: linux/vfio.h, VFIO_PCI_INTX_IRQ_INDEX and on. */
const pciNames = ['intx', 'msi', 'msix', 'err', 'req'];
const ERR = 3;
const REQ = 4;

export interface InterruptsHost {
  readonly name: string;
  readonly transport: Transport;
  readonly journal: Journal;
  readonly gate: Gate;
  readonly isPci: boolean;
  readonly infos: readonly IrqInfo[];
  /** The kernel wants the device back. */
  lose(reason: FailureDetails): void;
}

/**
 * The interrupts of a device. Two of a PCI device's are armed when it is opened, because they are no interrupts of the device but the kernel's
 * own notices: err (an AER error) and req (give the device back). The pump thread runs only while an interrupt is enabled.
 */
export class Interrupts implements Iterable<Irq> {
  readonly #host: InterruptsHost;
  readonly #irqs: readonly Irq[];
  readonly #eventListeners = new Set<(event: IrqEvent) => void>();
  readonly #reportListeners = new Set<(text: string) => void>();
  readonly #endListeners = new Set<() => void>();
  #closed = false;
  readonly #notices: { readonly fd: number; readonly readiness: Readiness }[] = [];
  #guard: Guard = DEFAULT_GUARD;
  #pump: Pump | undefined;
  #leavePump: (() => void)[] = [];

  constructor(host: InterruptsHost) {
    this.#host = host;
    this.#irqs = host.infos
      .filter(({ count }) => count > 0)
      .map(
        (info) => new Irq(this.#irqHost(), info, (host.isPci ? pciNames[info.index] : undefined) ?? `irq${info.index}`),
      );
    if (host.isPci && host.transport.via !== 'snapshot') {
      this.#arm(ERR, () =>
        this.#report(`AER error: the kernel reports an uncorrectable PCI Express error of ${host.name}`),
      );
      this.#arm(REQ, () => host.lose(takenBack(host.name)));
    }
  }

  [Symbol.iterator](): Iterator<Irq> {
    return this.#irqs[Symbol.iterator]();
  }

  get size(): number {
    return this.#irqs.length;
  }

  /** The interrupt of that name or index; throws VfioError with the names there are. */
  find(which: string | number): Irq {
    const found = this.#irqs.find((irq) => irq.index === which || irq.names.includes(String(which)));
    if (found) return found;
    throw new VfioError({
      kind: 'absent',
      operation: `find interrupt ${which}`,
      device: this.#host.name,
      why: 'the device has no such interrupt',
      hint: this.#irqs.length === 0 ? 'it has none' : `it has ${this.#irqs.map(({ name }) => name).join(', ')}`,
    });
  }

  /**
   * Gives an interrupt another name: a device tree's interrupt-name, a profile's. The returned function takes it away again. Throws VfioError
   * 'busy' where the name is another interrupt's.
   */
  nameIrq(irq: Irq, name: string): () => void {
    const known = this.#irqs.find(({ names }) => names.includes(name));
    if (known === irq) return () => undefined;
    if (known !== undefined) {
      throw new VfioError({
        kind: 'busy',
        operation: `name interrupt ${irq.name}`,
        device: this.#host.name,
        why: `${name} is a name of ${known.name}`,
        hint: 'choose another name',
      });
    }
    irq.names.push(name);
    return () => void irq.names.splice(irq.names.indexOf(name), 1);
  }

  get intx(): Irq {
    return this.find('intx');
  }

  get msi(): Irq {
    return this.find('msi');
  }

  get msix(): Irq {
    return this.find('msix');
  }

  /** What counts as a storm, for the vectors enabled now and later. */
  get guard(): Guard {
    return this.#guard;
  }

  set guard(guard: Guard) {
    this.#guard = guard;
    for (const irq of this.#irqs) for (const { source } of irq.vectors) this.#pump?.setGuard(source, guard);
  }

  /** Events that found the pump's ring full: their counts are in the statistics, they are not in the journal. */
  get dropped(): { readonly events: bigint; readonly signals: bigint } {
    return this.#pump?.dropped ?? { events: 0n, signals: 0n };
  }

  /** Hands over what has come so far, at once instead of on the event loop's next turn. */
  drain(): void {
    this.#pump?.drain();
  }

  /** Calls back for each event; the returned function ends that. */
  onEvent(listener: (event: IrqEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => void this.#eventListeners.delete(listener);
  }

  /** Calls back with what the user must be told at once: storms, errors, lost events. */
  onReport(listener: (text: string) => void): () => void {
    this.#reportListeners.add(listener);
    return () => void this.#reportListeners.delete(listener);
  }

  /** The events from now on, until the loop is left, the signal aborts or the device closes. Events wait in memory for a slow loop. */
  async *events(options: { signal?: AbortSignal } = {}): AsyncGenerator<IrqEvent> {
    const waiting: IrqEvent[] = [];
    let wake: (() => void) | undefined;
    const leave = this.onEvent((event) => {
      waiting.push(event);
      wake?.();
    });
    let over = options.signal?.aborted === true || this.#closed;
    const end = (): void => {
      over = true;
      wake?.();
    };
    options.signal?.addEventListener('abort', end);
    this.#endListeners.add(end);
    const release = this.#pump?.hold();
    try {
      for (;;) {
        for (const event of waiting.splice(0)) {
          if (options.signal?.aborted === true) return;
          yield event;
        }
        // Either may have come while the loop's body ran.
        if (waiting.length > 0) continue;
        if (over) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      leave();
      release?.();
      options.signal?.removeEventListener('abort', end);
      this.#endListeners.delete(end);
    }
  }

  /** Disables everything and gives the pump back. */
  close(): void {
    this.#closed = true;
    this.#disableAll();
    for (const end of this.#endListeners) end();
    for (const { fd, readiness } of this.#notices.splice(0)) {
      readiness.close();
      closeFd(fd);
    }
    this.#releasePump();
  }

  #disableAll(): void {
    for (const irq of this.#irqs) {
      try {
        irq.disable();
      } catch (error) {
        // A device that is gone has no interrupt to disable; its vectors are forgotten either way.
        if (!(error instanceof VfioError)) throw error;
      }
      irq.release();
    }
  }

  #irqHost(): IrqHost {
    const { host, interrupts } = { host: this.#host, interrupts: this };
    return {
      name: host.name,
      transport: host.transport,
      journal: host.journal,
      gate: host.gate,
      isPci: host.isPci,
      get guard() {
        return interrupts.guard;
      },
      pump: () => this.#startedPump(),
      rivals: (irq) =>
        host.isPci && irq.index < ERR ? this.#irqs.filter((one) => one !== irq && one.enabled && one.index < ERR) : [],
      signalled: (event) => {
        for (const listener of this.#eventListeners) listener(event);
      },
      report: (text) => this.#report(text),
    };
  }

  #startedPump(): Pump {
    if (this.#pump) return this.#pump;
    const pump = Pump.acquire();
    this.#pump = pump;
    this.#leavePump = [
      pump.onDropped(({ events, signals }) =>
        this.#report(
          `the event ring was full: ${events} events with ${signals} signals are counted but not in the log`,
        ),
      ),
      pump.onCrash((reason) => {
        this.#report(`the interrupt pump has failed (${reason}): every interrupt is disabled`);
        this.#disableAll();
        // The next enable starts another.
        this.#releasePump();
      }),
    ];
    return pump;
  }

  #releasePump(): void {
    for (const leave of this.#leavePump.splice(0)) leave();
    void this.#pump?.release();
    this.#pump = undefined;
  }

  #report(text: string): void {
    this.#host.journal.note('irq-error', text);
    for (const listener of this.#reportListeners) listener(text);
  }

  /** Arms one of the kernel's notices on the event loop, without the pump. What cannot be armed is left off and noted. */
  #arm(index: number, act: () => void): void {
    const info = this.#host.infos[index];
    if (!info || info.count === 0 || !info.eventfd) return;
    const fd = eventfd();
    if (fd.errno !== 0) return;
    try {
      this.#host.transport.setIrqs(index, 'trigger', 0, 1, { type: 'eventfds', fds: [fd.value] });
    } catch (error) {
      closeFd(fd.value);
      if (!(error instanceof VfioError)) throw error;
      this.#host.journal.note('note', `${pciNames[index]} is not armed: ${error.message}`);
      return;
    }
    const readiness = onReadable(fd.value, () => {
      if (eventfdTake(fd.value) > 0n) act();
    });
    readiness.unref();
    this.#notices.push({ fd: fd.value, readiness });
  }
}
