import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { findDevice } from '../../../src/vfio/bus/bus-device.js';
import { listDevices } from '../../../src/vfio/bus/list.js';
import { openKernelDevice } from '../../../src/vfio/bus/open.js';
import type { FailureDetails } from '../../../src/vfio/errors.js';
import { accessEngine } from '../../../src/vfio/sys/access-engine.js';
import {
  close as closeFd,
  eventfd,
  eventfdTake,
  MAP_ANONYMOUS,
  MAP_SHARED,
  mmap,
  munmap,
  PROT_READ,
  PROT_WRITE,
} from '../../../src/vfio/sys/libc.js';
import type { Transport } from '../../../src/vfio/transport/transport.js';
import { bindToVfio, driverOf, findPci, unbind } from './bind.js';
import { mark } from './mark.js';
import { vfioFds } from './open-fds.js';
import { refused } from './refused.js';

const RTC = '9010000.pl031';
const RTCLR = 0x008;
const PERIPHID0 = 0xfe0;
const VIRTIO = 'a000000.virtio_mmio';

function read(transport: Transport, offset: number, bytes: number): number {
  const into = Buffer.alloc(bytes);
  transport.read(transport.regionInfo(0), offset, into);
  return into.readUIntLE(0, bytes);
}

it('a device that no driver has probed yet is said to lack a driver, not an IOMMU', () => {
  assert.throws(
    () => openKernelDevice('9020000.fw-cfg'),
    refused('absent', /no driver is bound to it; VFIO needs vfio-platform/, /vfiodbg bind/),
  );
});

it('a device that the device tree puts behind no IOMMU: no group', () => {
  const uart = findDevice('9000000.pl011');
  assert.equal(uart.iommuGroup, undefined);
  assert.throws(() => openKernelDevice(uart.name), refused('absent', /belongs to no IOMMU group/, /iommus/));
});

it('a device with another driver: its name, and the AMBA commands', () => {
  assert.equal(driverOf('amba', RTC), 'rtc-pl031');
  assert.throws(
    () => openKernelDevice(RTC),
    refused('busy', /bound to the driver rtc-pl031 and not to vfio-amba/, /vfiodbg bind 9010000\.pl031/),
  );
});

it('the list shows platform and AMBA devices by their compatible', () => {
  const rtc = listDevices().find(({ name }) => name === RTC);
  assert.equal(rtc?.bus, 'amba');
  assert.equal(rtc?.description, 'arm,pl031');
  const virtio = listDevices().find(({ name }) => name === VIRTIO);
  assert.equal(virtio?.description, 'virtio,mmio');
});

