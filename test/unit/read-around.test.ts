import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/errors.js';
import { readAround, skipsOf } from '../../src/vfio/registers/read-around.js';
import { pwrite } from '../../src/vfio/sys/libc.js';
import type { Width } from '../../src/vfio/width.js';
import { json } from '../../src/views/sinks/json.js';
import { MemfdTransport } from './memfd-transport.js';
import { map, register } from './register-fixture.js';
import { KeptOutput } from './session-fixture.js';

const whole = { prefixes: false };

/** A device of one region that is reached by the file path, so that each access is one call; 64-bit ones count as well. */
function device(t: TestContext): { device: Device; transport: MemfdTransport } {
  const transport = new MemfdTransport(4096, { mappable: false });
  pwrite(transport.fd, Buffer.from(Array.from({ length: 4096 }, (_, index) => index & 0xff)), 0);
  const opened = new Device(transport);
  t.after(() => opened.close());
  return { device: opened, transport };
}

function session(opened: Device): { session: Session; output: KeptOutput } {
  const output = new KeptOutput();
  const made = new Session(new Registry(commandModules), output);
  made.adopt(opened);
  return { session: made, output };
}

const effective = map('effects', [
  register('FIFO', 0x8, { readEffect: 'external' }),
  register('CTRL', 0xc),
  register('FLAGS', 0x11, { readEffect: 'clear', width: 8 }),
]);

test('cells are left out that have a byte of a caution, and no others, at any width and stride', () => {
  const caution = (start: number, end: number): { space: string; start: number; end: number; reason: string } => ({
    space: 'region0',
    start,
    end,
    reason: `${start}`,
  });
  fc.assert(
    fc.property(
      fc.constantFrom<Width>(8, 16, 32, 64),
      fc.nat(20),
      fc.integer({ min: 1, max: 40 }),
      fc.nat(4),
      fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 1, max: 40 })), { maxLength: 5 }),
      (width, cell, count, steps, places) => {
        const step = width / 8;
        const [offset, stride] = [cell * step, steps * step];
        const cautions = places.map(([start, size]) => caution(start, start + size));
        const left = new Set(
          skipsOf({ offset, width, count, stride }, cautions).flatMap((skip) =>
            Array.from({ length: skip.count }, (_, nth) => skip.index + nth),
          ),
        );
        for (let index = 0; index < count; index += 1) {
          const at = offset + index * stride;
          const covered = cautions.some(({ start, end }) => start < at + step && at < end);
          assert.equal(left.has(index), covered, `cell ${index}`);
        }
      },
    ),
  );
});

test('what is left is read once, cell by cell, with faults at their own places', (t) => {
  const { device: opened, transport } = device(t);
  const region = opened.region(0);
  const cautions = [{ space: 'region0', start: 8, end: 12, reason: 'FIFO' }];
  const block = readAround(region, { offset: 0, width: 32, count: 5 }, cautions);
  assert.deepEqual(
    transport.calls.map(({ offset, bytes }) => [offset, bytes]),
    [0, 4, 12, 16].map((offset) => [offset, 4]),
  );
  assert.equal(Buffer.from(block.bytes).toString('hex'), '0001020304050607000000000c0d0e0f10111213');
  assert.deepEqual(block.skipped, [{ index: 2, count: 1, reason: 'FIFO' }]);
  assert.throws(() => readAround(region, { offset: 0, width: 32, count: 5000 }, cautions), VfioError);
  assert.throws(() => readAround(region, { offset: 2, width: 32, count: 5 }, cautions), /not aligned/);
  assert.equal(transport.calls.length, 4, 'a block that is refused reads no part of it');
});

