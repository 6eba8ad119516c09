import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { openKernelDevice } from '../../../src/vfio/bus/open.js';
import { bindToVfio, findPci } from './bind.js';
import { commandIn, doctor } from './doctor.js';
import { mark } from './mark.js';

const RTC = '9010000.pl031';
const VIRTIO = 'a000000.virtio_mmio';
const [edu = ''] = findPci(0x1234, 0x11e8);

/** Whether the kernel was started with the parameters that devices of this machine need. */
const told = process.env['DOCTOR_TOLD'] === '1';

it('vfio-platform and its reset function', async () => {
  const { check } = await doctor(VIRTIO);
  if (told) {
    assert.equal(check('reset function').verdict, 'pass');
    bindToVfio('platform', VIRTIO);
    return;
  }
  const { verdict, found, remedy = '' } = check('reset function');
  assert.equal(verdict, 'fail');
  assert.match(found, /no module here is vfio-reset:virtio,mmio/);
  assert.match(remedy, /start Linux with vfio_platform\.reset_required=0$/, 'it is built in');
  assert.throws(() => bindToVfio('platform', VIRTIO), 'and vfio-platform does refuse it');
});

it('interrupts that are not isolated, by both ways in', async () => {
  bindToVfio('amba', RTC);
  if (told) {
    const { code, check } = await doctor(RTC);
    assert.deepEqual([code, check('interrupts').verdict], [0, 'warn']);
    openKernelDevice(RTC).close();
    return;
  }
  const { code, check } = await doctor(RTC);
  assert.equal(code, 3);
  const interrupts = check('interrupts');
  assert.equal(interrupts.verdict, 'fail');
  assert.match(interrupts.remedy ?? '', /iommufd\.allow_unsafe_interrupts=1 on the kernel command line/);
  assert.throws(() => openKernelDevice(RTC));
  execFileSync('sh', ['-ec', commandIn(interrupts)]);
  assert.equal((await doctor(RTC)).code, 0);
  openKernelDevice(RTC).close();
});

it('a PCI device whose MSIs go to the ITS is isolated, whatever the kernel was told', async () => {
  bindToVfio('pci', edu);
  mark('doctor begin');
  const { code, check } = await doctor(edu);
  mark('doctor end');
  assert.equal(code, 0);
  assert.match(check('interrupts').found, /GICv3 ITS/);
  for (const via of ['group', 'cdev'] as const) openKernelDevice(edu, { via }).close();
});

it('a device that the device tree puts behind no IOMMU', async () => {
  const { check } = await doctor('9000000.pl011');
  assert.match(check('IOMMU group').remedy ?? '', /needs iommus = /);
  assert.match((await doctor('9020000.fw-cfg')).check('IOMMU group').found, /when a driver first probes it/);
});
