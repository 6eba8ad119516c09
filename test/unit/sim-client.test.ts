import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { startSimulator, type Simulator } from '../../src/vfio/sim/host.js';
import * as libc from '../../src/vfio/sys/libc.js';
import { VfioUserTransport } from '../../src/vfio/transport/vfio-user.js';
import { gone, held } from './sim-wire.js';

const INTX = 0;
const MSI = 1;
const MSIX = 2;
const CONFIG = 7;
const PAGE = 4096;

/** A simulated device through the real client. */
class Bench {
  readonly simulator: Simulator;
  readonly transport: VfioUserTransport;
  #fds: number[] = [];

  constructor(model: string) {
    this.simulator = startSimulator(model);
    this.simulator.awaitService();
    this.transport = VfioUserTransport.fromFd(this.simulator.fd, `sim:${model}`);
  }

  read(region: number, offset: number, bytes = 4): bigint {
    const into = Buffer.alloc(8);
    this.transport.read(this.transport.regionInfo(region), offset, into.subarray(0, bytes));
    return into.readBigUInt64LE();
  }

  write(region: number, offset: number, value: bigint, bytes = 4): void {
    const from = Buffer.alloc(8);
    from.writeBigUInt64LE(value);
    this.transport.write(this.transport.regionInfo(region), offset, from.subarray(0, bytes));
  }

  /** Lets the device master the bus: MSI and DMA need it. */
  master(): void {
    this.write(CONFIG, 4, 6n, 2);
  }

  eventfd(): number {
    const fd = libc.eventfd().value;
    this.#fds.push(fd);
    return fd;
  }

  arm(index: number, count = 1): number[] {
    const fds = Array.from({ length: count }, () => this.eventfd());
    this.transport.setIrqs(index, 'trigger', 0, count, { type: 'eventfds', fds });
    return fds;
  }

  unmask(index: number): void {
    this.transport.setIrqs(index, 'unmask', 0, 1, { type: 'none' });
  }

  async close(): Promise<void> {
    this.transport.close();
    for (const fd of this.#fds) libc.close(fd);
    await gone(this.simulator);
  }
}

let bench: Bench;

function open(model: string): void {
  beforeEach(() => {
    bench = new Bench(model);
  });
  afterEach(() => bench.close());
}

/** What is open: the kind of file behind every descriptor, in order. */
function openFiles(): string[] {
  const kind = (fd: string): string => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[\d+\]$/, '');
    } catch {
      // The descriptor by which the list was made.
      return '';
    }
  };
  return readdirSync('/proc/self/fd')
    .map(kind)
    .filter((file) => file !== '')
    .toSorted();
}

