import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseStep, type Step, stepText } from '../../src/repl/recorded-step.js';
import { StepCollector } from '../../src/repl/step-collector.js';
import { Journal } from '../../src/vfio/journal.js';

const width = fc.constantFrom(8 as const, 16 as const, 32 as const, 64 as const);
const place = fc.record({ space: fc.constantFrom('region0', 'config', 'ring-2'), offset: fc.nat(), width });
const outcome = fc.oneof(
  fc.bigInt({ min: 0n, max: 255n }).map((value) => ({ value })),
  fc.constantFrom('EIO', 'not mapped: 0x10, 3 reads').map((refused) => ({ refused })),
  fc.constant('any' as const),
);
const anyStep: fc.Arbitrary<Step> = fc
  .oneof(
    fc.record({ kind: fc.constantFrom('read' as const, 'write' as const), outcome }),
    fc.record({ kind: fc.constant('poll' as const), outcome, reads: fc.nat() }),
    fc.record({
      kind: fc.constantFrom('read-block' as const, 'write-block' as const),
      count: fc.nat(),
      stride: fc.nat(64),
      refused: fc.nat(3),
      crc: fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constant('any' as const)),
    }),
  )
  .chain((step) => place.map((at) => ({ ...step, ...at })));

test('every step reads back as it was written', () => {
  const irq = fc.record({
    kind: fc.constant('irq' as const),
    name: fc.constantFrom('msi[0]', 'irq0[0]'),
    count: fc.bigInt({ min: 1n }),
  });
  fc.assert(
    fc.property(fc.oneof(anyStep, irq), (step) => {
      const text = stepText(step);
      assert.deepEqual(parseStep(text), { ...step }, text);
    }),
  );
});

test('a long block is one step, however it is cut into pieces', () => {
  const bytes = Uint8Array.from({ length: 64 }, (_, index) => index * 7);
  const made = (cuts: readonly number[]): Step[] => {
    const journal = new Journal(16);
    const found: Step[] = [];
    const collector = new StepCollector((step) => found.push(step));
    journal.follow((entry, data) => void collector.take(entry, undefined, data));
    let from = 0;
    for (const to of [...cuts, 16]) {
      const at = { space: 'region0', offset: from * 4, width: 32, count: to - from, stride: 4, faults: 0 } as const;
      journal.block({ kind: 'read-block', ...at }, bytes.subarray(from * 4, to * 4));
      from = to;
    }
    collector.flush();
    return found;
  };
  const whole = made([]);
  assert.equal(whole.length, 1);
  for (const cuts of [[1], [8], [3, 4, 15]]) assert.deepEqual(made(cuts), whole);
});
