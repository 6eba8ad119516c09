import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDevice } from '../../../src/vfio/open.js';
import { bindToVfio } from './bind.js';

const RTC = '9010000.pl031';
const VIRTIO = 'a000000.virtio_mmio';
bindToVfio('amba', RTC);
bindToVfio('platform', VIRTIO);

const [RTCMR, RTCLR, RTCIMSC, RTCICR] = [0x4, 0x8, 0x10, 0x1c];
const PATIENCE = { timeoutMs: 30_000 };
const SILENCE_MS = 300;

for (const via of ['group', 'cdev'] as const) {
  it(`pl031 by ${via}: the alarm, once while it is asserted, again after each unmask, silent when acknowledged`, async () => {
    using rtc = await openDevice(RTC, { via });
    const registers = rtc.region('region0');
    const irq = rtc.irqs.find('irq0');
    const signals = (): bigint | undefined => {
      rtc.irqs.drain();
      return irq.vectors[0]?.count;
    };
    registers.write32(RTCICR, 1);
    registers.write32(RTCIMSC, 1);
    irq.enable();
    // Two seconds ahead, so that the device's own clock brings it.
    registers.write32(RTCMR, 1002);
    registers.write32(RTCLR, 1000);
    assert.equal(signals(), 0n);
    assert.equal((await irq.wait(PATIENCE)).software, 0n);
    await sleep(SILENCE_MS);
    assert.equal(signals(), 1n);
    assert.equal(irq.state(), 'pending');
    for (const count of [2n, 3n]) {
      irq.unmask();
      await irq.wait(PATIENCE);
      await sleep(SILENCE_MS);
      assert.equal(signals(), count);
    }
    registers.write32(RTCICR, 1);
    irq.unmask();
    await sleep(SILENCE_MS);
    assert.equal(signals(), 3n);
    assert.equal(irq.state(), 'armed');
    registers.write32(RTCIMSC, 0);
  });

  it(`virtio_mmio by ${via}: an edge interrupt, which VFIO cannot mask`, async () => {
    using virtio = await openDevice(VIRTIO, { via });
    const irq = virtio.irqs.find('irq0');
    assert.deepEqual([irq.info.maskable, irq.info.automasked], [false, false]);
    irq.enable();
    assert.throws(() => irq.mask(), /no maskable flag/);
    irq.trigger();
    assert.equal((await irq.wait(PATIENCE)).software, 1n);
    irq.trigger();
    assert.equal((await irq.wait(PATIENCE)).software, 1n);
    assert.equal(irq.state(), 'armed');
  });
}
