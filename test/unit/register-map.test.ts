import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VfioError } from '../../src/vfio/errors.js';
import type { MapDescription } from '../../src/vfio/registers/map-description.js';
import { registerMapOf } from '../../src/vfio/registers/map-format.js';
import { type Register, type RegisterMap, registersIn } from '../../src/vfio/registers/register-map.js';

function map(entries: unknown, rest: object = {}): RegisterMap {
  return registerMapOf({ name: 'unit', registers: entries, ...rest }, { origin: 'unit.json' });
}

function registers(of: RegisterMap): Register[] {
  return [...registersIn(of.children)];
}

/** The one register that `entry` makes, without a problem. */
function only(entry: object): Register {
  const made = map([entry]);
  assert.deepEqual(made.problems, []);
  const [register, ...others] = registers(made);
  assert.ok(register && others.length === 0);
  return register;
}

function problems(entries: readonly unknown[], rest: object = {}): string[] {
  return map(entries, rest).problems.map(({ where, why }) => `${where}: ${why}`);
}

test('a register has what its entry says, and numbers in any notation', () => {
  assert.deepEqual(
    only({
      name: 'CTRL',
      offset: '0x1_0',
      width: 16,
      access: 'rw',
      reset: 0b101,
      resetMask: '0b1111',
      description: 'Control',
      fields: [
        { name: 'EN', bits: 0 },
        { name: 'MODE', bits: '3:2', values: { IDLE: 0, RUN: '0x1', REST: 'default' } },
      ],
    }),
    {
      kind: 'register',
      name: 'CTRL',
      path: 'CTRL',
      space: 'region0',
      offset: 16,
      width: 16,
      access: 'rw',
      writeEffect: 'modify',
      reset: 5n,
      resetMask: 15n,
      description: 'Control',
      fields: [
        {
          name: 'MODE',
          low: 2,
          bits: 2,
          access: 'rw',
          writeEffect: 'modify',
          values: [
            { name: 'IDLE', usage: 'both', from: 0n, to: 0n },
            { name: 'RUN', usage: 'both', from: 1n, to: 1n },
            { name: 'REST', usage: 'both', from: 0n, to: 3n, isDefault: true },
          ],
        },
        { name: 'EN', low: 0, bits: 1, access: 'rw', writeEffect: 'modify', values: [] },
      ],
    },
  );
});

test('64 bits keep all their bits', () => {
  assert.equal(only({ name: 'A', offset: 0, width: 64, reset: '0xfedcba9876543210' }).reset, 0xfedcba9876543210n);
  assert.equal(only({ name: 'A', offset: 0, width: 64, reset: 2n ** 64n - 1n }).reset, 2n ** 64n - 1n);
  assert.deepEqual(problems([{ name: 'A', offset: 0, width: 64, reset: 2 ** 60 }]), [
    'unit.json: A: reset: too large for a number of JSON: write it as text, "0x..."',
  ]);
});

test('access words say what reading and writing do', () => {
  const cases = {
    ro: ['ro', 'modify', undefined],
    RW: ['rw', 'modify', undefined],
    wo: ['wo', 'modify', undefined],
    w1c: ['rw', 'w1c', undefined],
    w1s: ['rw', 'w1s', undefined],
    w0t: ['rw', 'w0t', undefined],
    rc: ['ro', 'modify', 'clear'],
    rs: ['ro', 'modify', 'set'],
    w1crs: ['rw', 'w1c', 'set'],
    wrc: ['rw', 'modify', 'clear'],
    w1: ['rw-once', 'modify', undefined],
    reserved: ['reserved', 'modify', undefined],
    'read-only': ['ro', 'modify', undefined],
    'R/W1C': ['rw', 'w1c', undefined],
  };
  for (const [access, [wanted, writeEffect, readEffect]] of Object.entries(cases)) {
    const register = only({ name: 'A', offset: 0, access, fields: [{ name: 'F', bits: 0 }] });
    assert.equal(register.access, wanted, access);
    assert.equal(register.writeEffect, writeEffect, access);
    assert.equal(register.readEffect, readEffect, access);
    assert.equal(register.fields[0]?.access, wanted, `the field of ${access}`);
    assert.equal(register.fields[0]?.writeEffect, writeEffect, `the field of ${access}`);
  }
});

test("effects that no access word has stand beside it, and a field's read effect is its register's", () => {
  const fifo = only({ name: 'FIFO', offset: 0, access: 'rw', readEffect: 'external' });
  assert.equal(fifo.readEffect, 'external');
  const status = only({
    name: 'STATUS',
    offset: 0,
    fields: [
      { name: 'DONE', bits: 3, access: 'rc' },
      { name: 'F', bits: 0 },
    ],
  });
  assert.equal(status.readEffect, 'clear');
  assert.equal(status.access, 'rw');
  assert.equal(only({ name: 'A', offset: 0, fields: [{ name: 'F', bits: 0, access: 'wo' }] }).access, 'wo');
});

