import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';
import { accesses } from '../qemu-trace.js';

test('the x86-64 guest has PCI devices behind VT-d', async (t) => {
  const run = await runGuestTests(t, {
    arch: 'x86_64',
    name: 'nodes',
    tests: ['pci-nodes'],
    devices: ['-device', 'edu,addr=04.0', '-device', 'e1000e,addr=05.0'],
    trace: true,
  });
  await t.test('the trace holds exactly the access that was made', async () => {
    const seen = accesses(await run.trace(), { name: 'edu-mmio', from: 'edu begin', to: 'edu end' });
    assert.deepEqual(
      seen.map(({ op, value, size }) => ({ op, value, size })),
      [{ op: 'read', value: 0x010000edn, size: 4 }],
    );
    assert.equal(seen[0]!.addr & 0xfffn, 0n);
  });
});
