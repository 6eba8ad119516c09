import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { parseHeader, parseLeaf, TableParser, type Leaf } from '../../src/vfio/iommu/page-table.js';
import { readTable, tableFile } from '../../src/vfio/iommu/table-file.js';
import { FakeMachine } from './fake-machine.js';

const EDU = '0000:00:04.0';
const hex16 = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

/** A line as Linux 6.8 and later write it, or with the zeros of earlier releases. */
function line(frame: bigint, path: readonly bigint[], zeros = false): string {
  const last = path.findLastIndex((entry) => entry !== 0n);
  const shown = zeros ? path : path.slice(0, Math.max(3, last + 1));
  return `0x${frame.toString(16).padStart(13, '0')} |\t${shown.map(hex16).join('\t')}`;
}

describe('a line of the tables', () => {
  test('a page of 4 KiB behind three levels', () => {
    const text =
      '0x0000000000112 |\t0x0000000000000000\t0x0000000000000000\t0x0000000000b83003\t0x0000000000de0003\t0x0000000007099001';
    assert.deepEqual(parseLeaf(text), {
      iova: 0x112000n,
      size: 4096,
      physical: 0x7099000n,
      readable: true,
      writable: false,
      path: [0n, 0n, 0xb83003n, 0xde0003n, 0x7099001n],
    });
  });

  test('blocks of 2 MiB and 1 GiB, now and as before Linux 6.8', () => {
    for (const zeros of [false, true]) {
      const block = parseLeaf(line(0x200n, [0n, 0x1003n, 0x2003n, 0x40200883n, 0n], zeros));
      assert.deepEqual([block?.iova, block?.size, block?.physical], [0x200000n, 2 ** 21, 0x40200000n]);
      const giant = parseLeaf(line(0x40000n, [0n, 0x1003n, 0x80000083n, 0n, 0n], zeros));
      assert.deepEqual([giant?.iova, giant?.size, giant?.physical], [0x40000000n, 2 ** 30, 0x80000000n]);
    }
  });

  test('rights are those that every level gives, and bits above the address do not count', () => {
    const leaf = parseLeaf(line(1n, [0n, 0x1003n, 0x2001n, 0x3003n, 0x8000_0000_1234_5003n]));
    assert.deepEqual([leaf?.readable, leaf?.writable, leaf?.physical], [true, false, 0x12345000n]);
  });

  test('what is no such line is nothing', () => {
    for (const text of ['', 'IOVA_PFN', '0x1 |', '0x1 | 0x', '0x0000000000112 |\t0xzz', line(1n, [0n, 0n, 0n, 0n, 0n])])
      assert.equal(parseLeaf(text), undefined, text);
    assert.equal(parseLeaf(`${line(1n, [1n, 1n, 1n, 1n, 3n])}\t0x0000000000000001`), undefined, 'a sixth level');
  });

  test('headings', () => {
    assert.deepEqual(parseHeader(`Device ${EDU} @0xb1b000`), { device: EDU, root: 0xb1b000n });
    assert.deepEqual(parseHeader('Device 0000:6A:01.0 with pasid 1f @0x1000'), {
      device: '0000:6a:01.0',
      root: 0x1000n,
      pasid: 0x1f,
    });
    assert.equal(parseHeader('DMA Remapping is not enabled on dmar0'), undefined);
  });
});

test('only the lines of the device, however the text is cut', () => {
  const leafArbitrary = fc.record({
    frame: fc.bigInt({ min: 0n, max: (1n << 36n) - 1n }),
    page: fc.bigInt({ min: 1n, max: (1n << 40n) - 1n }),
    rights: fc.constantFrom(1n, 2n, 3n),
  });
  fc.assert(
    fc.property(
      fc.array(leafArbitrary, { maxLength: 20 }),
      fc.array(fc.nat(400), { maxLength: 12 }),
      fc.boolean(),
      (leaves, cuts, zeros) => {
        const rows = leaves.map(({ frame, page, rights }) =>
          line(frame, [0n, 0x1003n, 0x2003n, 0x3003n, (page << 12n) | rights], zeros),
        );
        const foreign = line(7n, [0n, 0x1003n, 0x2003n, 0x3003n, 0x9003n]);
        const head =
          'IOVA_PFN         \tPML5E             \tPML4E             \tPDPE              \tPDE               \tPTE';
        const text = [
          'DMA Remapping is not enabled on dmar1',
          'Device 0000:00:03.0 @0x1000',
          head,
          foreign,
          '',
          `Device ${EDU} @0x2000`,
          head,
          ...rows,
          '',
          'Device 0000:00:05.0 @0x3000',
          head,
          foreign,
        ].join('\n');
        const parser = new TableParser(EDU);
        const found: Leaf[] = [];
        let at = 0;
        for (const cut of cuts) {
          found.push(...parser.push(text.slice(at, at + cut)));
          at += cut;
        }
        found.push(...parser.push(text.slice(at)), ...parser.finish());
        assert.deepEqual(
          found.map(({ iova, physical, readable, writable }) => [iova, physical, readable, writable]),
          leaves.map(({ frame, page, rights }) => [
            frame << 12n,
            page << 12n,
            (rights & 1n) !== 0n,
            (rights & 2n) !== 0n,
          ]),
        );
        assert.equal(parser.damaged, 0);
        assert.equal(parser.header?.root, 0x2000n);
      },
    ),
  );
});

describe('the file', () => {
  const machine = new FakeMachine();
  after(() => machine.remove());
  const debug = join(machine.roots.sys, 'kernel/debug');
  const vtd = { name: 'dmar0', kind: 'vt-d' } as const;

  function why(unit: Parameters<typeof tableFile>[1]): string {
    const file = tableFile(EDU, unit, machine.roots);
    assert.ok(typeof file !== 'string');
    return `${file.kind}: ${file.why}; ${file.hint ?? ''}`;
  }

  test('says what to do where it is not there', () => {
    assert.match(why(vtd), /^absent: debugfs is not mounted.*mount -t debugfs none/);
    mkdirSync(join(debug, 'tracing'), { recursive: true });
    assert.match(why(vtd), /CONFIG_IOMMU_DEBUGFS and CONFIG_INTEL_IOMMU_DEBUGFS/);
    assert.match(
      why({ name: 'smmu3.0x09050000', kind: 'smmuv3' }),
      /^unsupported: Linux shows the page tables of VT-d.* none of smmu3/,
    );
  });

  test('is one for all devices before Linux 6.8, then one each', () => {
    const all = join(debug, 'iommu/intel/domain_translation_struct');
    mkdirSync(dirname(all), { recursive: true });
    writeFileSync(all, '');
    assert.equal(tableFile(EDU, vtd, machine.roots), all);
    const own = join(debug, 'iommu/intel', EDU, 'domain_translation_struct');
    mkdirSync(dirname(own), { recursive: true });
    writeFileSync(own, `Device ${EDU} @0x2000\n${line(1n, [0n, 1n, 3n, 3n, 0x5003n])}\nwhat is this\n`);
    assert.equal(tableFile(EDU, vtd, machine.roots), own);
    const parser = new TableParser(EDU);
    const leaves = [...readTable(own, EDU, parser)].flat();
    assert.deepEqual([leaves.length, parser.damaged], [1, 1]);
  });

  test('a file that cannot be read is an error that says so', () => {
    assert.throws(() => [...readTable(join(debug, 'iommu'), EDU)], /it is no plain file/);
  });
});
