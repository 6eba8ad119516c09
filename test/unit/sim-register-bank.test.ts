import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from '../../src/vfio/sim/model.js';
import { RegisterBank, type AccessClass } from '../../src/vfio/sim/register-bank.js';

/** One 32-bit register of `access` at 0 that holds 0xff00. */
function bank(access: AccessClass): RegisterBank {
  return new RegisterBank([{ name: 'R', offset: 0, width: 32, access, reset: 0xff00n }]);
}

const classes: readonly {
  readonly access: AccessClass;
  /** What reads give before, and after, 0x0ff0 is written. */
  readonly shown: bigint;
  readonly stored: bigint;
}[] = [
  { access: 'ro', shown: 0xff00n, stored: 0xff00n },
  { access: 'rw', shown: 0xff00n, stored: 0x0ff0n },
  { access: 'wo', shown: 0n, stored: 0x0ff0n },
  { access: 'w1c', shown: 0xff00n, stored: 0xf000n },
  { access: 'w1s', shown: 0xff00n, stored: 0xfff0n },
  { access: 'w1t', shown: 0xff00n, stored: 0xf0f0n },
  { access: 'w0c', shown: 0xff00n, stored: 0x0f00n },
  { access: 'w1', shown: 0xff00n, stored: 0x0ff0n },
  { access: 'res', shown: 0n, stored: 0xff00n },
];

for (const { access, shown, stored } of classes) {
  test(`${access}: reading shows and does not change, writing 0x0ff0 over 0xff00 stores 0x${stored.toString(16)}`, () => {
    const registers = bank(access);
    assert.equal(registers.read(0, 4), shown);
    assert.equal(registers.get('R'), 0xff00n);
    registers.write(0, 4, 0x0ff0n);
    assert.equal(registers.get('R'), stored);
    registers.reset();
    assert.equal(registers.get('R'), 0xff00n);
  });
}

test('rc: reading shows what was there and clears it, writing does nothing', () => {
  const registers = bank('rc');
  registers.write(0, 4, 0xffffffffn);
  assert.equal(registers.read(0, 4), 0xff00n);
  assert.equal(registers.read(0, 4), 0n);
});

test('rs: reading shows what was there and sets all bits', () => {
  const registers = bank('rs');
  assert.equal(registers.read(0, 4), 0xff00n);
  assert.equal(registers.read(0, 4), 0xffffffffn);
});

test('w1: only the first write to each byte counts, until reset', () => {
  const registers = bank('w1');
  registers.write(0, 1, 0x12n);
  registers.write(0, 4, 0xaabbccddn);
  assert.equal(registers.read(0, 4), 0xaabbcc12n);
  registers.write(0, 4, 0n);
  assert.equal(registers.read(0, 4), 0xaabbcc12n);
  registers.reset();
  registers.write(0, 4, 1n);
  assert.equal(registers.read(0, 4), 1n);
});

test('a narrow access touches only the bytes it covers', () => {
  const cleared = bank('rc');
  assert.equal(cleared.read(1, 1), 0xffn);
  assert.equal(cleared.get('R'), 0n);
  const w1c = new RegisterBank([{ name: 'R', offset: 0, width: 32, access: 'w1c', reset: 0xffffffffn }]);
  w1c.write(2, 1, 0xffn);
  assert.equal(w1c.get('R'), 0xff00ffffn);
  const rc = new RegisterBank([{ name: 'R', offset: 0, width: 32, access: 'rc', reset: 0xffffffffn }]);
  assert.equal(rc.read(2, 2), 0xffffn);
  assert.equal(rc.get('R'), 0x0000ffffn);
});

test('a wide access reaches every register under it, each with its own class', () => {
  const registers = new RegisterBank([
    { name: 'A', offset: 0, width: 32, access: 'rw', reset: 0x11111111n },
    { name: 'B', offset: 4, width: 16, access: 'rc', reset: 0x2222n },
  ]);
  assert.equal(registers.read(0, 8), 0x0000222211111111n);
  assert.equal(registers.get('B'), 0n);
  registers.write(0, 8, 0x3333_4444_5555_6666n);
  assert.equal(registers.get('A'), 0x55556666n);
  assert.equal(registers.get('B'), 0n);
});

test('fields have classes of their own, and bits between them are reserved', () => {
  const registers = new RegisterBank([
    {
      name: 'R',
      offset: 0,
      width: 32,
      access: 'rw',
      reset: 0xffffffffn,
      fields: [
        { name: 'LOW', bits: [3, 0], access: 'rw' },
        { name: 'ERR', bits: [8, 8], access: 'w1c' },
        { name: 'ID', bits: [31, 28], access: 'ro' },
      ],
    },
  ]);
  assert.equal(registers.read(0, 4), 0xf000010fn);
  registers.write(0, 4, 0x00000105n);
  assert.equal(registers.read(0, 4), 0xf0000005n);
});

test('a hole faults for any access that touches it', () => {
  const registers = new RegisterBank(
    [{ name: 'R', offset: 0, width: 32, access: 'rw' }],
    {},
    { holes: [{ offset: 4, size: 4 }] },
  );
  const fault = (error: unknown): boolean => error instanceof Refusal && error.errno === 5;
  assert.throws(() => registers.read(4, 4), fault);
  assert.throws(() => registers.read(0, 8), fault);
  assert.throws(() => registers.write(7, 1, 0n), fault);
  assert.equal(registers.read(8, 4), 0n);
});

test('an exact register takes its own width at its own offset only', () => {
  const registers = new RegisterBank([
    { name: 'R16', offset: 0, width: 16, access: 'rw', exact: true },
    { name: 'R32', offset: 4, width: 32, access: 'rw', exact: true },
  ]);
  registers.write(0, 2, 0x1234n);
  registers.write(4, 4, 0x55667788n);
  assert.equal(registers.read(0, 2), 0x1234n);
  for (const [offset, size] of [
    [0, 1],
    [1, 1],
    [0, 4],
    [4, 2],
    [0, 8],
  ] as const) {
    assert.throws(() => registers.read(offset, size), Refusal);
    assert.throws(() => registers.write(offset, size, 0n), Refusal);
  }
  assert.equal(registers.read(4, 4), 0x55667788n);
});

test('effects: a read can compute, a write sees what was written and what was there', () => {
  const seen: bigint[] = [];
  const registers = new RegisterBank([{ name: 'R', offset: 0, width: 32, access: 'rw', reset: 7n }], {
    R: { read: (stored) => stored * 2n, write: (...all) => seen.push(...all) },
  });
  assert.equal(registers.read(0, 4), 14n);
  registers.write(0, 2, 9n);
  assert.deepEqual(seen, [9n, 0xffffn, 7n]);
});