for (const via of ['group', 'cdev'] as const) {
  describe(`pl031 by ${via}`, () => {
    let rtc: Transport;
    before(() => {
      bindToVfio('amba', RTC);
      rtc = openKernelDevice(RTC, { via });
    });
    after(() => {
      rtc.close();
      assert.deepEqual(vfioFds(), []);
    });

    it('tells what it is', () => {
      assert.equal(rtc.info.bus, 'amba');
      assert.equal(rtc.info.regionCount, 1);
      assert.equal(rtc.info.irqCount, 1);
      const region = rtc.regionInfo(0);
      assert.equal(region.size, 0x1000);
      assert.ok(region.readable && region.writable && region.mappable);
      const irq = rtc.irqInfo(0);
      assert.ok(irq.eventfd && irq.maskable && irq.automasked, 'a level interrupt');
      assert.equal(irq.count, 1);
      assert.throws(() => rtc.regionInfo(1), refused('absent', /no index 1/));
      assert.throws(() => rtc.irqInfo(1), refused('absent', /no index 1/));
    });

    it('moves one aligned word in one access, and says that 8 bytes are two', () => {
      mark(`${via} rtc begin`);
      const id = read(rtc, PERIPHID0, 4);
      const halfword = read(rtc, PERIPHID0, 2);
      const byte = read(rtc, PERIPHID0, 1);
      mark(`${via} rtc end`);
      assert.deepEqual([id, halfword, byte], [0x31, 0x31, 0x31]);
      assert.match(rtc.splits(rtc.regionInfo(0), 0, 8) ?? '', /vfio-amba splits 8 bytes/);
      assert.match(rtc.splits(rtc.regionInfo(0), 2, 4) ?? '', /not aligned/);
      assert.equal(rtc.splits(rtc.regionInfo(0), 0xfe0, 4), undefined);
    });

    it('is reached through a mapping, whose store the file path reads back', () => {
      const region = rtc.regionInfo(0);
      const { value: at, errno } = mmap(
        0x1000,
        PROT_READ | PROT_WRITE,
        MAP_SHARED,
        rtc.mappingFd(region) ?? -1,
        region.fileOffset,
      );
      assert.equal(errno, 0);
      const engine = accessEngine();
      assert.ok(!('unavailable' in engine));
      assert.equal(engine.engine.read32(at + PERIPHID0), 0x31);
      assert.ok(engine.engine.write32(at + RTCLR, 0x6000_0000));
      assert.equal(read(rtc, RTCLR, 4), 0x6000_0000);
      munmap(at, 0x1000);
    });

    it('signals an eventfd by software; masking and unmasking are taken', () => {
      const { value: fd } = eventfd();
      rtc.setIrqs(0, 'trigger', 0, 1, { type: 'eventfds', fds: [fd] });
      rtc.setIrqs(0, 'trigger', 0, 1, { type: 'none' });
      assert.equal(eventfdTake(fd), 1n);
      rtc.setIrqs(0, 'mask', 0, 1, { type: 'none' });
      rtc.setIrqs(0, 'unmask', 0, 1, { type: 'none' });
      assert.throws(() => rtc.setIrqs(1, 'mask', 0, 1, { type: 'none' }), refused('unsupported', /interrupt 1/));
      rtc.setIrqs(0, 'trigger', 0, 0, { type: 'none' });
      closeFd(fd);
    });

    it('maps memory for DMA behind the SMMU', () => {
      const size = 0x4000;
      const { value: address } = mmap(size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
      const mapping = { iova: 0x10000n, size, readable: true, writable: true, address, fd: -1, fdOffset: 0 };
      assert.ok(rtc.dmaLimits().ranges.length > 0);
      rtc.dmaMap(mapping);
      assert.throws(() => rtc.dmaMap(mapping), refused('limit', /overlap/));
      rtc.dmaUnmap(mapping.iova, size);
      assert.throws(() => rtc.dmaUnmap(mapping.iova, size), refused('absent', /no mapping/));
      munmap(address, size);
    });

    it('cannot be reset, and says so', () => {
      assert.equal(rtc.info.resettable, false);
      assert.throws(() => rtc.reset(), refused('unsupported', /no reset/));
    });
  });

  describe(`virtio_mmio by ${via}`, () => {
    it('is smaller than a page: read and written through the file only', () => {
      bindToVfio('platform', VIRTIO);
      const virtio = openKernelDevice(VIRTIO, { via });
      assert.equal(virtio.info.bus, 'platform');
      const region = virtio.regionInfo(0);
      assert.equal(region.size, 0x200);
      assert.equal(region.mappable, false);
      assert.equal(virtio.mappingFd(region), undefined);
      assert.equal(read(virtio, 0, 4), 0x74726976, "'virt'");
      assert.throws(() => virtio.read(region, 0x1fc, Buffer.alloc(8)), refused('access', /moved 4 of 8 bytes/));
      assert.throws(() => virtio.read(region, 0x200, Buffer.alloc(4)), refused('access', /EINVAL/));
      assert.match(virtio.splits(region, 0, 8) ?? '', /vfio-platform splits/);
      const irq = virtio.irqInfo(0);
      assert.deepEqual([irq.eventfd, irq.maskable, irq.automasked], [true, false, false], 'an edge interrupt');
      virtio.close();
      assert.deepEqual(vfioFds(), []);
    });

    it('is given back when it is unbound while open', async () => {
      bindToVfio('platform', VIRTIO);
      const virtio = openKernelDevice(VIRTIO, { via });
      const lost = new Promise<FailureDetails>((tell) => virtio.onLost(tell));
      const shell = spawn('sh', ['-c', `echo ${VIRTIO} > /sys/bus/platform/devices/${VIRTIO}/driver/unbind`]);
      const ended = new Promise((done) => shell.on('close', done));
      assert.match((await lost).why, /takes the device back/);
      virtio.close();
      assert.equal(await ended, 0);
      assert.equal(driverOf('platform', VIRTIO), undefined);
    });
  });

  it(`edu behind the SMMU by ${via}: 8 bytes in one access as well`, () => {
    const [address = ''] = findPci(0x1234, 0x11e8);
    bindToVfio('pci', address);
    const edu = openKernelDevice(address, { via });
    assert.equal(read(edu, 0, 4), 0x010000ed);
    assert.equal(edu.splits(edu.regionInfo(0), 0x80, 8), undefined);
    mark(`${via} edu begin`);
    edu.read(edu.regionInfo(0), 0x80, Buffer.alloc(8));
    mark(`${via} edu end`);
    edu.close();
  });
}

it('the devices are let go of', () => {
  unbind('amba', RTC);
  unbind('platform', VIRTIO);
});