test('dump, peek, find, compare, save and disasm leave registers alone that a read would change', async (t) => {
  const { device: opened, transport } = device(t);
  opened.registers.add(effective);
  const { session: on, output } = session(opened);
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-around-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const offsets = async (line: string): Promise<number[]> => {
    transport.calls.length = 0;
    await on.execute(line, whole);
    return transport.calls.map(({ offset }) => offset);
  };
  assert.deepEqual(await offsets('dump region0 0..0x20'), [0, 4, 0xc, 0x14, 0x18, 0x1c]);
  const shown = output.take();
  assert.match(shown, /00000000: 00 01 02 03 04 05 06 07  \.\. \.\. \.\. \.\. 0c/);
  assert.match(shown, /skipped region0 0x8\.\.0xc: FIFO: reading it changes something else/);
  assert.match(shown, /skipped region0 0x10\.\.0x14: FLAGS: reading it clears it/);
  assert.match(shown, /--force reads what was skipped/);
  assert.deepEqual(await offsets('dump.b region0 0x10..0x14'), [0x10, 0x12, 0x13]);
  assert.deepEqual(await offsets('dump region0 0..0x10 --force'), [0, 4, 8, 12]);
  output.take();
  assert.deepEqual(await offsets('peek region0 0x4 3'), [4, 12]);
  assert.match(output.take(), /region0\+0x00000004: 07060504 \.{8} 0f0e0d0c/);
  assert.deepEqual(await offsets('peek region0.FIFO'), [8], 'one place is what was asked for');
  assert.deepEqual(await offsets('peek region0.FIFO 3 --stride 0'), [8, 8, 8], 'and so is a drain');
  assert.deepEqual(await offsets('peek region0 8 1'), [8]);
  assert.deepEqual(await offsets('find region0 0..0x10 0x0b0a0908'), [0, 4, 12]);
  assert.match(output.take(), /not found\n1 cell left out \(FIFO: reading it changes something else\)/);
  assert.deepEqual(await offsets('compare region0 0..0x10 region0 0x20'), [0, 4, 12, 0x20, 0x24, 0x28, 0x2c]);
  assert.match(output.take(), /3 of 3 cells differ\n1 cell left out/);
  assert.deepEqual(await offsets('disasm region0 0..0x10 --arch arm64'), [0, 4, 12]);
  assert.match(output.take(), /region0\+0x8 is not read: FIFO/);
  const file = join(folder, 'piece.bin');
  await assert.rejects(offsets(`save region0 0..0x10 ${file}`), /FIFO: reading it changes something else; nothing/);
  assert.deepEqual(transport.calls, []);
  assert.deepEqual(await offsets(`save region0 0..0x10 ${file} --fill 0xffffffff`), [0, 4, 12]);
  assert.equal(readFileSync(file).toString('hex'), '0001020304050607ffffffff0c0d0e0f');
  await on.execute('dump region0 0..0x10 -n', whole);
  assert.match(output.take(), /would read region0\+0x0 \(32 bits\), 2 cells\nwould read region0\+0xc/);
});

test('JSON has null for what was skipped, and says what it was', async (t) => {
  const { device: opened } = device(t);
  opened.registers.add(effective);
  const { session: on, output } = session(opened);
  await on.execute('dump region0 0..0x10', whole);
  const [view] = output.views;
  assert.ok(view);
  const { cells, skipped } = JSON.parse(json(view)) as { cells: unknown[]; skipped: unknown };
  assert.deepEqual(cells, [0x03020100, 0x07060504, null, 0x0f0e0d0c]);
  assert.deepEqual(skipped, [{ index: 2, count: 1, reason: 'FIFO: reading it changes something else' }]);
});

test('a register that can only be written is not read by its name, unless it is forced', async (t) => {
  const { device: opened, transport } = device(t);
  opened.registers.add(map('wo', [register('DATA', 0x20, { access: 'wo' })]));
  const { session: on } = session(opened);
  await assert.rejects(
    (async () => on.execute('peek DATA', whole))(),
    (error) => error instanceof VfioError && /DATA can only be written/.test(error.message),
  );
  assert.deepEqual(transport.calls, []);
  await assert.rejects(
    (async () => on.execute('$x = [DATA]', whole))(),
    (error) => error instanceof VfioError && /DATA can only be written/.test(error.message),
  );
  assert.deepEqual(transport.calls, []);
  await on.execute('peek DATA --force', whole);
  assert.equal(transport.calls.length, 1);
});

test("the simulator's own count of accesses agrees: a FIFO keeps its words through a dump", async (t) => {
  const output = new KeptOutput();
  const on = new Session(new Registry(commandModules), output);
  t.after(() => on.closeAll());
  const opened = await on.open('sim:sram');
  const bank = opened.region('region1');
  for (const word of [1, 2, 3]) bank.write32(0x50, word);
  bank.write32(0x58, 0xf0);
  const before = bank.read32(0x68);
  await on.execute('dump region1 0..0x60', whole);
  const leftOut = ['FIFO', 'RC', 'RS'];
  assert.equal(bank.read32(0x68) - before, 24 - leftOut.length);
  assert.equal(bank.read32(0x54), 3, 'no word was taken out of the FIFO');
  assert.equal(bank.read32(0x20) & 0xf0, 0xf0, 'no flag was cleared');
});
