import {
  PCI_BASE_ADDRESS_0,
  PCI_CACHE_LINE_SIZE,
  PCI_CAPABILITY_LIST,
  PCI_CAP_ID_MSI,
  PCI_CAP_ID_MSIX,
  PCI_CLASS_REVISION,
  PCI_COMMAND,
  PCI_COMMAND_INTX_DISABLE,
  PCI_COMMAND_IO,
  PCI_COMMAND_MASTER,
  PCI_COMMAND_MEMORY,
  PCI_COMMAND_SERR,
  PCI_INTERRUPT_LINE,
  PCI_INTERRUPT_PIN,
  PCI_MSI_FLAGS,
  PCI_MSI_FLAGS_ENABLE,
  PCI_STATUS,
  PCI_STATUS_CAP_LIST,
  PCI_STATUS_INTERRUPT,
  PCI_SUBSYSTEM_VENDOR_ID,
} from '../abi/pci.js';
import type { AccessSize, PciCommand, PciConfiguration } from './model.js';

/**
 * PCI configuration space as vfio-pci shows it: the device's own bytes with the command register, the BARs and MSI virtualised. Sources: PCI Local Bus
 * 3.0 chapter 6, linux/pci_regs.h, drivers/vfio/pci/vfio_pci_config.c; what writes change was compared with edu and e1000e behind vfio-pci.
 */

const HEADER_SIZE = 0x40;

const BAR_MEMORY_64 = 0x4;
const BAR_PREFETCHABLE = 0x8;

const MSIX_ENABLE_BYTE = 3;
const MSIX_ENABLE = 0x80;

/** A memory BAR of `size` bytes (a power of two, 16 or more), at `address` before anybody moves it. */
export interface MemoryBar {
  readonly size: number;
  readonly address: number;
  readonly prefetchable?: boolean;
  /** Takes the next BAR as its upper half. */
  readonly wide?: boolean;
}

/** One capability of the list at 0x34 or, with `extended`, of the one at 0x100. */
export interface Capability {
  readonly offset: number;
  readonly id: number;
  /** The bytes behind id and next pointer; behind the whole header for an extended one. */
  readonly body: readonly number[];
  /** Which bits of the body can be written, byte by byte; none where it is absent. */
  readonly writable?: readonly number[];
  readonly extended?: { readonly version: number };
}

export interface PciIdentity {
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Base class, subclass and programming interface, as 0xff0000. */
  readonly classCode: number;
  readonly subsystemVendor: number;
  readonly subsystem: number;
  /** 1 for INTA; 0 for none. */
  readonly interruptPin: number;
  readonly bars: readonly (MemoryBar | undefined)[];
  /** In the order of the list. */
  readonly capabilities: readonly Capability[];
  /** 256, or 4096 for PCI Express. */
  readonly size: 256 | 4096;
  /** Whether bytes that belong to no structure hold what is written there, as in QEMU's devices. */
  readonly spareWritable?: boolean;
}

/** The number of the MSI, PCI Express and MSI-X capabilities, from linux/pci_regs.h. */

/** A 64-bit MSI capability for 2^`log2Vectors` vectors. Its address and data are the client's to scribble on: VFIO programs the real ones. */
export function msiCapability(offset: number, log2Vectors: number): Capability {
  return {
    offset,
    id: PCI_CAP_ID_MSI,
    body: [0x80 | (log2Vectors << 1), 0, ...Array<number>(12).fill(0)],
    writable: [0xff, 0, ...Array<number>(12).fill(0xff)],
  };
}

/** An MSI-X capability: table and pending bits at these offsets of BAR `bar`. */
export function msixCapability(
  offset: number,
  vectors: number,
  bar: number,
  table: number,
  pending: number,
): Capability {
  const body = Buffer.alloc(10);
  body.writeUInt16LE(vectors - 1, 0);
  body.writeUInt32LE(table | bar, 2);
  body.writeUInt32LE(pending | bar, 6);
  return { offset, id: PCI_CAP_ID_MSIX, body: [...body], writable: [0, 0xc0] };
}

/** The configuration space of one function. */
export class PciConfig implements PciConfiguration {
  readonly size: number;
  readonly #bytes: Buffer;
  readonly #writable: Buffer;
  readonly #msi: number | undefined;
  readonly #msix: number | undefined;
  readonly #msiVectors: number;
  #msiEnabled = false;
  #changed: () => void = () => undefined;

  constructor(identity: PciIdentity) {
    this.size = identity.size;
    this.#bytes = Buffer.alloc(identity.size);
    this.#writable = Buffer.alloc(identity.size);
    if (identity.spareWritable === true) this.#writable.fill(0xff, HEADER_SIZE, 256);
    this.#header(identity);
    this.#bars(identity.bars);
    this.#capabilities(identity.capabilities);
    this.#msi = identity.capabilities.find(({ id, extended }) => id === PCI_CAP_ID_MSI && !extended)?.offset;
    this.#msix = identity.capabilities.find(({ id, extended }) => id === PCI_CAP_ID_MSIX && !extended)?.offset;
    this.#msiVectors = this.#msi === undefined ? 0 : (this.#bytes[this.#msi + PCI_MSI_FLAGS]! >> 1) & 7;
  }

  get command(): PciCommand {
    const command = this.#bytes.readUInt16LE(PCI_COMMAND);
    return {
      memoryDecode: (command & PCI_COMMAND_MEMORY) !== 0,
      busMaster: (command & PCI_COMMAND_MASTER) !== 0,
      intxDisabled: (command & PCI_COMMAND_INTX_DISABLE) !== 0,
    };
  }

