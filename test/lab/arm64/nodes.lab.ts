import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';
import { accesses } from '../qemu-trace.js';

/** RTCDR, the data register, at the start of the PL031's page. */
const RTCDR = 0x9010000n;

test('the arm64 guest has AMBA, platform and PCI devices behind an SMMUv3', async (t) => {
  const run = await runGuestTests(t, {
    arch: 'arm64',
    name: 'nodes',
    tests: ['platform-nodes'],
    devices: ['-device', 'edu'],
    trace: true,
  });
  await t.test('the trace holds exactly the access that was made', async () => {
    const seen = accesses(await run.trace(), { name: 'pl031', from: 'pl031 begin', to: 'pl031 end' });
    assert.deepEqual(
      seen.map(({ op, addr, size }) => ({ op, addr, size })),
      [{ op: 'read', addr: RTCDR, size: 4 }],
    );
  });
});