test('width, access and reset are inherited from the map and from clusters', () => {
  const made = map(
    [
      { name: 'A', offset: 0 },
      { name: 'B', offset: 1, access: 'rw', reset: 3 },
      {
        name: 'C',
        offset: 8,
        width: 16,
        registers: [
          { name: 'D', offset: 0 },
          { name: 'E', offset: 4, width: 32 },
        ],
      },
    ],
    { width: 8, access: 'ro', reset: 0x1ff },
  );
  assert.deepEqual(
    registers(made).map(({ path, width, access, reset }) => [path, width, access, reset]),
    [
      ['A', 8, 'ro', 0xffn],
      ['B', 8, 'rw', 3n],
      ['C.D', 16, 'ro', 0x1ffn],
      ['C.E', 32, 'ro', 0x1ffn],
    ],
  );
});

test('arrays, lists and clusters in clusters are laid out', () => {
  const made = registerMapOf(
    {
      name: 'dma',
      registers: [
        { name: 'FIFO', offset: 0, count: 2 },
        { name: 'T%s', offset: 0x10, count: 2, stride: 8, first: 1 },
        { name: 'CH%s_CTL', offset: 0x20, names: ['A', 'B'] },
        { offset: 0x30, names: ['TX', 'RX'], stride: 4 },
        {
          name: 'CH',
          offset: 0x100,
          count: 2,
          stride: '0x40',
          registers: [
            { name: 'Q', offset: 8, count: 2, stride: 16, registers: [{ name: 'LEN', offset: 4, width: 16 }] },
          ],
        },
      ],
    },
    { origin: 'dma.json', space: 'region2', base: 0x1000 },
  );
  assert.deepEqual(made.problems, []);
  assert.deepEqual(
    registers(made).map(({ path, offset, space }) => `${space} ${path} ${offset.toString(16)}`),
    [
      'region2 FIFO[0] 1000',
      'region2 FIFO[1] 1004',
      'region2 T1 1010',
      'region2 T2 1018',
      'region2 CHA_CTL 1020',
      'region2 CHB_CTL 1024',
      'region2 TX 1030',
      'region2 RX 1034',
      'region2 CH[0].Q[0].LEN 110c',
      'region2 CH[0].Q[1].LEN 111c',
      'region2 CH[1].Q[0].LEN 114c',
      'region2 CH[1].Q[1].LEN 115c',
    ],
  );
  assert.deepEqual(
    registers(made)
      .slice(0, 3)
      .map(({ name, index }) => [name, index]),
    [
      ['FIFO', 0],
      ['FIFO', 1],
      ['T1', undefined],
    ],
  );
});

test('fields come in lists too, and values as ranges and patterns', () => {
  const { fields } = only({
    name: 'A',
    offset: 0,
    fields: [
      { name: 'EN', bits: 0, count: 2 },
      { name: 'P%s', bits: '[5:4]', names: ['X', 'Y'], stride: 4 },
      {
        name: 'M',
        bits: '15:12',
        access: 'w1c',
        writes: [0, 9],
        values: [
          { name: 'LOW', value: '0..3', description: 'slow' },
          { name: 'ODD', value: '0bx1', usage: 'read' },
        ],
      },
    ],
  });
  assert.deepEqual(
    fields.map(({ name, low, bits }) => `${name} ${low + bits - 1}:${low}`),
    ['M 15:12', 'PY 9:8', 'PX 5:4', 'EN1 1:1', 'EN0 0:0'],
  );
  assert.deepEqual(fields[0]?.values, [
    { name: 'LOW', usage: 'both', description: 'slow', from: 0n, to: 3n },
    { name: 'ODD', usage: 'read', from: 1n, to: 3n, mask: 0b1101n },
  ]);
  assert.deepEqual(fields[0]?.constraint, { kind: 'range', from: 0n, to: 9n });
  assert.equal(fields[0]?.writeEffect, 'w1c');
});

test('a register over another is an alternate view of its place', () => {
  const made = map([
    { name: 'DR', offset: 4 },
    { name: 'DR8', offset: 5, width: 8 },
    { name: 'X', offset: 8 },
  ]);
  assert.deepEqual(
    registers(made).map(({ path, alternate }) => [path, alternate]),
    [
      ['DR', undefined],
      ['DR8', true],
      ['X', undefined],
    ],
  );
});