suite('edu', () => {
  open('edu');

  test('INTx fires once, stays masked while asserted, fires again when unmasked, is silent once acknowledged', () => {
    const [irq = -1] = bench.arm(INTX);
    bench.write(0, 0x60, 1n);
    assert.equal(libc.eventfdTake(irq), 1n);
    assert.equal(bench.read(CONFIG, 6, 2), 0x18n, 'the status register shows the line');
    bench.write(0, 0x60, 2n);
    assert.equal(libc.eventfdTake(irq), 0n);
    bench.unmask(INTX);
    assert.equal(libc.eventfdTake(irq), 1n);
    bench.write(0, 0x64, 3n);
    bench.unmask(INTX);
    assert.equal(libc.eventfdTake(irq), 0n);
    assert.equal(bench.read(CONFIG, 6, 2), 0x10n);
  });

  test('INTx that was asserted before it was enabled fires when it is; software triggers do not mask it', () => {
    bench.write(0, 0x60, 1n);
    const [irq = -1] = bench.arm(INTX);
    assert.equal(libc.eventfdTake(irq), 1n);
    bench.write(0, 0x64, 1n);
    bench.unmask(INTX);
    bench.transport.setIrqs(INTX, 'trigger', 0, 1, { type: 'none' });
    bench.write(0, 0x60, 1n);
    assert.equal(libc.eventfdTake(irq), 2n);
  });

  test('INTx waits while the command register disables it, and while it is masked', () => {
    const [irq = -1] = bench.arm(INTX);
    bench.write(CONFIG, 4, 0x0402n, 2);
    bench.write(0, 0x60, 1n);
    assert.equal(libc.eventfdTake(irq), 0n);
    bench.write(CONFIG, 4, 0x0002n, 2);
    assert.equal(libc.eventfdTake(irq), 1n);
    bench.write(0, 0x64, 1n);
    bench.transport.setIrqs(INTX, 'mask', 0, 1, { type: 'none' });
    bench.write(0, 0x60, 1n);
    assert.equal(libc.eventfdTake(irq), 0n);
  });

  test('an eventfd for unmasking re-arms INTx as an unmask does', () => {
    const [irq = -1] = bench.arm(INTX);
    const resample = bench.eventfd();
    bench.transport.setIrqs(INTX, 'unmask', 0, 1, { type: 'eventfds', fds: [resample] });
    bench.write(0, 0x60, 1n);
    assert.equal(libc.eventfdTake(irq), 1n);
    libc.eventfdAdd(resample);
    assert.equal(libc.poll(irq, libc.POLLIN, 5000).value, libc.POLLIN);
    assert.equal(libc.eventfdTake(irq), 1n);
  });

  test('MSI is one message for each raise, and is lost without bus mastering', () => {
    const [irq = -1] = bench.arm(MSI);
    bench.write(0, 0x60, 1n);
    assert.equal(libc.eventfdTake(irq), 0n);
    bench.master();
    bench.write(0, 0x60, 1n);
    bench.write(0, 0x60, 1n);
    assert.equal(libc.eventfdTake(irq), 2n);
  });

  test('DMA reads and writes the client’s memory', () => {
    bench.master();
    const memory = libc.memfd('dma', 2 * PAGE).value;
    const address = libc.mmap(2 * PAGE, libc.PROT_READ | libc.PROT_WRITE, libc.MAP_SHARED, memory, 0).value;
    const bytes = Buffer.from(libc.memoryAt(address, 2 * PAGE));
    bytes.write('the quick brown fox', 100);
    bench.transport.dmaMap({
      iova: 0x100000n,
      size: 2 * PAGE,
      readable: true,
      writable: true,
      address,
      fd: memory,
      fdOffset: 0,
    });
    const move = (source: bigint, destination: bigint, command: bigint): void => {
      bench.write(0, 0x80, source, 8);
      bench.write(0, 0x88, destination, 8);
      bench.write(0, 0x90, 19n, 8);
      bench.write(0, 0x98, command, 8);
      while ((bench.read(0, 0x98, 8) & 1n) !== 0n);
    };
    move(0x100000n + 100n, 0x40000n, 1n);
    move(0x40000n, 0x100000n + BigInt(PAGE) - 10n, 3n);
    assert.equal(bytes.toString('latin1', PAGE - 10, PAGE + 9), 'the quick brown fox');
    bench.transport.dmaUnmap(0x100000n, 2 * PAGE);
    bytes.fill(0);
    move(0x40000n, 0x100000n, 3n);
    assert.ok(
      bytes.every((byte) => byte === 0),
      'nothing arrives once it is unmapped',
    );
    libc.munmap(address, 2 * PAGE);
    libc.close(memory);
  });
});

suite('pl031', () => {
  open('pl031');

  test('the alarm fires once, stays masked while asserted, fires again when unmasked, is silent once cleared', () => {
    const [irq = -1] = bench.arm(0);
    bench.write(0, 0x10, 1n);
    bench.write(0, 0x04, bench.read(0, 0x00));
    // The second may have passed between the two: then the alarm is 2^32 seconds away, and loading the count makes up for it.
    bench.write(0, 0x08, bench.read(0, 0x04));
    assert.equal(libc.eventfdTake(irq), 1n);
    bench.unmask(0);
    assert.equal(libc.eventfdTake(irq), 1n);
    assert.equal(bench.read(0, 0x18), 1n);
    bench.write(0, 0x1c, 1n);
    bench.unmask(0);
    assert.equal(libc.eventfdTake(irq), 0n);
  });

  // Seen on vfio-amba: its software trigger runs the same handler as the line.
  test('a software trigger masks the line as the device would', () => {
    const [irq = -1] = bench.arm(0);
    const trigger = (): void => bench.transport.setIrqs(0, 'trigger', 0, 1, { type: 'none' });
    trigger();
    assert.equal(libc.eventfdTake(irq), 1n);
    trigger();
    assert.equal(libc.eventfdTake(irq), 0n);
    bench.unmask(0);
    trigger();
    assert.equal(libc.eventfdTake(irq), 1n);
  });

  test('transfers are accesses of 4 bytes at most, as vfio-platform makes them', () => {
    assert.equal(bench.read(0, 0xfe0, 8), 0x1000000031n);
    bench.write(0, 0x04, 0x1_0000_0007n, 8);
    assert.equal(bench.read(0, 0x04), 7n);
  });
});