  onCommand(listener: () => void): void {
    this.#changed = listener;
  }

  setInterruptStatus(asserted: boolean): void {
    const status = this.#bytes[PCI_STATUS]!;
    this.#bytes[PCI_STATUS] = asserted ? status | PCI_STATUS_INTERRUPT : status & ~PCI_STATUS_INTERRUPT;
  }

  setEnabled(capability: 'msi' | 'msix', enabled: boolean): void {
    // vfio-pci keeps MSI's own flags from the client's eyes and passes those of MSI-X through.
    if (capability === 'msi') this.#msiEnabled = enabled;
    else if (this.#msix !== undefined) {
      const at = this.#msix + MSIX_ENABLE_BYTE;
      this.#bytes[at] = enabled ? this.#bytes[at]! | MSIX_ENABLE : this.#bytes[at]! & ~MSIX_ENABLE;
    }
  }

  read(offset: number, size: AccessSize): bigint {
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#bytes[offset + i] ?? 0xff);
    return value;
  }

  write(offset: number, size: AccessSize, value: bigint): void {
    for (let i = 0; i < size && offset + i < this.size; i++) {
      const at = offset + i;
      const mask = this.#writable[at]!;
      const written = Number((value >> BigInt(8 * i)) & 0xffn);
      this.#bytes[at] = (this.#bytes[at]! & ~mask) | (written & mask);
    }
    this.#clampMsi();
    if (offset < PCI_STATUS && offset + size > PCI_COMMAND) this.#changed();
  }

  /** The kernel enables MSI by VFIO_DEVICE_SET_IRQS only, and lets no client ask for more vectors than there are. */
  #clampMsi(): void {
    if (this.#msi === undefined) return;
    const at = this.#msi + PCI_MSI_FLAGS;
    let flags = this.#bytes[at]!;
    if (!this.#msiEnabled) flags &= ~PCI_MSI_FLAGS_ENABLE;
    if (((flags >> 4) & 7) > this.#msiVectors) flags = (flags & ~0x70) | (this.#msiVectors << 4);
    this.#bytes[at] = flags;
  }

  #header(identity: PciIdentity): void {
    const bytes = this.#bytes;
    bytes.writeUInt16LE(identity.vendor, 0);
    bytes.writeUInt16LE(identity.device, 2);
    // As firmware leaves a function behind, and vfio-pci takes bus mastering away again when it is opened.
    bytes.writeUInt16LE(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_SERR, PCI_COMMAND);
    this.#writable.writeUInt16LE(
      PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE,
      PCI_COMMAND,
    );
    bytes[PCI_STATUS] = identity.capabilities.length > 0 ? PCI_STATUS_CAP_LIST : 0;
    bytes.writeUInt32LE(((identity.classCode << 8) | identity.revision) >>> 0, PCI_CLASS_REVISION);
    this.#writable[PCI_CACHE_LINE_SIZE] = 0xff;
    bytes.writeUInt16LE(identity.subsystemVendor, PCI_SUBSYSTEM_VENDOR_ID);
    bytes.writeUInt16LE(identity.subsystem, PCI_SUBSYSTEM_VENDOR_ID + 2);
    if (identity.interruptPin !== 0) bytes[PCI_INTERRUPT_LINE] = 0x0b;
    this.#writable[PCI_INTERRUPT_LINE] = 0xff;
    bytes[PCI_INTERRUPT_PIN] = identity.interruptPin;
  }

  #bars(bars: PciIdentity['bars']): void {
    for (const [index, bar] of bars.entries()) {
      if (bar === undefined) continue;
      const at = PCI_BASE_ADDRESS_0 + 4 * index;
      const flags = (bar.wide === true ? BAR_MEMORY_64 : 0) | (bar.prefetchable === true ? BAR_PREFETCHABLE : 0);
      this.#bytes.writeUInt32LE((bar.address | flags) >>> 0, at);
      this.#writable.writeUInt32LE(~(bar.size - 1) >>> 0, at);
      if (bar.wide === true) this.#writable.writeUInt32LE(0xffffffff, at + 4);
    }
  }

  #capabilities(capabilities: readonly Capability[]): void {
    const plain = capabilities.filter(({ extended }) => extended === undefined);
    this.#bytes[PCI_CAPABILITY_LIST] = plain[0]?.offset ?? 0;
    for (const [i, { offset, id, body, writable }] of plain.entries()) {
      this.#bytes[offset] = id;
      this.#bytes[offset + 1] = plain[i + 1]?.offset ?? 0;
      this.#writable.fill(0, offset, offset + 2);
      this.#body(offset + 2, body, writable);
    }
    const extended = capabilities.filter((capability) => capability.extended !== undefined);
    for (const [i, capability] of extended.entries()) {
      const next = extended[i + 1]?.offset ?? 0;
      const header = capability.id | (capability.extended!.version << 16) | (next << 20);
      this.#bytes.writeUInt32LE(header >>> 0, capability.offset);
      this.#body(capability.offset + 4, capability.body, capability.writable);
    }
  }

  #body(offset: number, body: readonly number[], writable: readonly number[] = []): void {
    for (const [i, byte] of body.entries()) {
      this.#bytes[offset + i] = byte;
      this.#writable[offset + i] = writable[i] ?? 0;
    }
  }
}
