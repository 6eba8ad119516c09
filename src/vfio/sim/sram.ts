import { PCI_CAP_ID_EXP, PCI_CAP_ID_PM } from '../abi/pci.js';
import { firmwareImage } from './firmware.js';
import type { AccessSize, Host, Model, ModelFactory, RegionModel, Registers } from './model.js';
import { PciConfig, msiCapability, msixCapability, type Capability } from './pci-config.js';
import { RegisterBank } from './register-bank.js';
import { HOLE, WATCH, sramRegisters } from './sram-registers.js';

/**
 * sram, a device of this project's own to try everything on: PCI Express, 1234:11e9, class 05 (RAM), 4 MSI and 32 MSI-X vectors, function-level reset.
 *
 *   region0  64 KiB of memory, mapped; the firmware of firmware.ts at 0 at power-on
 *   region1  4 KiB of registers (sram-registers.ts), taken at 1, 2, 4 and 8 bytes with byte enables:
 *            0x000 .. 0x05f  a register of every access class; CTRL has fields; R8, R16, R32, R64 take their own width only; FIFO holds 16 words,
 *                            reading pops; writing EVENT sets bits of W1C and RC
 *            0x060 .. 0x07f  LAST_READ, LAST_WRITE (offset in bits 15:0, bytes in bits 23:16) and READS, WRITES tell what accesses arrived in
 *                            region1, those of this line excepted; SINK_LAST, SINK_COUNT tell what was written to region4
 *            0x100 DOORBELL  writing N sends interrupt N BURST times, by MSI-X or by MSI, whichever is enabled; with SPREAD they go round N .. N+SPREAD-1;
 *                            RATE interrupts a second, 0 for as fast as can be; LEFT are still to come, SENT have gone since power-on
 *            0x200 .. 0x2ff  nothing: accesses fault
 *   region2  16 KiB: memory, but for the page at 0x1000, which has the MSI-X table and (at 0x1800) its pending bits and cannot be mapped
 *   region3  4 KiB, read-only: the firmware as shipped
 *   region4  4 KiB, write-only: a sink
 */

const MEMORY_SIZE = 0x10000;
const PAGE = 0x1000;
const TABLE_SIZE = 0x4000;
const VECTORS = 32;
const MSI_LOG2_VECTORS = 2;
const FIFO_DEPTH = 16;
const MSI = 1;
const MSIX = 2;

/** Interrupts sent between two looks at the socket, so that the device stays responsive in a burst. */
const CHUNK = 512;

const powerManagement: Capability = { offset: 0x40, id: PCI_CAP_ID_PM, body: [0x03, 0x00, 0x08, 0x00, 0, 0] };

/** PCI Express endpoint, version 2: function-level reset, payload up to 256 bytes, link 8 GT/s x4. Source: PCI Express Base 3.0, 7.8. */
function expressCapability(offset: number): Capability {
  const body = Buffer.alloc(58);
  body.writeUInt16LE(0x0002, 0);
  body.writeUInt32LE(0x10008001, 2);
  body.writeUInt16LE(0x2810, 6);
  body.writeUInt32LE(0x00000043, 10);
  body.writeUInt16LE(0x1043, 16);
  body.writeUInt32LE(0x0000000e, 42);
  body.writeUInt16LE(0x0003, 46);
  const writable = Array<number>(8).fill(0);
  writable[6] = 0xff;
  writable[7] = 0x7f;
  return { offset, id: PCI_CAP_ID_EXP, body: [...body], writable };
}

/** Advanced Error Reporting with the severities and masks that the specification gives at power-on (7.10). */
function errorReporting(): number[] {
  const body = Buffer.alloc(0x44);
  body.writeUInt32LE(0x00462030, 8);
  body.writeUInt32LE(0x00002000, 16);
  return [...body];
}

const serialNumber = [0x01, 0x00, 0x00, 0xff, 0xfe, 0x11, 0x34, 0x12];

const capabilities: readonly Capability[] = [
  powerManagement,
  msiCapability(0x50, MSI_LOG2_VECTORS),
  msixCapability(0x68, VECTORS, 2, PAGE, PAGE + 0x800),
  expressCapability(0x80),
  { offset: 0x100, id: 0x0001, body: errorReporting(), extended: { version: 2 } },
  { offset: 0x148, id: 0x0003, body: serialNumber, extended: { version: 1 } },
];

/** Interrupts that a doorbell write still owes. */
interface Burst {
  readonly vector: number;
  readonly spread: number;
  readonly rate: number;
  readonly total: number;
  readonly begun: number;
  sent: number;
}

class Sram implements Model {
  readonly bus = 'pci';
  readonly irqs = [
    { kind: 'intx', count: 0 },
    { kind: 'msi', count: 1 << MSI_LOG2_VECTORS },
    { kind: 'msi', count: VECTORS },
    { kind: 'notice', count: 1 },
    { kind: 'notice', count: 1 },
  ] as const;
  readonly config = new PciConfig({
    vendor: 0x1234,
    device: 0x11e9,
    revision: 0x01,
    classCode: 0x050000,
    subsystemVendor: 0x1234,
    subsystem: 0x0001,
    interruptPin: 0,
    bars: [
      { size: MEMORY_SIZE, address: 0xfd000000, prefetchable: true },
      { size: PAGE, address: 0xfebf0000 },
      { size: TABLE_SIZE, address: 0xfebf4000 },
      { size: PAGE, address: 0xfebf1000 },
      { size: PAGE, address: 0xfebf2000 },
    ],
    capabilities,
    size: 4096,
  });
  readonly regions: readonly (RegionModel | undefined)[];

