import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Registers } from '../../src/vfio/sim/model.js';
import { createModel } from '../../src/vfio/sim/pl031.js';
import { FakeHost } from './sim-host.js';

const RTCDR = 0x00;
const RTCMR = 0x04;
const RTCLR = 0x08;
const RTCCR = 0x0c;
const RTCIMSC = 0x10;
const RTCRIS = 0x14;
const RTCMIS = 0x18;
const RTCICR = 0x1c;

function pl031(): { host: FakeHost; registers: Registers } {
  const host = new FakeHost();
  const region = createModel(host).regions[0];
  assert.equal(region?.kind, 'registers');
  return { host, registers: region.registers };
}

test('it counts seconds, from the time of day', async () => {
  const { host, registers } = pl031();
  assert.equal(registers.read(RTCDR, 4), 1_700_000_000n);
  await host.advance(2500);
  assert.equal(registers.read(RTCDR, 4), 1_700_000_002n);
});

test('loading sets the count, wraps at 2^32, and is read back', async () => {
  const { host, registers } = pl031();
  registers.write(RTCLR, 4, 0xffffffffn);
  assert.equal(registers.read(RTCDR, 4), 0xffffffffn);
  assert.equal(registers.read(RTCLR, 4), 0xffffffffn);
  await host.advance(1000);
  assert.equal(registers.read(RTCDR, 4), 0n);
});

test('PrimeCell identification, one byte a word; the control register is always 1', () => {
  const { registers } = pl031();
  const ids = Array.from({ length: 8 }, (_, i) => registers.read(0xfe0 + 4 * i, 4));
  assert.deepEqual(ids, [0x31n, 0x10n, 0x14n, 0n, 0x0dn, 0xf0n, 0x05n, 0xb1n]);
  registers.write(RTCCR, 4, 0n);
  assert.equal(registers.read(RTCCR, 4), 1n);
});

// Seen on QEMU 7.2's device behind vfio-amba.
test('narrow accesses move low bits at a register, and nothing elsewhere', () => {
  const { registers } = pl031();
  registers.write(RTCMR, 1, 0x12n);
  assert.equal(registers.read(RTCMR, 4), 0x12n);
  registers.write(RTCMR, 2, 0x1234n);
  assert.equal(registers.read(RTCMR, 4), 0x1234n);
  assert.equal(registers.read(RTCMR, 1), 0x34n);
  assert.equal(registers.read(RTCMR + 1, 1), 0n);
  assert.equal(registers.read(0xfe1, 1), 0x31n);
  assert.equal(registers.read(0x100, 4), 0n);
});

test('the alarm comes when the count meets the match, through the mask, and goes when it is cleared', async () => {
  const { host, registers } = pl031();
  registers.write(RTCMR, 4, 1_700_000_003n);
  await host.advance(2999);
  assert.equal(registers.read(RTCRIS, 4), 0n);
  await host.advance(1);
  assert.equal(registers.read(RTCRIS, 4), 1n);
  assert.equal(registers.read(RTCMIS, 4), 0n);
  assert.notEqual(host.levels.get(0), true);
  registers.write(RTCIMSC, 4, 0xffffffffn);
  assert.equal(registers.read(RTCIMSC, 4), 1n);
  assert.equal(registers.read(RTCMIS, 4), 1n);
  assert.equal(host.levels.get(0), true);
  registers.write(RTCICR, 4, 1n);
  assert.equal(registers.read(RTCRIS, 4), 0n);
  assert.equal(host.levels.get(0), false);
});

test('a match that is now rings at once; a new match replaces the old one', async () => {
  const { host, registers } = pl031();
  registers.write(RTCMR, 4, 1_700_000_000n);
  assert.equal(registers.read(RTCRIS, 4), 1n);
  registers.write(RTCICR, 4, 1n);
  registers.write(RTCMR, 4, 1_700_000_001n);
  registers.write(RTCMR, 4, 1_700_000_009n);
  await host.advance(5000);
  assert.equal(registers.read(RTCRIS, 4), 0n);
  registers.write(RTCLR, 4, 1_700_000_009n);
  assert.equal(registers.read(RTCRIS, 4), 1n);
});

test('raw and masked status cannot be written', () => {
  const { registers } = pl031();
  registers.write(RTCRIS, 4, 1n);
  registers.write(RTCMIS, 4, 1n);
  registers.write(RTCDR, 4, 1n);
  assert.equal(registers.read(RTCRIS, 4), 0n);
  assert.equal(registers.read(RTCDR, 4), 1_700_000_000n);
  assert.equal(registers.read(RTCICR, 4), 0n);
});
