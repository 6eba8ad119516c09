import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { stepCommand } from '../../src/vfio/bus/binding/step.js';
import { binding, failing, withKernel } from './binding-fixture.js';
import type { FakeKernel } from './fake-kernel.js';

const edu = '0000:00:04.0';
const nic = '0000:00:05.0';
const disk = '0000:00:06.0';

/** A NIC with its driver, alone in group 5. */
function withNic(kernel: FakeKernel): void {
  kernel.driver('pci', 'e1000e', [nic]).driver('pci', 'vfio-pci').device({ name: nic, driver: 'e1000e', group: '5' });
}

test(
  'override, unbind, bind, in this order; release leads back to what was there; each write is told',
  withKernel(async (kernel) => {
    withNic(kernel);
    const { bind, release, notes } = binding(kernel);
    const before = kernel.state();
    const bound = await bind('00:05.0');
    assert.deepEqual(kernel.writes, [
      `vfio-pci > bus/pci/devices/${nic}/driver_override`,
      `${nic} > bus/pci/drivers/e1000e/unbind`,
      `${nic} > bus/pci/drivers/vfio-pci/bind`,
    ]);
    assert.deepEqual(kernel.state()[nic], { driver: 'vfio-pci', driverOverride: 'vfio-pci' });
    assert.deepEqual(bound.nodes, [join(kernel.roots.dev, 'vfio/5'), join(kernel.roots.dev, 'vfio/devices/vfio0')]);
    assert.equal(notes[0], `echo vfio-pci > ${kernel.roots.sys}/bus/pci/devices/${nic}/driver_override`);
    assert.equal(notes.length, 3);
    assert.deepEqual((await bind(nic)).devices, [], 'a second time there is nothing to do');
    assert.equal(kernel.writes.length, 3);
    await release(nic);
    assert.deepEqual(kernel.writes.slice(3), [
      `e1000e > bus/pci/devices/${nic}/driver_override`,
      `${nic} > bus/pci/drivers/vfio-pci/unbind`,
      `${nic} > bus/pci/drivers/e1000e/bind`,
      ` > bus/pci/devices/${nic}/driver_override`,
    ]);
    assert.deepEqual(kernel.state(), before);
    assert.deepEqual((await release(nic)).devices, [], 'nothing to release any more');
  }),
);

test(
  'what the plan says is what is written, to the byte and in order; planning writes nothing',
  withKernel(async (kernel) => {
    withNic(kernel);
    kernel.device({ name: edu, group: '4', pci: [0x1234, 0x11e8, 0x00ff00] });
    const { plan, bind } = binding(kernel);
    for (const [name, request] of [
      [nic, {}],
      [edu, { method: 'new_id' }],
    ] as const) {
      const { steps } = await plan(name, request);
      const from = kernel.writes.length;
      assert.equal(from, name === nic ? 0 : 3);
      await bind(name, request);
      const expected = steps.filter(({ when }) => when !== 'known').map(stepCommand);
      const made = kernel.writes
        .slice(from)
        .map((line) => line.replace(/^(.*) > (.*)$/, `$1 > ${kernel.roots.sys}/$2`));
      assert.deepEqual(
        made.map((line) => `echo ${line.replace(/^([^>]* [^>]*) > /, "'$1' > ")}`),
        expected,
      );
    }
  }),
);

test(
  'an override that was there comes back, and so does a device that had no driver',
  withKernel(async (kernel) => {
    kernel
      .driver('pci', 'vfio-pci')
      .driver('pci', 'pci-stub')
      .device({ name: edu, group: '4', files: { driver_override: 'pci-stub\n' } })
      .device({ name: nic, driver: 'pci-stub', group: '5', files: { driver_override: 'pci-stub\n' } });
    const { bind, release } = binding(kernel);
    const before = kernel.state();
    for (const name of [edu, nic]) {
      await bind(name);
      assert.deepEqual(kernel.state()[name], { driver: 'vfio-pci', driverOverride: 'vfio-pci' });
      await release(name);
    }
    assert.deepEqual(kernel.state(), before);
  }),
);

