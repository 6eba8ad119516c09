import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { Ledger } from '../../src/vfio/dma/ledger.js';
import { Iommu, type MappedMemory, type MappingSource } from '../../src/vfio/iommu/iommu.js';
import { Journal } from '../../src/vfio/journal.js';
import { DmaTransport } from './dma-transport.js';
import { FakeMachine } from './fake-machine.js';

const EDU = '0000:00:04.0';

/** edu behind VT-d, with the page tables `lines` in debugfs. */
function machineWith(t: TestContext, lines: readonly string[]): FakeMachine {
  const machine = new FakeMachine().device({ name: EDU, driver: 'vfio-pci', group: '4', vfioDev: 'vfio0' });
  t.after(() => machine.remove());
  const text = [`Device ${EDU} @0x1000`, 'IOVA_PFN', ...lines, ''].join('\n');
  return machine.file('sys', `kernel/debug/iommu/intel/${EDU}/domain_translation_struct`, text);
}

function leaf(frame: number, page: number, rights: number): string {
  const entry = (value: number): string => `0x${value.toString(16).padStart(16, '0')}`;
  const path = [0, 0, 0x1003, 0x2003, page * 4096 + rights].map(entry);
  return `0x${frame.toString(16).padStart(13, '0')} |\t${path.join('\t')}`;
}

function mappings(...list: MappedMemory[]): MappingSource {
  const ledger = new Ledger<MappedMemory>();
  for (const one of list) ledger.add(one);
  return { mappings: ledger, count: ledger.count, bytes: ledger.bytes, neighbours: (iova) => ledger.neighbours(iova) };
}

function iommuOf(t: TestContext, machine: FakeMachine, mapped: MappingSource): Iommu {
  const transport = new DmaTransport();
  t.after(() => transport.close());
  const iommu = new Iommu({ name: EDU, transport, journal: new Journal(), mapped }, machine.roots);
  t.after(() => iommu.close());
  return iommu;
}

const ring: MappedMemory = { name: 'ring', iova: 0x100000n, size: 0x2000, prot: 'rw', kind: 'buffer', guard: 0 };

describe('the IOMMU of a device', () => {
  test('translates by the mappings and by the tables', (t) => {
    const iommu = iommuOf(t, machineWith(t, [leaf(0x100, 0x55, 3), leaf(0x101, 0x66, 3)]), mappings(ring));
    const inside = iommu.translate(0x101040n);
    assert.equal(inside.neighbours.at?.name, 'ring');
    assert.ok('leaf' in inside.tables);
    assert.deepEqual([inside.tables.leaf?.physical, inside.tables.header?.root], [0x66000n, 0x1000n]);
    const behind = iommu.translate(0x102000n);
    assert.equal(behind.neighbours.below?.name, 'ring');
    assert.ok('file' in behind.tables && behind.tables.leaf === undefined);
    assert.equal(behind.usable, true);
    assert.equal(iommu.translate(2n ** 60n).usable, false, 'beyond the ranges that the transport tells');
  });

  test('verifies, giving way between batches', async (t) => {
    const iommu = iommuOf(t, machineWith(t, [leaf(0x100, 0x55, 3)]), mappings(ring));
    let gaveWay = 0;
    const found = await iommu.verify(async () => {
      gaveWay += 1;
    });
    assert.deepEqual(
      found.differences.map(({ kind, first, last }) => [kind, first, last]),
      [['missing', 0x101000n, 0x101fffn]],
    );
    assert.ok(gaveWay > 0);
    assert.deepEqual([found.mappings, found.physicalPages], [1, 0]);
  });

  test('a copy of the tables must be about the device', async (t) => {
    const machine = machineWith(t, []).file('proc', 'copy', 'Device 0000:00:05.0 @0x1000\n');
    const iommu = iommuOf(t, machine, mappings(ring));
    await assert.rejects(iommu.verify(undefined, join(machine.roots.proc, 'copy')), /has no part about this device/);
    await assert.rejects(iommu.verify(undefined, join(machine.roots.proc, 'none')), /ENOENT/);
  });

  test('says why there are no tables', async (t) => {
    const bare = new FakeMachine().device({ name: EDU, driver: 'vfio-pci', group: '4' });
    t.after(() => bare.remove());
    const iommu = iommuOf(t, bare, mappings(ring));
    const { tables } = iommu.translate(0x100000n);
    assert.ok('why' in tables);
    assert.match(tables.why, /debugfs is not mounted/);
    await assert.rejects(iommu.verify(), /verify the mappings of 0000:00:04.0: debugfs is not mounted/);
  });

  test('a device that sysfs shows no more is no IOMMU of this kernel', (t) => {
    const empty = new FakeMachine();
    t.after(() => empty.remove());
    const iommu = iommuOf(t, empty, mappings());
    assert.equal(iommu.device(), undefined);
    const { tables } = iommu.translate(0n);
    assert.ok('why' in tables && tables.kind === 'unsupported');
    assert.equal(iommu.faults.watch()?.kind, 'unsupported');
    assert.match(iommu.describe().what, /sysfs does not show the device any more/);
  });
});
