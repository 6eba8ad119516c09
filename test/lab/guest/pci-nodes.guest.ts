import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { bindToVfio, devicePath, driverOf, findPci, groupOf, unbind } from './bind.js';
import { mark } from './mark.js';

const DEVICES = [
  { name: 'edu', vendor: 0x1234, device: 0x11e8 },
  { name: 'e1000e', vendor: 0x8086, device: 0x10d3 },
];

for (const { name, vendor, device } of DEVICES) {
  describe(name, () => {
    const [address = ''] = findPci(vendor, device);

    it('is in an IOMMU group of its own', () => {
      const group = groupOf('pci', address);
      assert.notEqual(group, undefined);
      const others = findPci(0x1234, 0x11e8).concat(findPci(0x8086, 0x10d3));
      assert.deepEqual(
        others.filter((other) => groupOf('pci', other) === group),
        [address],
      );
    });

    it('gets its nodes when vfio-pci takes it', () => {
      const nodes = bindToVfio('pci', address);
      assert.equal(nodes.group, `/dev/vfio/${groupOf('pci', address)}`);
      assert.ok(statSync(nodes.group).isCharacterDevice());
      assert.ok(statSync(nodes.cdev).isCharacterDevice());
      assert.ok(statSync('/dev/iommu').isCharacterDevice());
      const number = readFileSync(join(devicePath('pci', address), 'vfio-dev', basename(nodes.cdev), 'dev'), 'utf8');
      const { rdev } = statSync(nodes.cdev);
      assert.equal(`${rdev >> 8}:${rdev & 0xff}`, number.trim());
    });

    it('loses them when it is unbound', () => {
      const nodes = bindToVfio('pci', address);
      unbind('pci', address);
      assert.equal(driverOf('pci', address), undefined);
      assert.equal(existsSync(nodes.group), false);
      assert.equal(existsSync(nodes.cdev), false);
    });
  });
}

it('edu answers its identification register to one read, which the trace shows between its marks', () => {
  const [address = ''] = findPci(0x1234, 0x11e8);
  writeFileSync(join(devicePath('pci', address), 'enable'), '1');
  const [bar0 = ''] = readFileSync(join(devicePath('pci', address), 'resource'), 'utf8').split(' ');
  mark('edu begin');
  const value = execFileSync('busybox', ['devmem', bar0, '32'], { encoding: 'utf8' });
  mark('edu end');
  assert.equal(Number(value), 0x010000ed);
});
