import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findDevice } from '../../src/vfio/bus/bus-device.js';
import { describeGroup, listGroups } from '../../src/vfio/iommu/group-list.js';
import { iortStreamIds } from '../../src/vfio/iommu/iort.js';
import { parseReservedRegions } from '../../src/vfio/iommu/reserved-regions.js';
import { streamIdsOf } from '../../src/vfio/iommu/stream-id.js';
import { unitOf } from '../../src/vfio/iommu/unit.js';
import { FakeMachine } from './fake-machine.js';

/** Big-endian cells, as the device tree has them. */
function cells(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, 4 * index);
  return bytes;
}

describe('a machine with VT-d', () => {
  const machine = new FakeMachine()
    .device({ name: '0000:00:04.0', driver: 'vfio-pci', group: '4', pci: [0x1234, 0x11e8, 0xff00] })
    .device({ name: '0000:02:00.0', driver: 'e1000e', group: '12', pci: [0x8086, 0x10d3, 0x20000] })
    .device({ name: '0000:02:00.1', group: '12', pci: [0x8086, 0x10d3, 0x20000] })
    .device({ name: '0000:02:00.2', driver: 'vfio-pci', group: '12', pci: [0x8086, 0x10d3, 0x20000] })
    .file('sys', 'kernel/iommu_groups/4/reserved_regions', '0x00000000fee00000 0x00000000feefffff msi\n');
  after(() => machine.remove());
  const { roots } = machine;

  test('groups come by number, with their members, and what blocks them', () => {
    const groups = listGroups(roots);
    assert.deepEqual(
      groups.map(({ number, type, members, blockers }) => [
        number,
        type,
        members.length,
        blockers.map(({ name }) => name),
      ]),
      [
        ['4', 'DMA', 1, []],
        ['12', 'DMA', 3, ['0000:02:00.0']],
      ],
    );
    assert.deepEqual(groups[1]?.members[1], { name: '0000:02:00.1', bus: 'pci', vfio: false });
    assert.deepEqual(groups[0]?.members[0], { name: '0000:00:04.0', bus: 'pci', vfio: true, driver: 'vfio-pci' });
    assert.deepEqual(describeGroup('4', roots).reserved, [{ first: 0xfee00000n, last: 0xfeefffffn, kind: 'msi' }]);
  });

  test('the unit that translates', () => {
    const unit = join(roots.sys, 'devices/virtual/iommu/dmar0');
    mkdirSync(join(unit, 'intel-iommu'), { recursive: true });
    const words = {
      cap: 'd2008c22260286',
      ecap: 'f00f4a',
      version: '1:0',
      address: 'fed90000',
      domains_used: '8',
      domains_supported: '65536',
    };
    for (const [name, text] of Object.entries(words)) writeFileSync(join(unit, 'intel-iommu', name), `${text}\n`);
    symlinkSync(unit, join(roots.sys, 'devices/pci/0000:00:04.0/iommu'));
    assert.deepEqual(unitOf(findDevice('00:04.0', roots)), {
      name: 'dmar0',
      kind: 'vt-d',
      address: 0xfed90000n,
      version: '1.0',
      cap: 0xd2008c22260286n,
      ecap: 0xf00f4an,
      domains: { used: 8, supported: 65536 },
    });
    assert.equal(unitOf(findDevice('02:00.0', roots)), undefined);
  });
});

test('reserved regions of every kind; lines of another form are passed over', () => {
  const text = [
    '0x00000000000a0000 0x00000000000bffff direct-relaxable',
    '0x00000000fee00000 0x00000000feefffff msi',
    '0x000000fd00000000 0x000000ffffffffff reserved',
    '0x0000000000001000 0x0000000000001fff something-new',
    'garbage',
  ].join('\n');
  assert.deepEqual(
    parseReservedRegions(text).map(({ kind }) => kind),
    ['direct-relaxable', 'msi', 'reserved', 'unknown'],
  );
});

