/**
 * What a simulated device is: its regions, its interrupts and how it reacts, without a word about sockets. A model is driven by calls
 * and by the timers of its Host only, so that a test with a Host of its own sees the same every time.
 */

/** errno values that a device answers with, from asm-generic/errno.h. */
export const ENOENT = 2;
export const EIO = 5;
export const EFAULT = 14;
export const EEXIST = 17;
export const EINVAL = 22;
export const ENOTTY = 25;
export const ENOSPC = 28;
export const EPROTO = 71;
export const EOPNOTSUPP = 95;

/** The device or its bus refused: the client gets `errno` in place of an answer. Not a bug, so it never ends the server. */
export class Refusal extends Error {
  readonly errno: number;

  constructor(errno: number, why: string) {
    super(why);
    this.name = 'Refusal';
    this.errno = errno;
  }
}

/** Bytes that one bus access moves. */
export type AccessSize = 1 | 2 | 4 | 8;

/** Whatever answers accesses one at a time. Both throw a Refusal (EIO) where the bus would fault. */
export interface Registers {
  read(offset: number, size: AccessSize): bigint;
  write(offset: number, size: AccessSize, value: bigint): void;
}

export interface Area {
  readonly offset: number;
  readonly size: number;
}

/** Every access of the client reaches the device. */
export interface RegisterRegion {
  readonly kind: 'registers';
  readonly size: number;
  readonly access: 'rw' | 'ro' | 'wo';
  readonly registers: Registers;
}

/** Plain memory that clients map. It survives a reset of the device. */
export interface MemoryRegion {
  readonly kind: 'memory';
  readonly size: number;
  /** What is in it at power-on, from offset 0; zeros behind it. */
  readonly contents: Uint8Array;
  /** Where only some parts can be mapped: these, in whole pages; `trapped` answers for the rest. */
  readonly sparse?: { readonly areas: readonly Area[]; readonly trapped: Registers };
}

export type RegionModel = RegisterRegion | MemoryRegion;

/**
 * How an interrupt behaves under VFIO_DEVICE_SET_IRQS:
 * - `intx`   a PCI function's level interrupt: automasked, one at a time with MSI and MSI-X
 * - `msi`    MSI or MSI-X: edges, one vector each, needs bus mastering
 * - `line`   a platform device's level interrupt: automasked
 * - `notice` ERR and REQ of vfio-pci: raised by the kernel, here only by the client's own trigger
 */
export type IrqKind = 'intx' | 'msi' | 'line' | 'notice';

export interface IrqModel {
  readonly kind: IrqKind;
  readonly count: number;
}

/** The part of a PCI function's configuration that decides what reaches the device and what leaves it. */
export interface PciCommand {
  readonly memoryDecode: boolean;
  readonly busMaster: boolean;
  readonly intxDisabled: boolean;
}

/** The configuration space of a PCI function: region 7. */
export interface PciConfiguration extends Registers {
  readonly size: number;
  readonly command: PciCommand;
  /** Called after each change of the command register. */
  onCommand(listener: () => void): void;
  /** The INTx line as the status register shows it. */
  setInterruptStatus(asserted: boolean): void;
  /** Whether the client has MSI or MSI-X enabled, for the capability's enable bit. */
  setEnabled(capability: 'msi' | 'msix', enabled: boolean): void;
}

export interface Model {
  readonly bus: 'pci' | 'amba';
  /** For a PCI function BAR0..5 and the ROM; undefined where there is none. Config space is not among them. */
  readonly regions: readonly (RegionModel | undefined)[];
  /** By index; undefined where VFIO refuses even to describe it. */
  readonly irqs: readonly (IrqModel | undefined)[];
  readonly config?: PciConfiguration;
  /** VFIO_DEVICE_RESET: back to how it is at power-on, but for memory and config space; its timers have been cancelled by then. */
  reset?(): void;
}

/** What a model sees of the world around it. */
export interface Host {
  /** Sends one message-signalled interrupt. It is lost where the client has not enabled it or bus mastering is off. */
  signal(index: number, vector: number): void;
  /** Drives a level interrupt. */
  setLevel(index: number, asserted: boolean): void;
  /** Whether the client has enabled interrupt `index`. */
  enabled(index: number): boolean;
  /** Reads client memory; rejects with a Refusal where it is not mapped for reading or bus mastering is off. */
  dmaRead(iova: bigint, length: number): Promise<Uint8Array>;
  /** Writes client memory; rejects with a Refusal where it is not mapped for writing or bus mastering is off. */
  dmaWrite(iova: bigint, bytes: Uint8Array): Promise<void>;
  /** Calls `expired` once after `ms` milliseconds, unless the device is reset before. Returns a function that cancels it. */
  setTimer(ms: number, expired: () => void): () => void;
  /** Milliseconds since 1970. */
  now(): number;
}

export type ModelFactory = (host: Host) => Model;
