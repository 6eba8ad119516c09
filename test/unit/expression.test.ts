import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { valueOf } from '../../src/repl/arguments/argument.js';
import type { Location } from '../../src/repl/arguments/location.js';
import type { Environment, Names } from '../../src/repl/environment.js';
import { parseExpression } from '../../src/repl/expression.js';
import { Scanner } from '../../src/repl/scanner.js';
import { UsageError } from '../../src/repl/usage-error.js';
import { fakeSpace, namesOf } from './language-fixture.js';

const region0 = fakeSpace('region0', 0x1000);
const names: Names = namesOf([region0]);

function evaluate(text: string, environment: Partial<Environment> = {}): bigint {
  const scanner = new Scanner(text, { text, start: 0, end: text.length, quoted: false }, names);
  const parsed = parseExpression(scanner);
  scanner.skipSpace();
  if (!scanner.done) scanner.fail('something is left');
  return valueOf(parsed, {
    variable: () => undefined,
    load: () => assert.fail('nothing is to be read'),
    ...environment,
  });
}

function failure(text: string, environment?: Partial<Environment>): UsageError {
  try {
    evaluate(text, environment);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `${text} was accepted` });
}

test('numbers in every notation', () => {
  const cases: Record<string, bigint> = {
    '0': 0n,
    '0x1f': 31n,
    '0XFF': 255n,
    '0b101': 5n,
    '0o17': 15n,
    '1_000_000': 1_000_000n,
    '0xdead_beef': 0xdeadbeefn,
    '4K': 4096n,
    '1m': 1n << 20n,
    '2G': 2n << 30n,
    '0x10K': 16n * 1024n,
    '0xffffffffffffffff': (1n << 64n) - 1n,
    '18446744073709551615': (1n << 64n) - 1n,
    '0x0000000000000000000000001': 1n,
    '000': 0n,
  };
  for (const [text, value] of Object.entries(cases)) assert.equal(evaluate(text), value, text);
});

test('what is no number says why', () => {
  const cases: [text: string, message: RegExp, hint?: RegExp][] = [
    ['0x', /0x is no number/, /digits are missing/],
    ['1e5', /1e5 is no number/, /write it out/],
    ['12abc', /12abc is no number/, /0x12abc/],
    ['0b12', /no number/, /binary digits/],
    ['0o8', /no number/, /octal digits/],
    ['1__0', /no number/, /between two digits/],
    ['1_', /no number/, /between two digits/],
    ['1.5', /1\.5 is no number/],
    ['010', /octal or decimal/, /0o10 or 10/],
    ['64B', /no number/, /only where a count/],
    ['0x1_0000_0000_0000_0000', /does not fit 64 bits/],
    ['18446744073709551616', /does not fit 64 bits/],
    ['16777216000000G', /does not fit 64 bits/],
    [`0x${'f'.repeat(1_000_000)}`, /does not fit 64 bits/],
    ['9'.repeat(1_000_000), /does not fit 64 bits/],
    ['NaN', /"NaN" is no value/, /\$NaN/],
    ['Infinity', /"Infinity" is no value/],
    ['null', /"null" is no value/],
    ['', /a value is missing/],
    ['1 +', /a value is missing/],
    ['(1', /is missing/],
    ['1 ? 2', /needs a ":"/],
    ['$', /needs a name/],
    ['$nope', /\$nope is not set/, /\$nope = VALUE/],
    ['@', /"@" stands where a value/],
  ];
  for (const [text, message, hint] of cases) {
    const error = failure(text);
    assert.match(error.message, message, text.slice(0, 40));
    assert.ok(error.message.length < 200, 'a long word is cut');
    if (hint) assert.match(error.hint ?? '', hint, text);
  }
});