test(
  'platform and AMBA devices go to the VFIO drivers of their buses; --driver names another',
  withKernel(async (kernel) => {
    kernel
      .driver('amba', 'rtc-pl031', ['9010000.pl031'])
      .driver('amba', 'vfio-amba')
      .driver('platform', 'vfio-platform')
      .driver('platform', 'other-vfio-thing')
      .device({ bus: 'amba', name: '9010000.pl031', driver: 'rtc-pl031' })
      .device({ bus: 'platform', name: 'a000000.virtio_mmio' });
    const { bind, release } = binding(kernel);
    const { why, hint } = await failing(bind('9010000.pl031', { driver: 'vfio-platform' }));
    assert.match(why, /vfio-platform is for devices on the platform bus, and this one is on the amba bus/);
    assert.match(hint ?? '', /it goes to vfio-amba/);
    await bind('9010000.pl031');
    await bind('a000000.virtio_mmio', { driver: 'other-vfio-thing' });
    const { '9010000.pl031': rtc, 'a000000.virtio_mmio': mmio } = kernel.state();
    assert.deepEqual(rtc, { driver: 'vfio-amba', driverOverride: 'vfio-amba' });
    assert.deepEqual(mmio, { driver: 'other-vfio-thing', driverOverride: 'other-vfio-thing' });
    await release('9010000.pl031');
    assert.deepEqual(kernel.state()['9010000.pl031'], { driver: 'rtc-pl031', driverOverride: undefined });
  }),
);

test(
  'without a record release clears the override and lets the bus look; what was never bound stays as it is',
  withKernel(async (kernel) => {
    withNic(kernel);
    kernel
      .device({ name: edu, driver: 'vfio-pci', group: '4', vfioDev: 'vfio9', files: { driver_override: 'vfio-pci\n' } })
      .device({
        name: disk,
        driver: 'vfio-pci',
        group: '6',
        vfioDev: 'vfio8',
        files: { driver_override: 'vfio-pci\n' },
      })
      .driver('pci', 'nvme', [disk]);
    const { release } = binding(kernel);
    assert.deepEqual((await release(nic)).devices, []);
    assert.match((await release(edu)).notes.join(), /no record/);
    await release(disk);
    assert.deepEqual(kernel.writes, [
      ` > bus/pci/devices/${edu}/driver_override`,
      `${edu} > bus/pci/drivers/vfio-pci/unbind`,
      `${edu} > bus/pci/drivers_probe`,
      ` > bus/pci/devices/${disk}/driver_override`,
      `${disk} > bus/pci/drivers/vfio-pci/unbind`,
      `${disk} > bus/pci/drivers_probe`,
    ]);
    assert.deepEqual(kernel.state()[edu], { driver: undefined, driverOverride: undefined });
    assert.deepEqual(kernel.state()[disk], { driver: 'nvme', driverOverride: undefined });
  }),
);

test(
  'a refusal at any step, of binding as of releasing, and of a group: all is as it was, and the error says so',
  withKernel(async (kernel) => {
    withNic(kernel);
    kernel
      .device({ name: edu, group: '5' })
      .driver('pci', 'nvme', [disk])
      .device({ name: disk, driver: 'nvme', group: '5' });
    const tool = binding(kernel);
    const attempts = [() => tool.bind(nic, { wholeGroup: true }), () => tool.release(nic, { wholeGroup: true })];
    let refusals = 0;
    for (const attempt of attempts) {
      const before = kernel.state();
      for (let nth = 0; ; nth += 1) {
        const from = kernel.writes.length;
        kernel.onWrite = (at, when, file) => {
          if (at !== from + nth || when !== 'before') return undefined;
          kernel.log(`driver ${nic}: something is wrong with ${file.split('/').at(-1)}`);
          return 'EIO';
        };
        const planned = attempt();
        const { errno, why } = await failing(planned).catch(() => ({ errno: undefined, why: '' }));
        kernel.onWrite = () => undefined;
        if (errno === undefined) break;
        refusals += 1;
        assert.equal(errno, 'EIO');
        assert.deepEqual(kernel.state(), before, `refused at ${nth}`);
        assert.match(why, /rolled back: .*, as before/);
      }
    }
    assert.ok(refusals >= 14, `only ${refusals} refusals`);
    assert.deepEqual(kernel.state()[nic], { driver: 'e1000e', driverOverride: undefined });
  }),
);

