import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Ledger } from '../../src/vfio/dma/ledger.js';
import { endOf, type Mapping } from '../../src/vfio/dma/mapping.js';
import { placeMapping, type Placement, whereabouts } from '../../src/vfio/dma/placement.js';
import { VfioError } from '../../src/vfio/errors.js';

const PAGE = 0x1000;
/** VT-d's own: a hole for interrupt messages. */
const ranges = [
  { first: 0n, last: 0xfedfffffn },
  { first: 0xfef00000n, last: 0x7fffffffffn },
];
const limits = { ranges, pageSizes: 0x40201000n };
const place = { operation: 'map ring', device: 'test' };

function mapping(name: string, iova: bigint, size: number, guard = 0): Mapping {
  return { name, iova, size, prot: 'rw', kind: 'buffer', guard };
}

function wanted(over: Partial<Placement> = {}): Placement {
  return { name: 'ring', size: PAGE, guard: 0, unit: PAGE, ...over };
}

function refused(over: Partial<Placement>, ledger = new Ledger<Mapping>(), given = limits): string {
  try {
    placeMapping(wanted(over), given, ledger, place);
  } catch (error) {
    assert.ok(error instanceof VfioError);
    assert.equal(error.kind, 'limit');
    return `${error.details.why} | ${error.details.hint}`;
  }
  return assert.fail('it was placed');
}