test('what is wrong is said with its place, and the rest is used', () => {
  const good = { name: 'OK', offset: 0x40 };
  const cases: [unknown, string][] = [
    [{ name: 'A' }, 'unit.json: A: "offset" is missing'],
    [{ offset: 0 }, 'unit.json: registers[0]: "name" is missing'],
    [{ name: 'A', offset: '1f' }, 'unit.json: A: offset: "1f" is no number: hexadecimal needs 0x, 0x1f'],
    [{ name: 'A', offset: -4 }, 'unit.json: A: offset: -4 is no whole number'],
    [{ name: 'A', offset: 0, acess: 'ro' }, 'unit.json: A: there is no "acess" here: did you mean access?'],
    [
      { name: 'A', offset: 0, access: 'w1x' },
      'unit.json: A: access: "w1x" is no access: did you mean w1 or w1c or w1s?',
    ],
    [{ name: 'A', offset: 0, width: 24 }, 'unit.json: A: width: "24" is not known: it is one of 8, 16, 32, 64'],
    [{ name: 'A B', offset: 0 }, 'unit.json: A B: name: "A B" is no name: letters, digits, _ and %s'],
    [{ name: 'A', offset: 0, fields: {} }, 'unit.json: A: fields: a list of fields is expected: [ ... ]'],
    [{ name: 'A%s', offset: 0 }, 'unit.json: A%s: the %s in the name needs a count, or names'],
    [{ name: 'A', offset: 0, count: 3, names: ['X'] }, 'unit.json: A: count is 3, but there are 1 names'],
    [
      { name: 'A', offset: 0, count: 1e12 },
      'unit.json: A: 1000000000000 more are too many: a map has 262144 registers at the most',
    ],
    [
      { name: 'A', offset: 0, count: 2, registers: [] },
      'unit.json: A: "stride" is missing: the bytes from one to the next',
    ],
    [{ name: 'A', offset: 0, width: 8, reset: 256 }, 'unit.json: A: reset: 0x100 does not fit 8 bits'],
    [{ name: 'A', offset: 0, fields: [{ name: 'F' }] }, 'unit.json: A.F: "bits" is missing'],
    [
      { name: 'A', offset: 0, fields: [{ name: 'F', bits: '4:7' }] },
      'unit.json: A.F: bits: the bits are the wrong way round: "7:4"',
    ],
    [
      { name: 'A', offset: 0, fields: [{ name: 'F', bits: '32:1' }] },
      'unit.json: A.F: bits 32:1 are beyond the 32 bits of the register',
    ],
    [
      { name: 'A', offset: 0, fields: [{ name: 'F', bits: 0, values: { 0: 'OFF' } }] },
      'unit.json: A.F: values: the name comes first: "OFF": 0',
    ],
    [
      { name: 'A', offset: 0, fields: [{ name: 'F', bits: 0, values: { BIG: 2 } }] },
      'unit.json: A.F: values: BIG: the value 2 does not fit one bit',
    ],
    [good, 'unit.json: OK: there are two of the name OK: this one is called OK_2'],
    [17, 'unit.json: registers[0]: an object is expected: { ... }'],
  ];
  for (const [entry, wanted] of cases) {
    const made = map([entry, good]);
    assert.deepEqual(
      made.problems.map(({ where, why }) => `${where}: ${why}`),
      [wanted],
    );
    assert.ok(registers(made).some(({ path }) => path === 'OK'));
  }
});

test('what is no map at all is refused with what one looks like', () => {
  for (const data of [undefined, 3, [], {}, { name: 'x' }, { name: 'x y', registers: [] }]) {
    assert.throws(() => registerMapOf(data, { origin: 'x.json' }), VfioError);
  }
});

test('arrays of arrays end at the most registers of a map', () => {
  let inner: object = { name: 'R', offset: 0, count: 1000 };
  for (let depth = 0; depth < 6; depth += 1)
    inner = { name: 'C', offset: 0, count: 1000, stride: 1, registers: [inner] };
  const made = map([inner]);
  assert.ok(registers(made).length <= 2 ** 18);
  assert.match(made.problems[0]?.why ?? '', /more than 262144 registers/);
  for (let depth = 0; depth < 100; depth += 1) inner = { name: 'C', offset: 0, registers: [inner] };
  assert.match(map([inner]).problems[0]?.why ?? '', /no deeper than 32/);
});

test('whatever is in a file, it is read or refused', () => {
  const odd = fc.oneof(fc.anything(), fc.constantFrom('0x10', 4, '7:0', 'CTRL', 'ro', '%s', [0], { A: 1 }));
  const keys = fc.constantFrom(
    'name',
    'offset',
    'fields',
    'registers',
    'count',
    'bits',
    'values',
    'access',
    'names',
    'stride',
  );
  const node: fc.Arbitrary<unknown> = fc.dictionary(keys, fc.oneof(odd, fc.array(fc.dictionary(keys, odd))));
  fc.assert(
    fc.property(fc.array(node), (entries) => {
      for (const register of registers(map(entries))) {
        assert.ok(Number.isSafeInteger(register.offset) && register.offset >= 0);
        for (const { low, bits } of register.fields) assert.ok(low >= 0 && bits > 0 && low + bits <= register.width);
      }
    }),
    { numRuns: 100 },
  );
});

test('a description in TypeScript is checked by its type', () => {
  const edu: MapDescription = {
    name: 'edu',
    registers: [{ name: 'ID', offset: 0, access: 'ro', fields: [{ name: 'MAJOR', bits: '31:24' }] }],
  };
  assert.equal(registers(registerMapOf(edu, { origin: 'profile edu' })).length, 1);
});
