import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('the tool on PCI devices', async (t) => {
  await runGuestTests(t, {
    arch: 'x86_64',
    name: 'main',
    // A minute and a half on a quiet machine.
    timeoutSeconds: 600,
    tests: ['transcripts-pci', 'interrupts-pci', 'unplug-pci', 'main-pci'],
    devices: [
      'edu,addr=04.0',
      'e1000e,addr=05.0',
      // A group of two.
      'pcie-pci-bridge,id=bridge,addr=06.0',
      'edu,bus=bridge,addr=01.0',
      'pci-serial,bus=bridge,addr=02.0',
      'pci-serial-2x,addr=07.0',
    ].flatMap((device) => ['-device', device]),
  });
});
