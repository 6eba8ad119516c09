import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firmwareImage } from '../../src/vfio/sim/firmware.js';
import { Refusal, type Model, type Registers } from '../../src/vfio/sim/model.js';
import { createModel } from '../../src/vfio/sim/sram.js';
import { sramRegisters } from '../../src/vfio/sim/sram-registers.js';
import { FakeHost } from './sim-host.js';

const MSI = 1;
const MSIX = 2;

function sram(): { host: FakeHost; model: Model; registers: Registers; at: (name: string) => number } {
  const host = new FakeHost();
  const model = createModel(host);
  const region = model.regions[1];
  assert.equal(region?.kind, 'registers');
  const at = (name: string): number => {
    const register = sramRegisters.find((one) => one.name === name);
    assert.ok(register, name);
    return register.offset;
  };
  return { host, model, registers: region.registers, at };
}

test('there is a register of every access class', () => {
  const classes = new Set(sramRegisters.map(({ access }) => access));
  assert.deepEqual([...classes].toSorted(), ['rc', 'res', 'ro', 'rs', 'rw', 'w0c', 'w1', 'w1c', 'w1s', 'w1t', 'wo']);
});

test('the watching registers tell every access with its offset and width, and not themselves', () => {
  const { registers, at } = sram();
  const watch = (name: string): bigint => registers.read(at(name), 4);
  registers.read(at('WIDE'), 8);
  assert.equal(watch('LAST_READ'), 0x00080038n);
  registers.read(at('RW') + 1, 1);
  assert.equal(watch('LAST_READ'), 0x00010009n);
  assert.equal(watch('READS'), 2n);
  assert.equal(watch('WRITES'), 0n);
  registers.write(at('RW'), 2, 1n);
  assert.equal(watch('LAST_WRITE'), 0x00020008n);
  assert.equal(watch('WRITES'), 1n);
  assert.throws(() => registers.read(0x200, 4), Refusal);
  assert.equal(watch('READS'), 3n, 'an access that faults has arrived, too');
});

test('the FIFO gives back what was written, once, and zeros when it is empty', () => {
  const { registers, at } = sram();
  for (let i = 1n; i <= 17n; i++) registers.write(at('FIFO'), 4, i);
  assert.equal(registers.read(at('FIFO_LEVEL'), 4), 16n);
  assert.deepEqual([registers.read(at('FIFO'), 4), registers.read(at('FIFO'), 4)], [1n, 2n]);
  assert.equal(registers.read(at('FIFO_LEVEL'), 4), 14n);
});

test('an event sets bits that wait to be cleared', () => {
  const { registers, at } = sram();
  registers.write(at('EVENT'), 4, 0x80000000n);
  assert.equal(registers.read(at('W1C'), 4), 0x8000ffffn);
  assert.equal(registers.read(at('RC'), 4), 0x80c0ffeen);
  assert.equal(registers.read(at('RC'), 4), 0n);
});

test('the doorbell sends the vector that is written, by MSI-X unless MSI is enabled', () => {
  const { host, registers, at } = sram();
  registers.write(at('DOORBELL'), 4, 31n);
  registers.write(at('DOORBELL'), 4, 32n);
  host.enabledIrqs.add(MSI);
  registers.write(at('DOORBELL'), 4, 2n);
  assert.deepEqual(host.signals, [`${MSIX}:31`, `${MSI}:2`]);
  assert.equal(registers.read(at('SENT'), 8), 2n);
});

test('a burst of 100,000 goes round its vectors without a loss', async () => {
  const { host, registers, at } = sram();
  registers.write(at('BURST'), 4, 100_000n);
  registers.write(at('SPREAD'), 4, 3n);
  registers.write(at('DOORBELL'), 4, 30n);
  assert.ok(registers.read(at('LEFT'), 4) > 0n, 'it leaves room for other work');
  await host.advance(0);
  assert.equal(registers.read(at('LEFT'), 4), 0n);
  assert.equal(registers.read(at('SENT'), 8), 100_000n);
  const counts = ['30', '31', '0'].map(
    (vector) => host.signals.filter((signal) => signal === `${MSIX}:${vector}`).length,
  );
  assert.deepEqual(counts, [33_334, 33_333, 33_333]);
});

test('a rate spreads a burst over time', async () => {
  const { host, registers, at } = sram();
  registers.write(at('BURST'), 4, 101n);
  registers.write(at('RATE'), 4, 100n);
  registers.write(at('DOORBELL'), 4, 0n);
  assert.equal(host.signals.length, 1);
  await host.advance(500);
  assert.equal(host.signals.length, 51);
  await host.advance(500);
  assert.equal(host.signals.length, 101);
});

test('reset ends a burst and restores every register', async () => {
  const { host, model, registers, at } = sram();
  registers.write(at('RW'), 4, 5n);
  registers.write(at('BURST'), 4, 1_000_000n);
  registers.write(at('DOORBELL'), 4, 0n);
  host.cancelTimers();
  model.reset?.();
  const sent = host.signals.length;
  await host.advance(1000);
  assert.equal(host.signals.length, sent);
  assert.equal(registers.read(at('RW'), 4), 0n);
  assert.equal(registers.read(at('LEFT'), 4), 0n);
});

test('the sink tells what it swallowed', () => {
  const { model, registers, at } = sram();
  const sink = model.regions[4];
  assert.equal(sink?.kind, 'registers');
  assert.equal(sink.access, 'wo');
  sink.registers.write(0x10, 2, 0xbeefn);
  assert.equal(registers.read(at('SINK_LAST'), 8), 0xbeefn);
  assert.equal(registers.read(at('SINK_COUNT'), 4), 1n);
});

test('the firmware header points at its parts, and the read-only region has the same image', () => {
  const image = firmwareImage();
  assert.equal(image.toString('latin1', 0, 6), 'SRAMFW');
  assert.equal(image.readUInt32LE(12), image.length);
  const part = (at: number): Buffer =>
    image.subarray(image.readUInt32LE(at), image.readUInt32LE(at) + image.readUInt32LE(at + 4));
  assert.equal(part(16).readUInt32LE(part(16).length - 4), 0xd65f03c0, 'AArch64 code ends in ret');
  assert.equal(part(24).at(-1), 0xc3, 'x86-64 code ends in ret');
  assert.match(part(32).toString('latin1'), /^vfiodbg sram firmware 1\.0\0/);
  const region = sram().model.regions[3];
  assert.equal(region?.kind, 'registers');
  assert.equal(region.access, 'ro');
  assert.equal(region.registers.read(0, 8), image.readBigUInt64LE(0));
});