  readonly #host: Host;
  readonly #bank: RegisterBank;
  #fifo: bigint[] = [];
  #bursts: Burst[] = [];

  constructor(host: Host) {
    this.#host = host;
    const firmware = firmwareImage();
    this.#bank = this.#registers();
    this.regions = [
      { kind: 'memory', size: MEMORY_SIZE, contents: firmware },
      { kind: 'registers', size: PAGE, access: 'rw', registers: this.#watched() },
      {
        kind: 'memory',
        size: TABLE_SIZE,
        contents: new Uint8Array(0),
        sparse: {
          areas: [
            { offset: 0, size: PAGE },
            { offset: 2 * PAGE, size: TABLE_SIZE - 2 * PAGE },
          ],
          trapped: msixPage,
        },
      },
      { kind: 'registers', size: PAGE, access: 'ro', registers: readOnlyMemory(firmware) },
      { kind: 'registers', size: PAGE, access: 'wo', registers: this.#sink() },
      undefined,
      undefined,
    ];
  }

  reset(): void {
    this.#bank.reset();
    this.#fifo = [];
    this.#bursts = [];
  }

  #registers(): RegisterBank {
    return new RegisterBank(
      sramRegisters,
      {
        FIFO: {
          read: (_, mask) => (this.#fifo.shift() ?? 0n) & mask,
          write: (word) => {
            if (this.#fifo.length < FIFO_DEPTH) this.#fifo.push(word);
          },
        },
        FIFO_LEVEL: { read: () => BigInt(this.#fifo.length) },
        EVENT: {
          write: (events) => {
            for (const name of ['W1C', 'RC']) this.#bank.set(name, this.#bank.get(name) | events);
          },
        },
        DOORBELL: { write: (vector) => this.#ring(Number(vector)) },
        LEFT: { read: () => BigInt(this.#bursts.reduce((left, burst) => left + burst.total - burst.sent, 0)) },
      },
      { holes: [HOLE] },
    );
  }

  /** Region1: the bank, with a record of what arrived. */
  #watched(): Registers {
    const note = (last: string, counter: string, offset: number, size: AccessSize): void => {
      if (offset >= WATCH.offset && offset < WATCH.offset + WATCH.size) return;
      this.#bank.set(last, BigInt(offset | (size << 16)));
      this.#bank.set(counter, this.#bank.get(counter) + 1n);
    };
    return {
      read: (offset, size) => {
        note('LAST_READ', 'READS', offset, size);
        return this.#bank.read(offset, size);
      },
      write: (offset, size, value) => {
        note('LAST_WRITE', 'WRITES', offset, size);
        this.#bank.write(offset, size, value);
      },
    };
  }

  #sink(): Registers {
    return {
      read: () => 0n,
      write: (_offset, _size, value) => {
        this.#bank.set('SINK_LAST', value);
        this.#bank.set('SINK_COUNT', this.#bank.get('SINK_COUNT') + 1n);
      },
    };
  }

  #ring(vector: number): void {
    if (vector >= VECTORS) return;
    const value = (name: string): number => Number(this.#bank.get(name));
    const running = this.#bursts.length > 0;
    this.#bursts.push({
      vector,
      spread: Math.min(Math.max(1, value('SPREAD')), VECTORS),
      rate: value('RATE'),
      total: value('BURST'),
      begun: this.#host.now(),
      sent: 0,
    });
    if (!running) this.#pump();
  }

  /** Sends what is due, then comes back for the rest. */
  #pump(): void {
    let budget = CHUNK;
    for (let burst = this.#bursts[0]; burst !== undefined && budget > 0; burst = this.#bursts[0]) {
      const elapsed = Math.max(0, this.#host.now() - burst.begun);
      const due = burst.rate === 0 ? burst.total : Math.min(burst.total, Math.floor((elapsed * burst.rate) / 1000) + 1);
      const end = Math.min(due, burst.sent + budget);
      budget -= end - burst.sent;
      for (; burst.sent < end; burst.sent++) this.#send((burst.vector + (burst.sent % burst.spread)) % VECTORS);
      if (burst.sent < burst.total) {
        const wait = burst.rate === 0 ? 0 : (burst.sent * 1000) / burst.rate - elapsed;
        this.#host.setTimer(Math.max(0, Math.ceil(wait)), () => this.#pump());
        return;
      }
      this.#bursts.shift();
    }
    if (this.#bursts.length > 0) this.#host.setTimer(0, () => this.#pump());
  }

  #send(vector: number): void {
    this.#bank.set('SENT', this.#bank.get('SENT') + 1n);
    this.#host.signal(this.#host.enabled(MSI) ? MSI : MSIX, vector);
  }
}

/** The page of the MSI-X table. vfio-pci hides the table: it reads as all ones and drops writes. No interrupt is ever pending. */
const msixPage: Registers = {
  read: (offset, size) => (offset < PAGE + VECTORS * 16 ? (1n << BigInt(8 * size)) - 1n : 0n),
  write: () => undefined,
};

function readOnlyMemory(bytes: Uint8Array): Registers {
  return {
    read: (offset, size) => {
      let value = 0n;
      for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i] ?? 0);
      return value;
    },
    write: () => undefined,
  };
}

export const createModel: ModelFactory = (host) => new Sram(host);
