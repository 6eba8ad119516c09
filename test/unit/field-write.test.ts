import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bitsOf, composed, planWrite } from '../../src/vfio/registers/field-write.js';
import { maskOf } from '../../src/vfio/registers/field-value.js';
import type { Access, FieldDescription, Register, WriteEffect } from '../../src/vfio/registers/register-map.js';
import { type AccessClass, RegisterBank } from '../../src/vfio/sim/register-bank.js';
import { field, register } from './register-fixture.js';

/** What the simulator does, in the words of maps. */
const classes = {
  ro: ['ro', 'modify'],
  rw: ['rw', 'modify'],
  wo: ['wo', 'modify'],
  w1c: ['rw', 'w1c'],
  w1s: ['rw', 'w1s'],
  w1t: ['rw', 'w1t'],
  w0c: ['rw', 'w0c'],
  res: ['reserved', 'modify'],
} as const satisfies Partial<Record<AccessClass, readonly [Access, WriteEffect]>>;

type Class = keyof typeof classes;

interface Case {
  readonly kinds: readonly Class[];
  /** For each field, whether it is written. */
  readonly asked: readonly boolean[];
  readonly stored: bigint;
  readonly value: bigint;
  readonly reset: bigint;
  /** What was last written, for fields that cannot be read. */
  readonly seen: boolean;
}

const WIDTHS = [4, 1, 7, 3, 9, 1, 2, 5];

const cases: fc.Arbitrary<Case> = fc.record({
  kinds: fc.array(fc.constantFrom(...(Object.keys(classes) as Class[])), {
    minLength: WIDTHS.length,
    maxLength: WIDTHS.length,
  }),
  asked: fc.array(fc.boolean(), { minLength: WIDTHS.length, maxLength: WIDTHS.length }),
  stored: fc.bigInt(0n, 0xffff_ffffn),
  value: fc.bigInt(0n, 0xffff_ffffn),
  reset: fc.bigInt(0n, 0xffff_ffffn),
  seen: fc.boolean(),
});

/** Fields of all widths next to each other, lowest first; bit 31 is left over. */
function fieldsOf(kinds: readonly Class[]): FieldDescription[] {
  let low = 0;
  return kinds.map((kind, index) => {
    const bits = WIDTHS[index] ?? 1;
    const [access, writeEffect] = classes[kind];
    const made = field(`F${index}`, [low + bits - 1, low], { access, writeEffect });
    low += bits;
    return made;
  });
}

/** The device's register: what it stores, whatever can be read of it. */
function deviceOf(kinds: readonly Class[], fields: readonly FieldDescription[], stored: bigint): RegisterBank {
  const bank = new RegisterBank([
    {
      name: 'R',
      offset: 0,
      width: 32,
      access: 'res',
      fields: fields.map(({ name, low, bits }, index) => ({
        name,
        bits: [low + bits - 1, low],
        access: kinds[index] ?? 'res',
      })),
    },
  ]);
  bank.set('R', stored);
  return bank;
}

function masked(
  fields: readonly FieldDescription[],
  keep: (field: FieldDescription, index: number) => boolean,
): bigint {
  return fields.reduce((mask, one, index) => (keep(one, index) ? mask | maskOf(one) : mask), 0n);
}

test('whatever the fields are, those that are asked for are written and no other is changed, by the fewest accesses', () => {
  fc.assert(
    fc.property(cases, ({ kinds, asked, stored, value, reset, seen }) => {
      const fields = fieldsOf(kinds);
      const wanted = masked(fields, (_, index) => asked[index] === true);
      const hidden = masked(fields, (_, index) => kinds[index] === 'wo');
      const of: Register = register('R', 0, { fields, ...(!seen && { reset }) });
      // What is not readable is what it was last seen as, or what a reset leaves.
      const start = (stored & ~hidden) | ((seen ? stored : reset) & hidden);
      const bank = deviceOf(kinds, fields, start);
      const bits = { mask: wanted, value: value & wanted };
      const plan = planWrite(of, bits, {
        known: () => ({ value: start, mask: seen ? 0xffff_ffffn : 0n }),
        force: false,
      });
      assert.ok(!('why' in plan));
      const kept = masked(fields, (_, index) => kinds[index] === 'rw' && asked[index] !== true);
      assert.equal(plan.keep !== 0n, kept !== 0n, 'a read where a field has to be kept, and else none');
      const old = plan.keep === 0n ? 0n : bank.read(0, 4);
      bank.write(0, 4, composed(plan, old));
      const after = bank.get('R');
      for (const [index, one] of fields.entries()) {
        const mask = maskOf(one);
        const before = start & mask;
        const written = value & mask;
        const effect: Readonly<Record<Class, bigint>> = {
          ro: before,
          rw: written,
          wo: written,
          w1c: before & ~written,
          w1s: before | written,
          w1t: before ^ written,
          w0c: before & written,
          res: before,
        };
        const expected = asked[index] === true ? effect[kinds[index] ?? 'res'] : before;
        assert.equal(after & mask, expected, `${one.name} ${kinds[index]}`);
      }
    }),
    { numRuns: 3000 },
  );
});

test('fields and values become bits of the register', () => {
  const [low, high] = [field('LOW', [3, 0]), field('HIGH', [31, 28])];
  assert.deepEqual(
    bitsOf([
      { field: high, value: 0xfn },
      { field: low, value: 2n },
    ]),
    {
      mask: 0xf000_000fn,
      value: 0xf000_0002n,
    },
  );
});

test('where a field that is read and one that is written share bits, what is read is not written', () => {
  const of = register('R', 0, {
    reset: 0x300n,
    fields: [
      field('CMD', [15, 8], { access: 'wo' }),
      field('STATUS', [15, 8], { access: 'ro' }),
      field('MODE', [2, 1]),
      field('EN', [0, 0]),
    ],
  });
  const known = (): { value: bigint; mask: bigint } => ({ value: 0n, mask: 0n });
  const plan = planWrite(of, { mask: 1n, value: 1n }, { known, force: false });
  assert.ok(!('why' in plan));
  assert.equal(composed(plan, 0xff04n), 0x305n);
});

test('a field of a register whose value is not known is not made up', () => {
  const fields = [field('GO', [0, 0], { access: 'wo' }), field('EN', [1, 1])];
  const of = register('R', 0, { fields });
  const known = (): { value: bigint; mask: bigint } => ({ value: 0n, mask: 0n });
  const plan = planWrite(of, { mask: 2n, value: 2n }, { known, force: false });
  assert.ok('why' in plan && plan.why === 'GO can only be written: its value is not known');
  const forced = planWrite(of, { mask: 2n, value: 2n }, { known, force: true });
  assert.ok(!('why' in forced) && composed(forced, 0n) === 2n && forced.notes.includes('GO as zeros'));
});
