import { readFileSync } from 'node:fs';
import type { IrqSet } from '../abi/irq-set.js';
import {
  VFIO_IRQ_INFO_AUTOMASKED,
  VFIO_IRQ_INFO_EVENTFD,
  VFIO_IRQ_INFO_MASKABLE,
  VFIO_IRQ_INFO_NORESIZE,
  VFIO_PCI_MSI_IRQ_INDEX,
} from '../abi/vfio.js';
import type { Readiness } from '../sys/libc.js';
import * as libc from '../sys/libc.js';
import { EINVAL, ENOTTY, Refusal, type IrqKind, type IrqModel, type PciConfiguration } from './model.js';

/** The flags of VFIO_DEVICE_GET_IRQ_INFO as vfio-pci and vfio-platform give them. */
export const irqFlags: Readonly<Record<IrqKind, number>> = {
  intx: VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED,
  line: VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED,
  msi: VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE,
  notice: VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE,
};

interface Irq {
  readonly index: number;
  readonly kind: IrqKind;
  readonly count: number;
  /** One a vector since the client enabled the interrupt, undefined where a vector has no eventfd; empty while it is off. */
  eventfds: (EventFd | undefined)[];
  /** For levels. */
  asserted: boolean;
  masked: boolean;
  /** The client's eventfd that unmasks (resample). */
  unmask: { readonly fd: number; readonly ready: Readiness } | undefined;
}

/**
 * The interrupts of a device, as VFIO_DEVICE_SET_IRQS drives them. Source: drivers/vfio/pci/vfio_pci_intrs.c and platform/vfio_platform_irq.c; the
 * answers were compared with both. A level that is asserted and not masked signals its eventfd once and is masked; unmasking
 * it while it is still asserted signals again. INTx, MSI and MSI-X exclude each other.
 */
export class Interrupts {
  readonly #irqs: readonly (Irq | undefined)[];
  readonly #config: PciConfiguration | undefined;