describe('the allocator', () => {
  test('never overlaps, never leaves the ranges, aligns to the size up to 2 MiB, and keeps low below 4 GiB', () => {
    const request = fc.record({
      pages: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 500, max: 2000 })),
      guard: fc.boolean(),
      low: fc.boolean(),
      remove: fc.option(fc.nat()),
    });
    fc.assert(
      fc.property(
        fc.array(request, { maxLength: 60 }),
        fc.bigInt({ min: 0x200n, max: 0x2000n }),
        fc.bigInt({ min: 1n, max: 0x100n }),
        (requests, firstPages, holePages) => {
          // A space so small that it fills up: two ranges with a window between them.
          const small = [
            { first: 0x1000n, last: firstPages * 0x1000n - 1n },
            { first: (firstPages + holePages) * 0x1000n, last: (firstPages + holePages) * 0x1000n + 0x7fffffn },
          ];
          const ledger = new Ledger<Mapping>();
          for (const { pages, guard, low, remove } of requests) {
            const size = pages * PAGE;
            const guardBytes = guard ? PAGE : 0;
            let iova: bigint;
            try {
              const asked = { name: 'one', size, guard: guardBytes, unit: PAGE, low };
              iova = placeMapping(asked, { ranges: small, pageSizes: 0x1000n }, ledger, place);
            } catch (error) {
              assert.ok(error instanceof VfioError && error.kind === 'limit');
              continue;
            }
            const one = mapping('one', iova, size + 2 * guardBytes, guardBytes);
            assert.equal(ledger.overlapping(one), undefined);
            assert.ok(small.some(({ first, last }) => iova >= first && endOf(one) - 1n <= last));
            const alignment = BigInt(Math.min(2 ** Math.ceil(Math.log2(size)), 2 ** 21));
            assert.equal((iova + BigInt(guardBytes)) % alignment, 0n);
            ledger.add(one);
            if (remove !== null) ledger.remove([...ledger][remove % ledger.count]?.iova ?? 0n);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test('takes the lowest place above 1 MiB, and lower ones only where nothing else is left', () => {
    const ledger = new Ledger<Mapping>();
    assert.equal(placeMapping(wanted({ size: 0x10000 }), limits, ledger, place), 0x100000n);
    ledger.add(mapping('a', 0x100000n, 0x10000));
    assert.equal(placeMapping(wanted(), limits, ledger, place), 0x110000n);
    assert.equal(placeMapping(wanted({ size: 0x300000 }), limits, ledger, place), 0x200000n);
    const tiny = { ranges: [{ first: 0n, last: 0xffffn }], pageSizes: 0x1000n };
    assert.equal(placeMapping(wanted(), tiny, new Ledger<Mapping>(), place), 0n);
  });

  test('goes around the window for interrupts, and above 4 GiB only where that is allowed', () => {
    const ledger = new Ledger<Mapping>();
    ledger.add(mapping('big', 0n, 0xfee00000));
    assert.equal(placeMapping(wanted(), limits, ledger, place), 0xfef00000n);
    ledger.add(mapping('rest', 0xfef00000n, 0x1100000));
    assert.equal(placeMapping(wanted(), limits, ledger, place), 0x100000000n);
    assert.match(refused({ low: true }, ledger), /no 4 KiB of IOVA below 4 GiB are free .* maps shows/);
  });

  test('gives a buffer the address that was asked for, with the guards around it', () => {
    const asked = wanted({ iova: 0x200000n, guard: PAGE });
    assert.equal(placeMapping(asked, limits, new Ledger<Mapping>(), place), 0x1ff000n);
  });

  test('refuses what cannot be, with the numbers', () => {
    const ledger = new Ledger<Mapping>();
    ledger.add(mapping('tx', 0x200000n, 0x10000));
    assert.match(refused({ iova: 0x123n }), /0x123 is not aligned: .* 4 KiB \| the nearest are 0x0 and 0x1000/);
    assert.match(
      refused({ iova: 0xfee00000n }),
      /0xfee00000\.\.0xfee01000 is outside .* they are 0x0\.\.0xfee00000, 0xfef00000\.\.0x8000000000/,
    );
    assert.match(refused({ iova: 0xfedff000n, guard: PAGE }), /0xfedfe000\.\.0xfee01000, guards included, is outside/);
    assert.match(refused({ iova: 0n, guard: PAGE }), /a guard in front of 0x0 is outside/);
    assert.match(refused({ iova: 0x20f000n }, ledger), /0x20f000\.\.0x210000 overlaps tx \(0x200000\.\.0x210000\)/);
    assert.match(refused({ iova: 0x1ff000n, guard: PAGE }, ledger), /0x1fe000\.\.0x201000 overlaps tx/);
    assert.match(refused({ iova: 0x100000000n, low: true }), /not below 4 GiB/);
    assert.match(refused({ size: 2 ** 40 }), /no 1 TiB of IOVA are free .* the usable ranges are 0x0/);
  });

  test('knows no range as all of 64 bits', () => {
    const unknown = { ranges: [], pageSizes: 0x1000n };
    const last = wanted({ iova: 0xfffffffffffff000n });
    assert.equal(placeMapping(last, unknown, new Ledger<Mapping>(), place), 0xfffffffffffff000n);
    assert.match(refused({ iova: 0xfffffffffffff000n, size: 2 * PAGE }, undefined, unknown), /outside of the usable/);
  });
});

test('an address is told against the mappings around it', () => {
  const ledger = new Ledger<Mapping>();
  assert.equal(whereabouts(0x5000n, ledger), 'nothing is mapped');
  ledger.add(mapping('ring', 0x10000n, 0x4000, 0x1000));
  ledger.add(mapping('tx', 0x20000n, 0x1000));
  assert.equal(whereabouts(0x11040n, ledger), '0x11040 is ring+0x40');
  assert.equal(whereabouts(0x10ff0n, ledger), '0x10ff0 is in the guard in front of ring, 0x10 before its start');
  assert.equal(whereabouts(0x13000n, ledger), '0x13000 is in the guard behind ring, 0x0 past its end');
  assert.equal(whereabouts(0x8000n, ledger), '0x8000 is 0x8000 before ring (0x10000..0x14000)');
  assert.equal(
    whereabouts(0x15000n, ledger),
    '0x15000 is 0x1000 past the end of ring (0x10000..0x14000) and 0xb000 before tx (0x20000..0x21000)',
  );
});