describe('stream IDs on a machine described by a device tree', () => {
  const machine = new FakeMachine();
  after(() => machine.remove());
  const { roots } = machine;
  const smmu = join(roots.sys, 'devices/platform/9050000.smmuv3');

  function put(path: string, bytes: Buffer): void {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }

  /** A device behind the SMMU, in the directory `path` of /sys/devices. */
  function behind(bus: 'amba' | 'pci', name: string, path: string): void {
    const real = join(roots.sys, 'devices', path);
    mkdirSync(real, { recursive: true });
    mkdirSync(join(roots.sys, 'bus', bus, 'devices'), { recursive: true });
    symlinkSync(real, join(roots.sys, 'bus', bus, 'devices', name));
    symlinkSync(join(smmu, 'iommu/smmu3.0x0000000009050000'), join(real, 'iommu'));
  }

  before(() => {
    put(join(smmu, 'of_node/phandle'), cells(0x8004));
    put(join(smmu, 'of_node/#iommu-cells'), cells(1));
    mkdirSync(join(smmu, 'iommu/smmu3.0x0000000009050000'), { recursive: true });
    symlinkSync(smmu, join(smmu, 'iommu/smmu3.0x0000000009050000/device'));
  });

  test('an AMBA device names them itself', () => {
    behind('amba', '9010000.pl031', 'platform/9010000.pl031');
    put(
      join(roots.sys, 'devices/platform/9010000.pl031/of_node/iommus'),
      cells(0x8004, 0x8001, 0x9999, 7, 0x8004, 0x8002),
    );
    const device = findDevice('9010000.pl031', roots);
    assert.deepEqual(unitOf(device), { name: 'smmu3.0x0000000009050000', kind: 'smmuv3', address: 0x9050000n });
    assert.deepEqual(streamIdsOf(device, roots), { reporter: '9050000.smmuv3', ids: [0x8001, 0x8002] });
  });

  test('a PCI device has them from the host bridge', () => {
    const bridge = 'platform/4010000000.pcie';
    put(
      join(roots.sys, 'devices', bridge, 'of_node/iommu-map'),
      cells(0, 0x8004, 0x1000, 0x100, 0x100, 0x8004, 0x5000, 0x1000),
    );
    behind('pci', '0000:00:04.0', `${bridge}/pci0000:00/0000:00:04.0`);
    behind('pci', '0000:01:00.1', `${bridge}/pci0000:00/0000:00:01.0/0000:01:00.1`);
    assert.deepEqual(streamIdsOf(findDevice('00:04.0', roots), roots)?.ids, [0x1020]);
    assert.deepEqual(streamIdsOf(findDevice('01:00.1', roots), roots)?.ids, [0x5001]);
    put(join(roots.sys, 'devices', bridge, 'of_node/iommu-map-mask'), cells(0xff));
    assert.deepEqual(streamIdsOf(findDevice('01:00.1', roots), roots)?.ids, [0x1001], 'the mask applies first');
  });

  test('without a tree nobody knows', () => {
    behind('pci', '0000:02:00.0', 'pci0000:02/0000:02:00.0');
    assert.equal(streamIdsOf(findDevice('02:00.0', roots), roots), undefined);
  });
});

describe('stream IDs on a machine described by ACPI', () => {
  /** Nodes one behind the other, each at the offset that `at` tells. */
  const smmuAt = 48;
  const rootAt = smmuAt + 24;
  const namedAt = rootAt + 36 + 40;

  function node(type: number, body: Buffer, mappings: readonly (readonly number[])[]): Buffer {
    const head = Buffer.alloc(16);
    head.writeUInt8(type, 0);
    head.writeUInt16LE(16 + body.length + 20 * mappings.length, 1);
    head.writeUInt32LE(mappings.length, 8);
    head.writeUInt32LE(16 + body.length, 12);
    const words = mappings.flat();
    const list = Buffer.alloc(4 * words.length);
    for (const [index, word] of words.entries()) list.writeUInt32LE(word, 4 * index);
    return Buffer.concat([head, body, list]);
  }

  function table(): Buffer {
    const smmu = Buffer.alloc(8);
    smmu.writeBigUInt64LE(0x9050000n);
    const root = Buffer.alloc(20);
    root.writeUInt32LE(1, 12);
    const named = Buffer.concat([Buffer.alloc(13), Buffer.from('\\_SB.USB0\0')]);
    const head = Buffer.alloc(48);
    head.writeUInt32LE(3, 36);
    head.writeUInt32LE(48, 40);
    return Buffer.concat([
      head,
      node(4, smmu, []),
      node(2, root, [
        [0, 0xff, 0x1000, smmuAt, 0],
        [0x100, 0xfeff, 0x20000, smmuAt, 0],
      ]),
      node(1, named, [[0, 0, 0x77, smmuAt, 1]]),
    ]);
  }

  test('PCI devices by their segment and requester ID, others by their path', () => {
    const bytes = table();
    assert.equal(bytes.readUInt8(rootAt), 2);
    assert.equal(bytes.readUInt8(namedAt), 1);
    const pci = (segment: number, requester: number): number[] | undefined =>
      iortStreamIds(bytes, { bus: 'pci', segment, requester }, 0x9050000n);
    assert.deepEqual(pci(1, 0x20), [0x1020]);
    assert.deepEqual(pci(1, 0x600), [0x20500]);
    assert.equal(pci(0, 0x20), undefined, 'another segment');
    assert.deepEqual(iortStreamIds(bytes, { bus: 'pci', segment: 1, requester: 0x20 }, 0x1000n), [], 'another SMMU');
    assert.deepEqual(iortStreamIds(bytes, { bus: 'acpi', path: '\\_SB_.USB0' }, 0x9050000n), [0x77]);
    assert.equal(iortStreamIds(bytes, { bus: 'acpi', path: '\\_SB_.USB1' }, 0x9050000n), undefined);
  });

  test('a damaged table tells nothing', () => {
    const bytes = table();
    for (let length = 0; length < bytes.length; length++) {
      const ids = iortStreamIds(bytes.subarray(0, length), { bus: 'pci', segment: 1, requester: 0x20 }, 0x9050000n);
      assert.ok(ids === undefined || ids.length === 0 || ids[0] === 0x1020, String(length));
    }
    bytes.writeUInt32LE(0xffff_ffff, rootAt + 12);
    assert.equal(iortStreamIds(bytes, { bus: 'pci', segment: 1, requester: 0x20 }, 0x9050000n)?.length ?? 0, 0);
    bytes.fill(0xff, 48);
    assert.equal(iortStreamIds(bytes, { bus: 'pci', segment: 1, requester: 0x20 }, 0x9050000n), undefined);
  });
});
