import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

const devices = [
  'edu,addr=04.0',
  'e1000e,addr=05.0',
  // A group of two.
  'pcie-pci-bridge,id=bridge,addr=06.0',
  'edu,bus=bridge,addr=01.0',
  'pci-serial,bus=bridge,addr=02.0',
  'pci-serial-2x,addr=07.0',
  'virtio-rng-pci,addr=08.0',
  'edu,addr=09.0',
].flatMap((device) => ['-device', device]);

test('bind and release of PCI devices', async (t) => {
  const tests = ['bind-pci', 'bind-trouble-pci'];
  await runGuestTests(t, { arch: 'x86_64', name: 'bind', timeoutSeconds: 600, tests, devices });
});

test('bind and release, killed at every step', async (t) => {
  await runGuestTests(t, { arch: 'x86_64', name: 'bind-kill', timeoutSeconds: 900, tests: ['bind-kill-pci'], devices });
});
