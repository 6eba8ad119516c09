import {
  Refusal,
  type AccessSize,
  type Host,
  type Model,
  type ModelFactory,
  type RegionModel,
  type Registers,
} from './model.js';
import { PciConfig, msiCapability } from './pci-config.js';

/**
 * edu, QEMU's teaching device (docs/specs/edu.rst and hw/misc/edu.c of QEMU; compared with QEMU 7.2's behind vfio-pci): PCI 1234:11e8, BAR0 of
 * 1 MiB, INTx and one MSI vector. Offsets in BAR0:
 *
 *   0x00 ID      ro     0x010000ed            0x60 RAISE    wo  sets bits of IRQ_STATUS, raises the interrupt
 *   0x04 LIVE    rw     reads inverted        0x64 ACK      wo  clears bits of IRQ_STATUS
 *   0x08 FACT    rw     n becomes n!          0x80 DMA_SRC  rw  0x88 DMA_DST  rw  0x90 DMA_COUNT  rw
 *   0x20 STATUS  rw     1 computing,          0x98 DMA_CMD  rw  1 run, 2 from the buffer to memory, 4 interrupt at the end
 *                       0x80 interrupt after  (interrupt status 1: factorial done, 0x100: DMA done)
 *   0x24 IRQ_STATUS ro
 *
 * Below 0x80 accesses have 4 bytes, from there on 4 or 8. Others of an aligned 4 or 8 bytes read as all ones; those of 1 and 2 bytes never reach the
 * device: they read as 0 and writes are lost. DMA moves bytes between memory (28-bit addresses) and a buffer of 4096 bytes that
 * has the device-side address 0x40000; it takes 100 ms. There is no reset: QEMU's has none either, unless it has a bus of its own. A range outside of the buffer stops QEMU; here nothing is moved.
 */

const BAR_SIZE = 1 << 20;
const ID = 0x010000edn;
const ALL_ONES = 0xffffffffffffffffn;
const WORD = 0xffffffffn;

const STATUS_COMPUTING = 0x01n;
const STATUS_IRQ_FACTORIAL = 0x80n;
const IRQ_FACTORIAL = 0x001n;
const IRQ_DMA = 0x100n;

const DMA_RUN = 1n;
const DMA_TO_MEMORY = 2n;
const DMA_IRQ = 4n;
const DMA_DELAY_MS = 100;
const DMA_MASK = (1n << 28n) - 1n;
const BUFFER_ADDRESS = 0x40000n;
const BUFFER_SIZE = 4096n;

const INTX = 0;
const MSI = 1;

/** The device multiplies about a million numbers a millisecond: what only large n make visible. */
const FACTORS_PER_MS = 1_000_000;

class Edu implements Model, Registers {
  readonly bus = 'pci';
  readonly regions: readonly RegionModel[] = [{ kind: 'registers', size: BAR_SIZE, access: 'rw', registers: this }];
  readonly irqs = [
    { kind: 'intx', count: 1 },
    { kind: 'msi', count: 1 },
    { kind: 'msi', count: 0 },
    undefined,
    { kind: 'notice', count: 1 },
  ] as const;
  readonly config = new PciConfig({
    vendor: 0x1234,
    device: 0x11e8,
    revision: 0x10,
    classCode: 0x00ff00,
    subsystemVendor: 0x1af4,
    subsystem: 0x1100,
    interruptPin: 1,
    bars: [{ size: BAR_SIZE, address: 0xfea00000 }],
    capabilities: [msiCapability(0x40, 0)],
    size: 256,
    spareWritable: true,
  });

  readonly #host: Host;
  readonly #buffer = new Uint8Array(Number(BUFFER_SIZE));
  #live = 0n;
  #factorial = 0n;
  #status = 0n;
  #irqStatus = 0n;
  #dma = { source: 0n, destination: 0n, count: 0n, command: 0n };

  constructor(host: Host) {
    this.#host = host;
  }

  read(offset: number, size: AccessSize): bigint {
    if (size < 4) return 0n;
    const ones = ALL_ONES >> BigInt(64 - 8 * size);
    if (offset < 0x80 && size !== 4) return ones;
    return this.#register(offset, ones) & ones;
  }