test("C's operators with C's precedence, in unsigned 64 bits", () => {
  const cases: Record<string, bigint> = {
    '1 + 2 * 3': 7n,
    '(1 + 2) * 3': 9n,
    '-1': (1n << 64n) - 1n,
    '0 - 1 >> 60': 15n,
    '~0 & 0xff': 255n,
    '1 << 4 | 1': 17n,
    '1 << 64': 0n,
    '1 << 0xffffffffffffffff': 0n,
    '-1 >> 64': 0n,
    '7 / 2 + 7 % 2': 4n,
    '0xffffffffffffffff + 1': 0n,
    '0xffffffffffffffff * 0xffffffffffffffff': 1n,
    '!5': 0n,
    '!0': 1n,
    '!!7': 1n,
    '1 < 2 == 1': 1n,
    '5 & 3 == 3': 1n,
    '1 ? 2 : 3': 2n,
    '0 ? 2 : 0 ? 3 : 4': 4n,
    '1 || 1 / 0': 1n,
    '0 && 1 / 0': 0n,
    '1 ? 2 : 1 / 0': 2n,
    '- - 1': 1n,
    '10 - 4 - 3': 3n,
    '-1 > 1': 1n,
  };
  for (const [text, value] of Object.entries(cases)) assert.equal(evaluate(text), value, text);
});

test('division by zero is an error at the operator, where it is reached', () => {
  const error = failure('1 + 5 / (2 - 2)');
  assert.match(error.message, /division by zero/);
  assert.deepEqual([error.start, error.end], [6, 7]);
  assert.match(failure('$x % $y', { variable: (name) => (name === 'x' ? 4n : 0n) }).message, /division by zero/);
});

test('a variable is looked up, and a place is read, each time and once', () => {
  const reads: Location[] = [];
  const environment = {
    variable: (name: string) => (name === '_' ? 7n : undefined),
    load: (at: Location) => BigInt(reads.push(at)),
  };
  assert.equal(evaluate('[region0 0x10] + $_ * [region0+0x20:16]', environment), 1n + 7n * 2n);
  assert.deepEqual(
    reads.map(({ space, offset, width }) => [space.name, offset, width]),
    [
      ['region0', 0x10, 32],
      ['region0', 0x20, 16],
    ],
  );
  reads.length = 0;
  assert.equal(evaluate('0 && [region0 0]', environment), 0n);
  assert.equal(evaluate('1 ? 5 : [region0 0]', environment), 5n);
  assert.equal(reads.length, 0, 'a branch that is not taken reads nothing');
});

test('no nesting and no length runs out of stack', () => {
  for (const text of ['('.repeat(500_000), '~'.repeat(500_000), '[region0 '.repeat(100_000), '1?'.repeat(300_000)]) {
    assert.match(failure(text).message, /nested too deeply/);
  }
  assert.equal(evaluate(Array.from({ length: 200_000 }, () => '1').join('+')), 200_000n);
  const variables = Array.from({ length: 200_000 }, () => '$x').join('+');
  assert.match(failure(variables, { variable: () => 1n }).message, /too long an expression/);
});

/** An expression as text, with the value that C's rules give it on unsigned 64-bit integers; undefined where it divides by zero. */
interface Sample {
  readonly text: string;
  readonly value: bigint | undefined;
}

const wrap = (value: bigint): bigint => value & ((1n << 64n) - 1n);
const binary: Record<string, (a: bigint, b: bigint) => bigint | undefined> = {
  '+': (a, b) => wrap(a + b),
  '-': (a, b) => wrap(a - b + (1n << 64n)),
  '*': (a, b) => wrap(a * b),
  '/': (a, b) => (b === 0n ? undefined : a / b),
  '%': (a, b) => (b === 0n ? undefined : a - (a / b) * b),
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '<<': (a, b) => (b > 63n ? 0n : wrap(a * 2n ** b)),
  '>>': (a, b) => (b > 63n ? 0n : a / 2n ** b),
  '==': (a, b) => (a === b ? 1n : 0n),
  '!=': (a, b) => (a === b ? 0n : 1n),
  '<': (a, b) => (a < b ? 1n : 0n),
  '>': (a, b) => (a > b ? 1n : 0n),
  '<=': (a, b) => (a > b ? 0n : 1n),
  '>=': (a, b) => (a < b ? 0n : 1n),
};

