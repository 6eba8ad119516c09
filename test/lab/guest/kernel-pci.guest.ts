import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { openKernelDevice } from '../../../src/vfio/bus/open.js';
import type { FailureDetails } from '../../../src/vfio/errors.js';
import { accessEngine } from '../../../src/vfio/sys/access-engine.js';
import {
  eventfd,
  eventfdTake,
  MAP_ANONYMOUS,
  MAP_SHARED,
  close as closeFd,
  mmap,
  munmap,
  PROT_READ,
  PROT_WRITE,
} from '../../../src/vfio/sys/libc.js';
import type { DmaMapping, Transport } from '../../../src/vfio/transport/transport.js';
import { bindToVfio, findPci } from './bind.js';
import { mark } from './mark.js';
import { vfioFds } from './open-fds.js';
import { refused } from './refused.js';

const CONFIG = 7;
const INTX = 0;
const MSIX = 2;

function readConfig(transport: Transport, offset: number, bytes: number): number {
  const into = Buffer.alloc(bytes);
  transport.read(transport.regionInfo(CONFIG), offset, into);
  return into.readUIntLE(0, bytes);
}

function writeConfig(transport: Transport, offset: number, value: number, bytes: number): void {
  const from = Buffer.alloc(bytes);
  from.writeUIntLE(value, 0, bytes);
  transport.write(transport.regionInfo(CONFIG), offset, from);
}

