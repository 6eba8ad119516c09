import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Ledger } from '../../src/vfio/dma/ledger.js';
import { endOf, type IovaSpan } from '../../src/vfio/dma/mapping.js';

const UNIT = 0x1000n;

/** Spans of a few pages in a small space, so that they collide often. */
const span = fc.record({
  iova: fc.bigInt({ min: 0n, max: 400n }).map((page) => page * UNIT),
  size: fc.integer({ min: 1, max: 6 }).map((pages) => pages * Number(UNIT)),
});

const overlap = (a: IovaSpan, b: IovaSpan): boolean => a.iova < endOf(b) && b.iova < endOf(a);
const byAddress = (a: IovaSpan, b: IovaSpan): number => (a.iova < b.iova ? -1 : 1);

/** A ledger and the same spans as a plain array. */
class Twin {
  /** Leaves of a few spans, so that they split and go away. */
  readonly ledger = new Ledger<IovaSpan>(4);
  spans: IovaSpan[] = [];

  add(one: IovaSpan): void {
    const clash = this.spans.toSorted(byAddress).find((other) => overlap(one, other));
    assert.equal(this.ledger.overlapping(one), clash);
    if (clash !== undefined) {
      assert.throws(() => this.ledger.add(one), RangeError);
      return;
    }
    this.ledger.add(one);
    this.spans.push(one);
  }

  remove(iova: bigint): void {
    const known = this.spans.find((one) => one.iova === iova);
    assert.equal(this.ledger.remove(iova), known);
    this.spans = this.spans.filter((one) => one !== known);
  }

  /** The first fit by trying every place. */
  firstFit(size: number, alignment: bigint, phase: bigint, first: bigint, last: bigint): bigint | undefined {
    const candidates = [first, ...this.spans.map(endOf)].filter((at) => at >= first);
    const aligned = candidates.map((at) => ((at + phase + alignment - 1n) / alignment) * alignment - phase);
    return aligned
      .filter((at) => at >= first && at + BigInt(size) - 1n <= last)
      .filter((at) => !this.spans.some((one) => overlap(one, { iova: at, size })))
      .toSorted((a, b) => (a < b ? -1 : 1))[0];
  }
}

const step = fc.oneof(
  { weight: 3, arbitrary: span.map((one) => (twin: Twin) => twin.add(one)) },
  {
    weight: 1,
    arbitrary: fc.nat().map((nth) => (twin: Twin) => {
      const one = twin.spans[nth % Math.max(1, twin.spans.length)];
      twin.remove(one?.iova ?? 0n);
    }),
  },
);

describe('the ledger', () => {
  test('is what a plain list would be, after any additions and removals', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: 'max' }), fc.bigInt({ min: 0n, max: 420n }), (steps, page) => {
        const twin = new Twin();
        for (const each of steps) each(twin);
        const sorted = twin.spans.toSorted(byAddress);
        assert.deepEqual([...twin.ledger], sorted);
        assert.equal(twin.ledger.count, sorted.length);
        assert.equal(
          twin.ledger.bytes,
          sorted.reduce((sum, { size }) => sum + size, 0),
        );
        const at = page * UNIT + 5n;
        const { at: holder, below, above } = twin.ledger.neighbours(at);
        assert.equal(
          holder,
          sorted.find((one) => one.iova <= at && at < endOf(one)),
        );
        if (holder === undefined) {
          assert.equal(
            below,
            sorted.findLast((one) => endOf(one) <= at),
          );
          assert.equal(
            above,
            sorted.find((one) => one.iova > at),
          );
        }
      }),
      { numRuns: 80 },
    );
  });

  test('finds the lowest fit that there is, however often it is asked', () => {
    const fit = fc.record({
      pages: fc.integer({ min: 1, max: 8 }),
      shift: fc.integer({ min: 0, max: 3 }),
      guarded: fc.boolean(),
      first: fc.bigInt({ min: 0n, max: 300n }),
      length: fc.bigInt({ min: 1n, max: 200n }),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200, size: 'max' }),
        fc.array(fit, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(), fc.option(step)), { maxLength: 30 }),
        (before, fits, after) => {
          const twin = new Twin();
          for (const each of before) each(twin);
          for (const [nth, change] of [[0, null] as const, ...after]) {
            change?.(twin);
            const { pages, shift, guarded, first: page, length } = fits[nth % fits.length] ?? assert.fail();
            const size = pages * Number(UNIT);
            const alignment = UNIT << BigInt(shift);
            const phase = guarded ? UNIT : 0n;
            const first = page * UNIT;
            const last = first + length * UNIT - 1n;
            const found = twin.ledger.firstFit({ size, alignment, phase, first, last });
            assert.equal(found, twin.firstFit(size, alignment, phase, first, last));
            if (found !== undefined && nth % 2 === 0) twin.add({ iova: found, size });
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test('holds tens of thousands, in any order, and gives them all back', () => {
    const ledger = new Ledger<IovaSpan>();
    const count = 20_000;
    // 7919 is prime to the count, so every page comes once, far from the one before.
    const pages = Array.from({ length: count }, (_, index) => BigInt((index * 7919) % count));
    for (const page of pages) ledger.add({ iova: page * 2n * UNIT, size: Number(UNIT) });
    assert.equal(ledger.count, count);
    assert.equal(ledger.neighbours(2n * UNIT + 1n).at?.iova, 2n * UNIT);
    assert.equal(ledger.neighbours(3n * UNIT).at, undefined);
    const fit = { size: Number(UNIT), alignment: UNIT, phase: 0n, first: 0n, last: (1n << 64n) - 1n };
    assert.equal(ledger.firstFit(fit), UNIT);
    assert.equal(ledger.firstFit({ ...fit, size: 2 * Number(UNIT) }), (2n * BigInt(count) - 1n) * UNIT);
    for (const page of pages) assert.equal(ledger.remove(page * 2n * UNIT)?.iova, page * 2n * UNIT);
    assert.deepEqual([...ledger], []);
    assert.equal(ledger.firstFit(fit), 0n);
  });

  test('reaches up to the last address of 64 bits', () => {
    const ledger = new Ledger<IovaSpan>();
    const top = (1n << 64n) - UNIT;
    ledger.add({ iova: top, size: Number(UNIT) });
    assert.equal(ledger.neighbours((1n << 64n) - 1n).at?.iova, top);
    const fit = { size: Number(UNIT), alignment: UNIT, phase: 0n, first: top, last: (1n << 64n) - 1n };
    assert.equal(ledger.firstFit(fit), undefined);
    ledger.remove(top);
    assert.equal(ledger.firstFit(fit), top);
  });
});
