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

// A boot for each, so that none takes long.
for (const [title, name, tests] of [
  ['bind and release of PCI devices', 'bind', ['bind-pci', 'bind-trouble-pci']],
  ['bind and release, killed at every step', 'bind-kill', ['bind-kill-pci']],
  ['who writes to sysfs', 'bind-audit', ['bind-audit-pci']],
] as const) {
  test(title, async (t) => {
    await runGuestTests(t, { arch: 'x86_64', name, timeoutSeconds: 900, tests, devices });
  });
}
