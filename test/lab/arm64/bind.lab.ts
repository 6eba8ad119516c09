import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';
import { seenBetween } from '../width-proof.js';

/** The kernel's alarm timer keeps the first RTC that it meets for ever, so that the same RTC, bound again by whomever, would be rtc1. */
const withoutAlarmTimer = 'initcall_blacklist=alarmtimer_init';

test('bind and release of AMBA and platform devices', async (t) => {
  const run = await runGuestTests(t, {
    arch: 'arm64',
    name: 'bind',
    tests: ['bind-platform'],
    kernelArgs: [withoutAlarmTimer],
    trace: true,
    timeoutSeconds: 400,
  });
  await t.test('bind itself touches no device', async () => {
    const trace = await run.trace();
    // The RTC's own driver may, on its way out.
    assert.deepEqual(seenBetween(trace, { model: 'virtio-mmio', size: 0x200 }, 'bind'), []);
  });
});

test('bind, where the kernel was not told what platform devices need', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'bind-untold',
    tests: ['bind-untold-platform'],
    kernelArgs: [
      'vfio_platform.reset_required=1',
      'vfio_iommu_type1.allow_unsafe_interrupts=0',
      'iommufd.allow_unsafe_interrupts=0',
    ],
    timeoutSeconds: 400,
  });
});

test('bind and release, killed half way', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'bind-killed',
    tests: ['bind-killed-platform'],
    kernelArgs: [withoutAlarmTimer],
    timeoutSeconds: 900,
  });
});