suite('sram', () => {
  open('sram');

  test('a burst of 100,000 doorbell interrupts arrives in full, while the device goes on answering', () => {
    bench.master();
    const irqs = bench.arm(MSIX, 32);
    bench.write(1, 0x104, 100_000n);
    bench.write(1, 0x108, 32n);
    bench.write(1, 0x100, 0n);
    while (bench.read(1, 0x110) !== 0n);
    assert.deepEqual(
      irqs.map((irq) => libc.eventfdTake(irq)),
      Array<bigint>(32).fill(3125n),
    );
  });

  test('MSI-X grows no vectors once it is on, and gives way to MSI when it is off', () => {
    const [irq = -1] = bench.arm(MSIX, 2);
    const more = bench.eventfd();
    assert.throws(() => bench.transport.setIrqs(MSIX, 'trigger', 2, 1, { type: 'eventfds', fds: [more] }), /EINVAL/);
    assert.throws(() => bench.transport.setIrqs(MSI, 'trigger', 0, 1, { type: 'eventfds', fds: [more] }), /EINVAL/);
    assert.equal(bench.read(CONFIG, 0x6a, 2), 0x801fn, 'config shows MSI-X enabled');
    bench.transport.setIrqs(MSIX, 'trigger', 0, 0, { type: 'none' });
    assert.equal(bench.read(CONFIG, 0x6a, 2), 0x001fn);
    bench.transport.setIrqs(MSI, 'trigger', 0, 1, { type: 'eventfds', fds: [more] });
    bench.master();
    bench.write(1, 0x100, 0n);
    assert.equal(libc.eventfdTake(more), 1n);
    assert.equal(libc.eventfdTake(irq), 0n);
  });

  test('region0 is the same memory by mapping and by message', () => {
    const info = bench.transport.regionInfo(0);
    const fd = bench.transport.mappingFd(info);
    assert.ok(fd !== undefined);
    const address = libc.mmap(info.size, libc.PROT_READ | libc.PROT_WRITE, libc.MAP_SHARED, fd, 0).value;
    const bytes = Buffer.from(libc.memoryAt(address, info.size));
    assert.equal(bytes.toString('latin1', 0, 6), 'SRAMFW');
    bytes.writeUInt32LE(0x12345678, 0xfffc);
    assert.equal(bench.read(0, 0xfffc), 0x12345678n);
    bench.write(0, 0x8000, 0xabn, 1);
    assert.equal(bytes[0x8000], 0xab);
    libc.munmap(address, info.size);
  });

  test('the MSI-X table is hidden, and the memory around it is not', () => {
    bench.write(2, 0x0ffc, 0x11111111n);
    bench.write(2, 0x1000, 0x22222222n);
    bench.write(2, 0x2000, 0x33333333n);
    assert.equal(bench.read(2, 0x0ffc, 8), 0xffffffff_11111111n);
    assert.equal(bench.read(2, 0x1800), 0n);
    assert.equal(bench.read(2, 0x1ffc, 8), 0x33333333_00000000n);
  });

  test('reset restores registers and keeps memory, config space and enabled interrupts', () => {
    bench.master();
    const [irq = -1] = bench.arm(MSIX);
    bench.write(0, 0x100, 7n);
    bench.write(1, 0x08, 7n);
    bench.transport.reset();
    assert.equal(bench.read(0, 0x100), 7n);
    assert.equal(bench.read(1, 0x08), 0n);
    bench.write(1, 0x100, 0n);
    assert.equal(libc.eventfdTake(irq), 1n);
  });
});

test('stop pulls the device out: the client is told, and everything is released', async () => {
  const before = openFiles();
  const pulled = new Bench('sram');
  pulled.arm(MSIX, 32);
  const lost = new Promise<string>((resolve) => {
    pulled.transport.onLost(({ kind }) => resolve(kind));
  });
  pulled.simulator.stop();
  await gone(pulled.simulator);
  assert.equal(await held(lost), 'lost');
  await pulled.close();
  assert.deepEqual(openFiles(), before);
});

test('simulators come and go without a descriptor left behind', async () => {
  const once = async (model: string): Promise<void> => {
    const one = new Bench(model);
    if (model === 'sram') one.arm(MSIX, 32);
    one.transport.regionInfo(0);
    await one.close();
  };
  await once('sram');
  const before = openFiles();
  for (let i = 0; i < 3; i++) await Promise.all(['sram', 'edu', 'pl031'].map(once));
  assert.deepEqual(openFiles(), before);
});
