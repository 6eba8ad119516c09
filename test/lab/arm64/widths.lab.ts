import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';
import { edu, pl031, virtio } from '../width-plan.js';
import { proveWidths, seenBetween } from '../width-proof.js';

const PL031 = { model: 'pl031', size: 0x1000 };

test('one access is one access, on AMBA, platform and PCI devices', async (t) => {
  const run = await runGuestTests(t, {
    arch: 'arm64',
    name: 'widths',
    tests: ['widths-platform'],
    devices: ['-device', 'edu,addr=04.0'],
    trace: true,
  });
  const paths = ['mapped', 'file'] as const;
  await proveWidths(t, run, { name: 'pl031', plan: pl031, paths, ...PL031 });
  await proveWidths(t, run, { name: 'virtio', plan: virtio, paths: ['file'], model: 'virtio-mmio', size: 0x200 });
  await proveWidths(t, run, { name: 'edu', plan: edu, paths, model: 'edu-mmio', size: 0x100000 });

  await t.test('pl031: what would be two accesses is none', async () => {
    assert.deepEqual(seenBetween(await run.trace(), PL031, 'pl031 refused'), []);
  });
});