  #register(offset: number, ones: bigint): bigint {
    switch (offset) {
      case 0x00:
        return ID;
      case 0x04:
        return this.#live;
      case 0x08:
        return this.#factorial;
      case 0x20:
        return this.#status;
      case 0x24:
        return this.#irqStatus;
      case 0x80:
        return this.#dma.source;
      case 0x88:
        return this.#dma.destination;
      case 0x90:
        return this.#dma.count;
      case 0x98:
        return this.#dma.command;
      default:
        return ones;
    }
  }

  write(offset: number, size: AccessSize, value: bigint): void {
    if (size < 4 || (offset < 0x80 && size !== 4)) return;
    switch (offset) {
      case 0x04:
        this.#live = ~value & WORD;
        break;
      case 0x08:
        if ((this.#status & STATUS_COMPUTING) === 0n) this.#compute(Number(value));
        break;
      case 0x20:
        this.#status = (this.#status & STATUS_COMPUTING) | (value & STATUS_IRQ_FACTORIAL);
        break;
      case 0x60:
        this.#raise(value);
        break;
      case 0x64:
        this.#irqStatus &= ~value;
        if (this.#irqStatus === 0n) this.#host.setLevel(INTX, false);
        break;
      case 0x80:
      case 0x88:
      case 0x90:
      case 0x98:
        if ((this.#dma.command & DMA_RUN) === 0n) this.#configureDma(offset, value);
        break;
      default:
    }
  }

  #raise(bits: bigint): void {
    this.#irqStatus |= bits;
    if (this.#irqStatus === 0n) return;
    if (this.#host.enabled(MSI)) this.#host.signal(MSI, 0);
    else this.#host.setLevel(INTX, true);
  }

  #compute(n: number): void {
    this.#factorial = BigInt(n);
    this.#status |= STATUS_COMPUTING;
    this.#host.setTimer(Math.floor(n / FACTORS_PER_MS), () => {
      this.#factorial = BigInt(factorial(n));
      this.#status &= ~STATUS_COMPUTING;
      if ((this.#status & STATUS_IRQ_FACTORIAL) !== 0n) this.#raise(IRQ_FACTORIAL);
    });
  }

  #configureDma(offset: number, value: bigint): void {
    if (offset === 0x80) this.#dma.source = value;
    else if (offset === 0x88) this.#dma.destination = value;
    else if (offset === 0x90) this.#dma.count = value;
    else if ((value & DMA_RUN) !== 0n) {
      this.#dma.command = value;
      this.#host.setTimer(DMA_DELAY_MS, () => {
        void this.#transfer();
      });
    }
  }

  async #transfer(): Promise<void> {
    const { source, destination, count, command } = this.#dma;
    const toMemory = (command & DMA_TO_MEMORY) !== 0n;
    const inside = (toMemory ? source : destination) - BUFFER_ADDRESS;
    if (inside >= 0n && inside + count <= BUFFER_SIZE) {
      const part = this.#buffer.subarray(Number(inside), Number(inside + count));
      if (toMemory) await this.#toMemory(destination & DMA_MASK, part);
      else await this.#fromMemory(source & DMA_MASK, part);
    }
    this.#dma.command &= ~DMA_RUN;
    if ((command & DMA_IRQ) !== 0n) this.#raise(IRQ_DMA);
  }

  async #toMemory(iova: bigint, part: Uint8Array): Promise<void> {
    try {
      await this.#host.dmaWrite(iova, part.slice());
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  async #fromMemory(iova: bigint, part: Uint8Array): Promise<void> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#host.dmaRead(iova, part.length);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // What the IOMMU refuses reads as zeros, and the device does not notice.
      bytes = new Uint8Array(part.length);
    }
    part.set(bytes);
  }
}

/** n! modulo 2^32; 0 from 34 on, where 2^32 divides it. */
function factorial(n: number): number {
  if (n >= 34) return 0;
  let product = 1;
  for (let i = 2; i <= n; i++) product = Math.imul(product, i);
  return product >>> 0;
}

export const createModel: ModelFactory = (host) => new Edu(host);
