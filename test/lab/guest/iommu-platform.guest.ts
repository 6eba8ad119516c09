import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { describeDevice } from '../../../src/vfio/bus/bus-device.js';
import { systemRoots } from '../../../src/vfio/bus/roots.js';
import type { Device } from '../../../src/vfio/device.js';
import { openDevice } from '../../../src/vfio/index.js';
import { listGroups } from '../../../src/vfio/iommu/group-list.js';
import { streamIdsOf } from '../../../src/vfio/iommu/stream-id.js';
import { bindToVfio, findPci, groupOf, type Bus } from './bind.js';
import { vfiodbg } from './tool.js';

const RTC = '9010000.pl031';
/** What test/lab/device-tree.ts puts behind the SMMU. */
const behind: readonly (readonly [bus: Bus, name: string])[] = [
  ['amba', RTC],
  ['amba', '9030000.pl061'],
  ['platform', 'a000000.virtio_mmio'],
  ['platform', '9020000.fw-cfg'],
];
const [edu = ''] = findPci(0x1234, 0x11e8);

it('says of a device that no driver has probed that it gets its group then', async () => {
  const waiting = behind.filter(([bus, name]) => groupOf(bus, name) === undefined).map(([, name]) => name);
  assert.ok(waiting.length > 0, 'no driver of this kernel takes fw-cfg');
  const ran = await vfiodbg('-c', 'iommu groups');
  assert.equal(ran.code, 0, ran.stderr);
  assert.ok(ran.stdout.includes(`no group yet, until a driver first probes them: ${waiting.join(', ')}`), ran.stdout);
});

it('gives each AMBA and platform device a group of its own behind the SMMU', async () => {
  for (const [bus, name] of behind) bindToVfio(bus, name);
  bindToVfio('pci', edu);
  const groups = listGroups(systemRoots);
  for (const [bus, name] of behind) {
    const own = groups.filter(({ members }) => members.some((member) => member.name === name));
    assert.deepEqual(
      own.map(({ members, blockers }) => [members, blockers]),
      [[[{ name, bus, vfio: true, driver: `vfio-${bus}` }], []]],
    );
  }
  const ran = await vfiodbg('-c', 'iommu groups');
  assert.match(ran.stdout, new RegExp(`${groupOf('amba', RTC)} +DMA +${RTC} +amba +vfio-amba +viable`));
  assert.match(ran.stdout, new RegExp(`${groupOf('pci', edu)} +DMA +${edu} +pci +vfio-pci +viable`));
  assert.doesNotMatch(ran.stdout, /no group yet/);
});

it('knows stream IDs from the device tree', () => {
  const ids = behind.map(([bus, name]) => streamIdsOf(describeDevice(bus, name), systemRoots)?.ids.length);
  assert.deepEqual(ids, [1, 1, 1, 1]);
  assert.deepEqual(streamIdsOf(describeDevice('pci', edu), systemRoots), { reporter: '9050000.smmuv3', ids: [0x20] });
});

for (const via of ['group', 'cdev'] as const) {
  describe(`the SMMUv3 by ${via}`, () => {
    let device: Device;
    before(async () => {
      device = await openDevice(edu, { via });
    });
    after(() => device.close());

    it('is named, with the window of MSIs that the kernel maps', () => {
      const { unit, group, limits } = device.iommu.describe();
      assert.deepEqual([unit?.kind, unit?.address], ['smmuv3', 0x9050000n]);
      assert.deepEqual(group?.reserved, [{ first: 0x8000000n, last: 0x80fffffn, kind: 'msi' }]);
      assert.ok(limits?.ranges.every(({ first, last }) => last < 0x8000000n || first > 0x80fffffn));
    });

    it('shows no tables, and says so', async () => {
      device.dma.alloc('ring', 65536);
      const { tables, neighbours } = device.iommu.translate(0x100040n);
      assert.equal(neighbours.at?.name, 'ring');
      assert.ok('why' in tables);
      assert.match(tables.why, /shows the page tables of VT-d in debugfs, and none of smmu3/);
      await assert.rejects(device.iommu.verify(), /none of smmu3/);
    });

    it('tells a DMA that it refused: whose, where, and what that address is', async () => {
      const { config } = device;
      assert.ok(config);
      config.write16(4, config.read16(4) | 6);
      const told: string[] = [];
      device.onDmaFault((text) => told.push(text));
      const region = device.region(0);
      const readOnly = device.dma.alloc('text', 4096, { prot: 'r' }).iova ?? 0n;
      for (const [source, destination, command] of [
        [0x111040n, 0x40000n, 1n],
        [0x40000n, readOnly + 0x40n, 3n],
      ] as const) {
        const wanted = told.length + 1;
        region.write64(0x80, source);
        region.write64(0x88, destination);
        // One access; more of them would be faults of their own.
        region.write64(0x90, 4n);
        region.write64(0x98, command);
        for (let tries = 0; told.length < wanted && tries < 300; tries++) await sleep(20);
      }
      assert.equal(told.length, 2, told.join('\n'));
      assert.match(
        told[0] ?? '',
        new RegExp(
          `^DMA fault: read of 0x111040 by ${edu}: the address is not mapped \\(F_TRANSLATION \\(0x10\\)\\): 0x111040 is 0x[0-9a-f]+ past the end of `,
        ),
      );
      assert.match(told[1] ?? '', /F_PERMISSION \(0x13\)\): write to text\+0x40, which is mapped for reading only$/);
    });
  });
}

it('an AMBA device does no DMA of its own accord: its group and its ranges are there all the same', async () => {
  const ran = await vfiodbg('-c', 'iommu', RTC);
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /IOMMU: +smmu3\.0x0000000009050000 +Arm SMMUv3, registers at 0x9050000/);
  assert.match(ran.stdout, new RegExp(`members: +${RTC} \\(vfio-amba\\)`));
  assert.match(ran.stdout, /0x8000000\.\.0x8100000 +msi/);
  assert.ok(existsSync('/dev/kmsg'));
});
