import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Leaf } from '../../src/vfio/iommu/page-table.js';
import { Comparer, type Comparison, type Expected, type ExpectedMapping } from '../../src/vfio/iommu/verify.js';

const PAGE = 4096;

function leaf(iova: bigint, rights = 'rw', { size = PAGE, physical = iova + 0x1_0000_0000n } = {}): Leaf {
  return { iova, size, physical, readable: rights.includes('r'), writable: rights.includes('w'), path: [] };
}

function mapping(name: string, iova: bigint, size: number, rights = 'rw'): ExpectedMapping {
  return { name, iova, size, readable: rights.includes('r'), writable: rights.includes('w'), address: Number(iova) };
}

function compare(
  mappings: readonly ExpectedMapping[],
  leaves: readonly Leaf[],
  further: Partial<Expected> = {},
): Comparison {
  const comparer = new Comparer({ mappings, reserved: [], pageSize: PAGE, readImplied: false, ...further });
  for (const one of leaves) comparer.push(one);
  return comparer.finish();
}

function words({ differences }: Comparison): string[] {
  return differences.map(
    ({ kind, first, last, mapping: name, found, expected }) =>
      `${kind} ${first.toString(16)}..${(last + 1n).toString(16)}${name === undefined ? '' : ` ${name}`}${found === undefined ? '' : ` ${found}`}${expected === undefined ? '' : ` for ${expected}`}`,
  );
}

describe('differences', () => {
  const ring = mapping('ring', 0x10000n, 4 * PAGE);
  const all = [0, 1, 2, 3].map((page) => leaf(0x10000n + BigInt(page * PAGE)));

  test('none where the tables are as they should be', () => {
    const found = compare([ring], all);
    assert.deepEqual(found.differences, []);
    assert.equal(found.translated, BigInt(4 * PAGE));
    assert.deepEqual([...found.leaves], [[PAGE, 4]]);
  });

  test('missing pages come as one run', () => {
    assert.deepEqual(words(compare([ring], [all[0]!, all[3]!])), ['missing 11000..13000 ring']);
    assert.deepEqual(words(compare([ring], [])), ['missing 10000..14000 ring']);
    assert.deepEqual(words(compare([mapping('a', 0n, PAGE), ring], all)), ['missing 0..1000 a']);
  });

  test('extra pages, before, between and behind', () => {
    const extra = [leaf(0x1000n), ...all, leaf(0x14000n, 'r'), leaf(0x15000n, 'r')];
    assert.deepEqual(words(compare([ring], extra)), ['extra 1000..2000 rw', 'extra 14000..16000 r']);
  });

  test('what the kernel maps in reserved windows is its own', () => {
    const reserved = [{ first: 0x8000000n, last: 0x80fffffn, kind: 'msi' }] as const;
    const found = compare([ring], [...all, leaf(0x8000000n, 'w')], { reserved });
    assert.deepEqual([found.differences.length, found.kernelOwn], [0, BigInt(PAGE)]);
  });

  test('other rights', () => {
    const read = all.map((one) => ({ ...one, writable: false }));
    assert.deepEqual(words(compare([ring], read)), ['permission 10000..14000 ring r for rw']);
  });

  test('what the driver lets be read beside is counted, not a difference', () => {
    const wo = { ...ring, readable: false };
    const found = compare([wo], all, { readImplied: true });
    assert.deepEqual([found.differences.length, found.alsoReadable], [0, BigInt(4 * PAGE)]);
    assert.deepEqual(words(compare([wo], all)), ['permission 10000..14000 ring rw for w']);
    const ro = { ...ring, writable: false };
    assert.equal(compare([ro], all, { readImplied: true }).differences.length, 1);
  });

  test('pages that lead elsewhere, one by one in a large one', () => {
    const big = mapping('big', 0x200000n, 2 ** 21);
    const block = leaf(0x200000n, 'rw', { size: 2 ** 21, physical: 0x40000000n });
    const physicalOf = (address: number): bigint | undefined => {
      if (address === 0x201000) return 0x7000n;
      return address === 0x203000 ? undefined : 0x40000000n + BigInt(address - 0x200000);
    };
    const found = compare([big], [block], { physicalOf });
    assert.deepEqual(words(found), ['physical 201000..202000 big 0x40001000 for 0x7000']);
    assert.deepEqual([found.physicalPages, found.unknownPages], [511, 1]);
  });
});

test('agrees with a comparison page by page', () => {
  const rights = fc.constantFrom('r', 'w', 'rw');
  /** Pages 0..31: what is mapped there by which mapping, and what the tables hold. */
  const space = fc.array(fc.record({ mapped: fc.boolean(), wanted: rights, present: fc.boolean(), given: rights }), {
    minLength: 1,
    maxLength: 32,
  });
  fc.assert(
    fc.property(space, (pages) => {
      const mappings: ExpectedMapping[] = [];
      const leaves: Leaf[] = [];
      const expected = new Map<string, number>();
      for (const [page, { mapped, wanted, present, given }] of pages.entries()) {
        const iova = BigInt(page * PAGE);
        const before = mappings.at(-1);
        const joins = before !== undefined && before.iova + BigInt(before.size) === iova && page % 3 !== 0;
        const inMapping = joins ? before : mapping(`m${page}`, iova, PAGE, wanted);
        if (mapped && joins) mappings[mappings.length - 1] = { ...before, size: before.size + PAGE };
        else if (mapped) mappings.push(inMapping);
        if (present) leaves.push(leaf(iova, given));
        const sought = `${inMapping.readable ? 'r' : ''}${inMapping.writable ? 'w' : ''}`;
        const kind = mapped
          ? present
            ? sought === given
              ? undefined
              : 'permission'
            : 'missing'
          : present
            ? 'extra'
            : undefined;
        if (kind !== undefined) expected.set(kind, (expected.get(kind) ?? 0) + PAGE);
      }
      const found = new Map<string, number>();
      for (const { kind, first, last } of compare(mappings, leaves).differences) {
        found.set(kind, (found.get(kind) ?? 0) + Number(last - first) + 1);
      }
      assert.deepEqual(found, expected);
    }),
  );
});
