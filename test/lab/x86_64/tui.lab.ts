import { test } from 'node:test';
import { requirements } from '../host/tmux.js';
import { runGuestTests } from '../guest-tests.js';
import { ensure } from '../packages.js';

test('the full screen on a PCI device, in a terminal of the guest', async (t) => {
  // The guest has the programs of the machine.
  await ensure(requirements, (line) => t.diagnostic(line));
  await runGuestTests(t, {
    arch: 'x86_64',
    name: 'tui',
    // Five minutes on a machine under load.
    timeoutSeconds: 900,
    tests: ['tui-pci'],
    devices: ['-device', 'edu,addr=04.0'],
  });
});
