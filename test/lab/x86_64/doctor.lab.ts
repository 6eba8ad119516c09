import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';
import { accesses } from '../qemu-trace.js';

for (const kernelArgs of [[], ['intremap=off']]) {
  const name = ['doctor-pci', ...kernelArgs].join('-').replace('=', '-');
  test(`doctor on a PCI device: ${kernelArgs.join(' ') || 'interrupts remapped'}`, async (t) => {
    const run = await runGuestTests(t, {
      arch: 'x86_64',
      name,
      tests: ['doctor-pci'],
      kernelArgs,
      devices: ['-device', 'edu,addr=04.0'],
      trace: true,
    });
    await t.test('doctor does not touch the device', async () => {
      const trace = await run.trace();
      assert.deepEqual(accesses(trace, { name: 'edu-mmio', from: 'doctor begin', to: 'doctor end' }), []);
    });
  });
}