/** Shared anonymous memory, as a DMA buffer has it. */
function memory(size: number): { address: number; free: () => void } {
  const { value: address, errno } = mmap(size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert.equal(errno, 0);
  return { address, free: () => munmap(address, size) };
}

for (const via of ['group', 'cdev'] as const) {
  describe(`edu by ${via}`, () => {
    const [address = ''] = findPci(0x1234, 0x11e8);
    let edu: Transport;
    before(() => {
      bindToVfio('pci', address);
      edu = openKernelDevice(address, { via });
    });
    after(() => {
      edu.close();
      assert.deepEqual(vfioFds(), [], 'close closes all of it');
    });

    it('tells what it is', () => {
      assert.equal(edu.via, via);
      assert.equal(edu.name, address);
      assert.deepEqual(edu.warnings, []);
      assert.equal(edu.info.bus, 'pci');
      assert.equal(edu.info.regionCount, 9);
      assert.equal(edu.info.irqCount, 5);
      const bar0 = edu.regionInfo(0);
      assert.equal(bar0.size, 0x100000);
      assert.ok(bar0.readable && bar0.writable && bar0.mappable);
      assert.equal(edu.regionInfo(1).size, 0);
      assert.equal(edu.regionInfo(8).size, 0, 'no VGA region: the kernel answers EINVAL, this says 0 bytes');
      assert.equal(edu.irqInfo(INTX).count, 1);
      assert.ok(edu.irqInfo(INTX).automasked);
      assert.equal(edu.irqInfo(1).count, 1, 'one MSI vector');
      assert.equal(edu.irqInfo(3).count, 0, 'no AER on a conventional PCI device');
      assert.equal(edu.irqInfo(4).count, 1, 'the REQ interrupt');
      assert.throws(() => edu.regionInfo(9), refused('absent', /there is no index 9/));
    });

    it('is inert after opening: no bus mastering, no MSI', () => {
      assert.equal(readConfig(edu, 4, 2) & 4, 0);
      assert.equal(readConfig(edu, 0, 4), 0x11e81234);
    });

    it('moves each aligned width in one access by pread and pwrite', () => {
      const bar0 = edu.regionInfo(0);
      const word = Buffer.alloc(4);
      mark(`${via} file begin`);
      edu.read(bar0, 0, word);
      const identification = word.readUInt32LE();
      word.writeUInt32LE(0x12345678);
      edu.write(bar0, 4, word);
      edu.read(bar0, 4, word);
      edu.read(bar0, 0x80, Buffer.alloc(8));
      mark(`${via} file end`);
      assert.equal(identification, 0x010000ed);
      assert.equal(word.readUInt32LE(), ~0x12345678 >>> 0, 'the liveness register answers with the complement');
      assert.equal(edu.splits(bar0, 0x80, 8), undefined, 'this kernel moves 8 bytes at once, which the trace proves');
      assert.match(edu.splits(bar0, 0x84, 8) ?? '', /aligned/);
      assert.match(edu.splits(edu.regionInfo(CONFIG), 0, 8) ?? '', /config/);
    });

    it('is reached through a mapping', () => {
      const bar0 = edu.regionInfo(0);
      const fd = edu.mappingFd(bar0);
      assert.notEqual(fd, undefined);
      const { value: at, errno } = mmap(0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, fd ?? -1, bar0.fileOffset);
      assert.equal(errno, 0);
      const engine = accessEngine();
      assert.ok(!('unavailable' in engine));
      assert.equal(engine.engine.read32(at), 0x010000ed);
      munmap(at, 0x1000);
    });

    it('signals an eventfd when INTx is triggered by software, and no more once torn down', () => {
      const { value: fd } = eventfd();
      assert.throws(
        () => edu.setIrqs(INTX, 'trigger', 0, 1, { type: 'none' }),
        refused('unsupported', /interrupt 0/),
        'not enabled yet',
      );
      edu.setIrqs(INTX, 'trigger', 0, 1, { type: 'eventfds', fds: [fd] });
      edu.setIrqs(INTX, 'trigger', 0, 1, { type: 'none' });
      edu.setIrqs(INTX, 'trigger', 0, 1, { type: 'bool', values: [true] });
      assert.equal(eventfdTake(fd), 2n);
      edu.setIrqs(INTX, 'mask', 0, 1, { type: 'none' });
      edu.setIrqs(INTX, 'unmask', 0, 1, { type: 'none' });
      assert.throws(
        () => edu.setIrqs(1, 'trigger', 0, 1, { type: 'eventfds', fds: [fd] }),
        refused('unsupported', /another kind is on/),
        'MSI while INTx is on',
      );
      edu.setIrqs(INTX, 'trigger', 0, 0, { type: 'none' });
      assert.equal(eventfdTake(fd), 0n);
      closeFd(fd);
    });

    it('maps memory for DMA, tells limits, and explains what cannot be mapped', () => {
      const limits = edu.dmaLimits();
      assert.ok(limits.ranges.length > 0);
      assert.equal(limits.pageSizes & 0x1000n, 0x1000n);
      assert.equal(limits.entriesLeft, via === 'group' ? 65535 : undefined);
      // x86 keeps a hole in the IOVA space for its interrupt messages, 0xfee00000..0xfeefffff.
      assert.ok(!limits.ranges.some(({ first, last }) => first <= 0xfee00000n && last >= 0xfee00000n));
      const size = 0x10000;
      const { address: at, free } = memory(size);
      const mapping: DmaMapping = {
        iova: 0x100000n,
        size,
        readable: true,
        writable: true,
        address: at,
        fd: -1,
        fdOffset: 0,
      };
      edu.dmaMap(mapping);
      if (via === 'group') assert.equal(edu.dmaLimits().entriesLeft, 65534);
      assert.throws(() => edu.dmaMap(mapping), refused('limit', /overlap/));
      assert.throws(() => edu.dmaMap({ ...mapping, iova: 0x200800n }), refused('limit', /aligned/));
      assert.throws(() => edu.dmaMap({ ...mapping, iova: 0xfee00000n }), refused('limit', /IOVA 0xfee00000/));
      assert.throws(() => edu.dmaUnmap(0x100000n, 0x1000), refused('absent', /no mapping/));
      edu.dmaUnmap(0x100000n, size);
      assert.throws(() => edu.dmaUnmap(0x100000n, size), refused('absent', /no mapping/));
      free();
    });

    it('answers EIO and not a number while memory decode is off', () => {
      const bar0 = edu.regionInfo(0);
      const command = readConfig(edu, 4, 2);
      writeConfig(edu, 4, command & ~2, 2);
      assert.throws(() => edu.read(bar0, 0, Buffer.alloc(4)), refused('access', /EIO: .*memory decode is off/));
      writeConfig(edu, 4, command | 2, 2);
      const word = Buffer.alloc(4);
      edu.read(bar0, 0, word);
      assert.equal(word.readUInt32LE(), 0x010000ed);
    });

    it('is reset where VFIO says it can be', () => {
      if (edu.info.resettable) edu.reset();
      else assert.throws(() => edu.reset(), refused('unsupported', /no reset/));
    });

    it('refuses a second user and names the first', () => {
      assert.throws(() => openKernelDevice(address, { via }), refused('busy', /this session itself/));
      const other = via === 'group' ? 'cdev' : 'group';
      assert.throws(() => openKernelDevice(address, { via: other }), refused('busy', /this session itself/));
      assert.equal(readConfig(edu, 0, 2), 0x1234, 'the first goes on');
    });
  });

  describe(`e1000e by ${via}`, () => {
    const [address = ''] = findPci(0x8086, 0x10d3);

    it('has MSI-X vectors that software can trigger, and an I/O port region', () => {
      bindToVfio('pci', address);
      const nic = openKernelDevice(address, { via });
      const { count } = nic.irqInfo(MSIX);
      assert.equal(count, 5);
      assert.ok(nic.irqInfo(MSIX).eventfd);
      assert.equal(nic.irqInfo(3).count, 1, 'a PCI Express device has the ERR interrupt');
      const fds = Array.from({ length: count }, () => eventfd().value);
      nic.setIrqs(MSIX, 'trigger', 0, count, { type: 'eventfds', fds });
      nic.setIrqs(MSIX, 'trigger', 1, 3, { type: 'bool', values: [true, false, true] });
      assert.deepEqual(fds.map(eventfdTake), [0n, 1n, 0n, 1n, 0n]);
      nic.setIrqs(MSIX, 'trigger', 0, 0, { type: 'none' });
      fds.forEach(closeFd);
      const table = nic.regionInfo(3);
      assert.ok(table.mappable && (table.msixMappable || table.sparse !== undefined));
      const table0 = Buffer.alloc(4);
      assert.throws(() => nic.read(table, 0, table0), refused('access', /hides the MSI-X table/));
      assert.throws(() => nic.write(table, 5 * 16 - 4, table0), refused('access', /hides the MSI-X table/));
      nic.read(table, 5 * 16, table0);
      assert.equal(nic.regionInfo(2).size, 32);
      assert.equal(nic.regionInfo(2).mappable, false);
      assert.match(nic.splits(nic.regionInfo(2), 0, 8) ?? '', /I\/O port/);
      assert.ok(nic.info.resettable, 'e1000e has a function-level reset');
      nic.reset();
      assert.equal(readConfig(nic, 0, 4), 0x10d38086);
      nic.close();
      nic.close();
      assert.throws(() => nic.regionInfo(0), refused('lost', /closed/));
      assert.deepEqual(vfioFds(), []);
    });

    it('is given back when it is unplugged while open', async () => {
      bindToVfio('pci', address);
      const nic = openKernelDevice(address, { via });
      const lost = new Promise<FailureDetails>((tell) => nic.onLost(tell));
      const unplug = spawn('sh', ['-c', `echo 1 > /sys/bus/pci/devices/${address}/remove`]);
      const ended = new Promise((done) => unplug.on('close', done));
      assert.equal((await lost).kind, 'lost');
      nic.close();
      assert.equal(await ended, 0, 'the kernel goes on as soon as the device is closed');
      assert.throws(() => openKernelDevice(address, { via }), refused('absent', /no such device/));
      writeFileSync('/sys/bus/pci/rescan', '1');
    });
  });
}

it('opens a hundred times without leaving a descriptor', () => {
  const [address = ''] = findPci(0x1234, 0x11e8);
  for (let round = 0; round < 100; round++) openKernelDevice(address, { via: round % 2 ? 'group' : 'cdev' }).close();
  assert.deepEqual(vfioFds(), []);
});