test(
  'a probe that fails: its errno, what the kernel logged of it, and the device where it was',
  withKernel(async (kernel) => {
    const mmio = 'a000000.virtio_mmio';
    kernel
      .driver('platform', 'virtio-mmio', [mmio])
      .driver('platform', 'vfio-platform')
      .refuse('vfio-platform', mmio, 'ENOENT')
      .device({ bus: 'platform', name: mmio, driver: 'virtio-mmio', compatible: ['virtio,mmio'] });
    kernel.onWrite = (_nth, when, file) => {
      if (when === 'before' && file.endsWith('vfio-platform/bind')) {
        kernel.log(`vfio-platform ${mmio}: No reset function found for device ${mmio}`);
      }
      return undefined;
    };
    const before = kernel.state();
    const { errno, why, hint } = await failing(binding(kernel).bind(mmio));
    assert.equal(errno, 'ENOENT');
    assert.match(
      why,
      /cannot reset.*log says: .*No reset function found.*a000000\.virtio_mmio is bound to virtio-mmio, as before/,
    );
    assert.match(hint ?? '', /reset_required=0/);
    assert.deepEqual(kernel.state(), before);
  }),
);

test(
  'a write that the kernel takes without doing it is no success',
  withKernel(async (kernel) => {
    withNic(kernel);
    const { bind } = binding(kernel);
    const before = kernel.state();
    kernel.ignores = 'vfio-pci/bind';
    const { why } = await failing(bind(nic));
    assert.match(why, /kernel took `echo .*vfio-pci\/bind`, and yet the device is without a driver/);
    assert.deepEqual(kernel.state(), before);
  }),
);

test(
  'where the way back fails too, it says where the device is, and release tries again',
  withKernel(async (kernel) => {
    withNic(kernel);
    kernel.refuse('vfio-pci', nic, 'EINVAL').refuse('e1000e', nic, 'EIO');
    const { bind, release } = binding(kernel);
    const { errno, why, hint } = await failing(bind(nic));
    assert.equal(errno, 'EINVAL');
    assert.match(why, /could not be put back \(.*EIO.*\) and is without a driver/);
    assert.match(hint ?? '', new RegExp(`release ${nic}`));
    assert.match((await failing(release(nic))).why, /probe failed.*without a driver/);
    kernel.refuse('e1000e', nic);
    await release(nic);
    assert.deepEqual(kernel.state()[nic], { driver: 'e1000e', driverOverride: undefined });
  }),
);

test(
  'a device that vanishes half way: said so, and nothing is kept of it; the others of its group are put back',
  withKernel(async (kernel) => {
    withNic(kernel);
    kernel.driver('pci', 'nvme', [disk]).device({ name: disk, driver: 'nvme', group: '5' });
    const { bind, release, machine, recover } = binding(kernel);
    kernel.onWrite = (_nth, when, file) => {
      if (when === 'after' && file.endsWith('nvme/unbind')) kernel.vanish('pci', disk);
      return undefined;
    };
    const { kind, why } = await failing(bind(nic, { wholeGroup: true }));
    assert.equal(kind, 'lost');
    assert.match(why, new RegExp(`vanished half way.*${nic} is bound to e1000e, as before; ${disk} is gone`));
    assert.deepEqual(kernel.state()[nic], { driver: 'e1000e', driverOverride: undefined });
    assert.equal(await recover(), undefined, machine.state);
    kernel.device({ name: disk, group: '5' });
    assert.match((await release(disk)).notes.join(), /no record/);
  }),
);

test(
  'called off between two steps, what was done is undone',
  withKernel(async (kernel) => {
    withNic(kernel);
    const stop = new AbortController();
    const { bind, notices } = binding(kernel, { signal: stop.signal });
    const before = kernel.state();
    kernel.onWrite = (nth, when) => {
      if (nth === 1 && when === 'after') stop.abort(new Error('called off'));
      return undefined;
    };
    await assert.rejects(bind(nic), /called off/);
    assert.deepEqual(kernel.state(), before);
    assert.match(notices.join(), /rolled back: .*e1000e, as before/);
    assert.equal(await binding(kernel).recover(), undefined);
  }),
);
