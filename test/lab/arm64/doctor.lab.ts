import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';
import { accesses } from '../qemu-trace.js';

const devices = ['-device', 'edu,addr=04.0'];

test('doctor, where the kernel was not told what devices of this machine need', async (t) => {
  const run = await runGuestTests(t, {
    arch: 'arm64',
    name: 'doctor-untold',
    tests: ['doctor-platform'],
    kernelArgs: [
      'vfio_platform.reset_required=1',
      'vfio_iommu_type1.allow_unsafe_interrupts=0',
      'iommufd.allow_unsafe_interrupts=0',
    ],
    devices,
    trace: true,
    timeoutSeconds: 400,
  });
  await t.test('doctor does not touch the device', async () => {
    const trace = await run.trace();
    assert.deepEqual(accesses(trace, { name: 'edu-mmio', from: 'doctor begin', to: 'doctor end' }), []);
  });
});

test('doctor, where the kernel was told', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'doctor-told',
    tests: ['doctor-platform'],
    env: { DOCTOR_TOLD: '1' },
    devices,
    timeoutSeconds: 400,
  });
});
