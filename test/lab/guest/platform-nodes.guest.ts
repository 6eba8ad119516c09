import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { checkout } from '../project.js';
import { bindToVfio, driverOf, findPci, groupOf, unbind, type Bus } from './bind.js';
import { mark } from './mark.js';

const DEVICES: readonly { bus: Bus; device: string }[] = [
  { bus: 'amba', device: '9010000.pl031' },
  { bus: 'amba', device: '9030000.pl061' },
  { bus: 'platform', device: 'a000000.virtio_mmio' },
  { bus: 'platform', device: '9020000.fw-cfg' },
  { bus: 'pci', device: findPci(0x1234, 0x11e8)[0] ?? 'edu' },
];

it('the clock driver reads the PL031 once, which the trace shows between its marks', () => {
  assert.equal(driverOf('amba', '9010000.pl031'), 'rtc-pl031');
  mark('pl031 begin');
  const seconds = readFileSync('/sys/class/rtc/rtc0/since_epoch', 'utf8');
  mark('pl031 end');
  assert.ok(Number(seconds) > 0, seconds);
});

for (const { bus, device } of DEVICES) {
  describe(`${bus} ${device}`, () => {
    it('gets its nodes when VFIO takes it', () => {
      const nodes = bindToVfio(bus, device);
      assert.equal(nodes.group, `/dev/vfio/${groupOf(bus, device)}`);
      assert.ok(statSync(nodes.group).isCharacterDevice());
      assert.ok(statSync(nodes.cdev).isCharacterDevice());
      assert.ok(statSync('/dev/iommu').isCharacterDevice());
    });

    // Not before: on a machine described by a device tree the kernel attaches a device to its IOMMU when a driver probes it.
    it('is in an IOMMU group of its own', () => {
      const group = groupOf(bus, device);
      assert.notEqual(group, undefined);
      const sharing = DEVICES.filter((other) => groupOf(other.bus, other.device) === group);
      assert.deepEqual(sharing, [{ bus, device }]);
    });

    it('loses them when it is unbound', () => {
      const nodes = bindToVfio(bus, device);
      unbind(bus, device);
      assert.equal(driverOf(bus, device), undefined);
      assert.equal(existsSync(nodes.group), false);
      assert.equal(existsSync(nodes.cdev), false);
    });
  });
}

it("koffi's native part for this processor is found", () => {
  const program = "import('koffi').then((koffi) => console.log(koffi.sizeof('long')))";
  const printed = execFileSync(process.execPath, ['-e', program], { cwd: checkout, encoding: 'utf8' });
  assert.equal(printed.trim(), '8');
});