  constructor(models: readonly (IrqModel | undefined)[], config: PciConfiguration | undefined) {
    this.#irqs = models.map(
      (model, index) =>
        model && {
          index,
          kind: model.kind,
          count: model.count,
          eventfds: [],
          asserted: false,
          masked: false,
          unmask: undefined,
        },
    );
    this.#config = config;
  }

  /** To be called when the command register of the PCI function has changed: it may let INTx through again. */
  commandChanged(): void {
    this.#drive();
  }

  enabled(index: number): boolean {
    return (this.#irqs[index]?.eventfds.length ?? 0) > 0;
  }

  signal(index: number, vector: number): void {
    const irq = this.#irqs[index];
    if (irq?.kind === 'msi' && this.#config?.command.busMaster !== true) return;
    irq?.eventfds[vector]?.signal();
  }

  setLevel(index: number, asserted: boolean): void {
    const irq = this.#irqs[index];
    if (irq === undefined) return;
    irq.asserted = asserted;
    if (irq.kind === 'intx') this.#config?.setInterruptStatus(asserted);
    this.#drive();
  }

  /**
   * Does what VFIO_DEVICE_SET_IRQS says and owns `fds` from then on. Throws a Refusal as the kernel would; the fds are then the caller's still.
   * For 'eventfds' there is one fd for each of `set.count` vectors, or none, which takes those away that were there.
   */
  set(set: IrqSet, fds: readonly number[]): void {
    const irq = this.#irqs[set.index];
    if (irq === undefined) throw refused(`there is no interrupt ${set.index}`);
    if (set.start >= irq.count || set.start + set.count > irq.count) throw refused('that vector does not exist');
    if (set.data === 'eventfds' ? fds.length !== 0 && fds.length !== set.count : fds.length > 0) {
      throw refused('not as many eventfds as vectors');
    }
    if (set.action === 'trigger') this.#trigger(irq, set, fds);
    else this.#mask(irq, set, fds);
  }

  /** Everything off, every eventfd closed; levels stay as the device drives them. */
  disableAll(): void {
    for (const irq of this.#irqs) if (irq !== undefined) this.#disable(irq);
  }

  /** As after a reset of the device: no level is asserted. What the client enabled stays enabled, as in the kernel. */
  deassertAll(): void {
    for (const irq of this.#irqs) if (irq?.asserted === true) this.setLevel(irq.index, false);
  }

  #trigger(irq: Irq, set: IrqSet, fds: readonly number[]): void {
    if (set.data === 'none' && set.count === 0) {
      if (irq.kind !== 'line' && irq.eventfds.length === 0) throw refused('the interrupt is not enabled');
      this.#disable(irq);
      return;
    }
    if (set.data === 'eventfds') {
      this.#install(irq, set, fds);
      return;
    }
    if (irq.eventfds.length === 0 && irq.kind !== 'line') throw refused('the interrupt is not enabled');
    for (const vector of chosen(set)) {
      if (irq.kind !== 'line') irq.eventfds[vector]?.signal();
      else if (!irq.masked) this.#fire(irq);
    }
  }

  #install(irq: Irq, set: IrqSet, fds: readonly number[]): void {
    if (set.count === 0) throw refused('no vector is named');
    const other = this.#irqs.find((one) => one !== irq && isPciInterrupt(one) && one.eventfds.length > 0);
    if (isPciInterrupt(irq) && other !== undefined) throw refused('another kind of interrupt is enabled');
    const enabling = irq.eventfds.length === 0;
    if (!enabling && set.start + set.count > irq.eventfds.length)
      throw refused('more vectors than were enabled at first');
    const eventfds = fds.map((fd) => new EventFd(fd));
    if (enabling) irq.eventfds = Array<undefined>(set.start + set.count).fill(undefined);
    for (let i = 0; i < set.count; i++) {
      irq.eventfds[set.start + i]?.close();
      irq.eventfds[set.start + i] = eventfds[i];
    }
    if (irq.kind !== 'msi' && irq.eventfds[0] === undefined) this.#disable(irq);
    else if (enabling) this.#enable(irq);
    this.#drive();
  }

  #enable(irq: Irq): void {
    irq.masked = false;
    if (irq.kind !== 'msi') return;
    this.#config?.setEnabled(irq.index === VFIO_PCI_MSI_IRQ_INDEX ? 'msi' : 'msix', true);
    // A function that signals by message lets its INTx line go.
    for (const intx of this.#irqs) if (intx?.kind === 'intx') this.setLevel(intx.index, false);
  }

  #disable(irq: Irq): void {
    for (const eventfd of irq.eventfds) eventfd?.close();
    irq.eventfds = [];
    irq.masked = false;
    this.#dropUnmask(irq);
    if (irq.kind === 'msi') this.#config?.setEnabled(irq.index === VFIO_PCI_MSI_IRQ_INDEX ? 'msi' : 'msix', false);
  }

  #mask(irq: Irq, set: IrqSet, fds: readonly number[]): void {
    if (irq.kind === 'msi' || irq.kind === 'notice') throw new Refusal(ENOTTY, 'that interrupt has no mask');
    if (irq.kind === 'intx' && irq.eventfds.length === 0) throw refused('the interrupt is not enabled');
    if (set.start !== 0 || set.count !== 1) throw refused('a level interrupt has one vector');
    if (set.data === 'eventfds') {
      if (set.action === 'mask') throw new Refusal(ENOTTY, 'no eventfd masks an interrupt here');
      this.#resample(irq, fds[0]);
    } else if (chosen(set).length > 0) {
      irq.masked = set.action === 'mask';
      this.#drive();
    }
  }

  /** An eventfd whose signal unmasks the interrupt. */
  #resample(irq: Irq, fd: number | undefined): void {
    if (fd !== undefined) requireEventFd(fd);
    this.#dropUnmask(irq);
    if (fd === undefined) return;
    // The client may take its own signal back between our being woken and our reading it.
    libc.setNonBlocking(fd, true);
    const ready = libc.onReadable(fd, () => {
      if (libc.eventfdTake(fd) === 0n) return;
      irq.masked = false;
      this.#drive();
    });
    ready.unref();
    irq.unmask = { fd, ready };
  }

  #dropUnmask(irq: Irq): void {
    irq.unmask?.ready.close();
    if (irq.unmask !== undefined) libc.close(irq.unmask.fd);
    irq.unmask = undefined;
  }

  /** Fires every level that is asserted, enabled and not masked. */
  #drive(): void {
    for (const irq of this.#irqs) {
      if (irq === undefined || !irq.asserted || irq.masked || irq.eventfds.length === 0) continue;
      if (irq.kind === 'intx' && this.#config?.command.intxDisabled === true) continue;
      this.#fire(irq);
    }
  }

  #fire(irq: Irq): void {
    irq.masked = true;
    irq.eventfds[0]?.signal();
  }
}

/** An eventfd of the client's, which nothing the client does to it can make us block on. */
class EventFd {
  readonly #fd: number;
  readonly #blocks: boolean;

  constructor(fd: number) {
    this.#blocks = (requireEventFd(fd) & libc.O_NONBLOCK) === 0;
    this.#fd = fd;
  }

  signal(): void {
    if (this.#blocks && libc.poll(this.#fd, libc.POLLOUT, 0).value !== libc.POLLOUT) return;
    libc.write(this.#fd, one);
  }

  close(): void {
    libc.close(this.#fd);
  }
}

const one = Buffer.alloc(8);
one.writeBigUInt64LE(1n);

/** The file flags of an eventfd; throws a Refusal (EINVAL, as the kernel does) for any other file. Source: proc(5), fdinfo. */
function requireEventFd(fd: number): number {
  const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
  const flags = /^flags:\s*0?([0-7]+)$/m.exec(info);
  if (flags === null || !info.includes('eventfd-count:')) throw refused('the file descriptor is no eventfd');
  return Number.parseInt(flags[1]!, 8);
}

function isPciInterrupt(irq: Irq | undefined): irq is Irq {
  return irq?.kind === 'intx' || irq?.kind === 'msi';
}

/** The vectors that the action is for. */
function chosen(set: IrqSet): number[] {
  const all = Array.from({ length: set.count }, (_, i) => set.start + i);
  return set.data === 'bool' ? all.filter((_, i) => set.values[i] === true) : all;
}

function refused(why: string): Refusal {
  return new Refusal(EINVAL, why);
}