const number = fc
  .oneof(fc.bigInt(0n, (1n << 64n) - 1n), fc.bigInt(0n, 70n))
  .chain((value) =>
    fc.constantFrom<Sample>(
      { text: `0x${value.toString(16)}`, value },
      { text: value.toString(), value },
      { text: `0b${value.toString(2)}`, value },
      { text: `$v${value}`, value },
    ),
  );

const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    number,
    fc
      .tuple(tie('sample'), fc.constantFrom(...Object.keys(binary)), tie('sample'))
      .map(([left, operator, right]: [Sample, string, Sample]) => ({
        text: `(${left.text}) ${operator}(${right.text})`,
        value:
          left.value === undefined || right.value === undefined
            ? undefined
            : binary[operator]?.(left.value, right.value),
      })),
    fc.tuple(fc.constantFrom('-', '~', '!'), tie('sample')).map(([sign, { text, value }]: [string, Sample]) => ({
      text: `${sign}(${text})`,
      value:
        value === undefined
          ? undefined
          : sign === '-'
            ? wrap((1n << 64n) - value)
            : sign === '~'
              ? (1n << 64n) - 1n - value
              : value === 0n
                ? 1n
                : 0n,
    })),
  ),
}));

test('agrees with a reference on BigInt', () => {
  const variable = (name: string): bigint => BigInt(name.slice(1));
  fc.assert(
    fc.property(sample, ({ text, value }) => {
      if (value === undefined) assert.match(failure(text, { variable }).message, /division by zero/);
      else assert.equal(evaluate(text, { variable }), value);
    }),
    { numRuns: 1000 },
  );
});

test('precedence agrees with JavaScript, which took it from C', () => {
  const operand = fc.integer({ min: 0, max: 7 }).map(String);
  const operator = fc.constantFrom('+', '*', '&', '|', '^', '<<', '==', '!=', '<', '>', '<=', '>=', '&&', '||');
  fc.assert(
    fc.property(operand, fc.array(fc.tuple(operator, operand), { maxLength: 5 }), (first, rest) => {
      const text = first + rest.map(([sign, each]) => ` ${sign} ${each}`).join('');
      // Small operands keep JavaScript's 32 bits from mattering, where no shift is by a sum, a product or a second time; && and || give 1 or
      // 0 here and an operand there.
      fc.pre(!/<<.*(\+|\*|<<)/.test(text));
      const reference = Number(runInNewContext(logical(text)));
      assert.equal(evaluate(text), BigInt.asUintN(64, BigInt(reference)));
    }),
  );
});

/** `text` with the results of && and || made 0 or 1: its parts split at them, || weakest. */
function logical(text: string): string {
  const truth = (part: string): string => `((${part}) != 0)`;
  const either = text.split('||');
  if (either.length > 1) return `(${either.map((part) => truth(logical(part))).join('||')})`;
  const both = text.split('&&');
  return both.length > 1 ? `(${both.map(truth).join('&&')})` : text;
}

test('any text is a value or a UsageError whose place is in it', () => {
  const characters = '0123456789abxKMG_$+-*/%&|^<>=!~?:()[] .#region';
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: fc.constantFrom(...characters.split('')) }), fc.string({ unit: 'binary' })),
      (text) => {
        try {
          const value = evaluate(text, { variable: () => 3n, load: () => 5n });
          assert.ok(value >= 0n && value < 1n << 64n);
        } catch (error) {
          assert.ok(error instanceof UsageError, String(error));
          assert.ok(
            error.start >= 0 && error.start <= error.end && error.end <= text.length + 1,
            `${error.start}..${error.end}`,
          );
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test('a place in brackets follows the rules of every location', () => {
  assert.match(failure('[ring 0]').message, /there is no space "ring"/);
  assert.match(failure('[region0]').message, /the offset in region0 is missing/);
  assert.match(failure('[region0 0:24]').message, /is no width/);
  assert.match(failure('[region0 0 0]').message, /"0" stands where "]" is expected/);
});
