import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { UsageError } from '../../src/repl/usage-error.js';
import type { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/errors.js';
import { KeptOutput } from './session-fixture.js';

interface Bench {
  readonly device: Device;
  readonly session: Session;
  /** Runs a line; what it showed, and the accesses that it made: 'read c', 'write c 1'. */
  readonly run: (line: string) => Promise<{ readonly text: string; readonly accesses: readonly string[] }>;
  /** Why a line is refused, which then makes no access. */
  readonly refused: (line: string) => Promise<string>;
}

async function bench(t: TestContext): Promise<Bench> {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  t.after(() => session.closeAll());
  const device = await session.open('sim:sram');
  const accesses = (from: number): string[] =>
    [...device.journal.entries(from)].flatMap((entry) =>
      'offset' in entry && 'value' in entry
        ? [`${entry.kind} ${entry.offset.toString(16)}${entry.kind === 'write' ? ` ${entry.value?.toString(16)}` : ''}`]
        : [],
    );
  const run: Bench['run'] = async (line) => {
    const before = device.journal.recorded;
    await session.execute(line, { prefixes: false });
    return { text: output.take(), accesses: accesses(before) };
  };
  const refused: Bench['refused'] = async (line) => {
    const before = device.journal.recorded;
    try {
      await run(line);
    } catch (error) {
      assert.deepEqual(accesses(before), []);
      if (error instanceof VfioError) return error.details.why;
      throw error;
    }
    return assert.fail(`${line} was not refused`);
  };
  return { device, session, run, refused };
}

test('the last write is taken back by one write, then the one before it', async (t) => {
  const { run, device, refused } = await bench(t);
  await run('set CTRL EN=1');
  await run('poke CTRL.SPEED 8');
  const first = await run('undo');
  assert.deepEqual(first.accesses, ['write c 409']);
  assert.match(
    first.text,
    /^region1\.CTRL \(region1\+0xc\): <- 0x00000409\n {2}takes back 0x00000809: poke CTRL\.SPEED 8\n/,
  );
  assert.deepEqual((await run('undo')).accesses, ['write c 408']);
  assert.equal(device.region('region1').read32(0xc), 0x428, 'ERR and all fields are as at first');
  assert.match(await refused('undo'), /nothing was written that is not taken back already/);
});

test('a read before the write is enough, by whatever command', async (t) => {
  const { run, refused } = await bench(t);
  await run('poke RW 1');
  assert.match(await refused('undo'), /"poke RW 1" wrote 0x00000001: what was there before had not been read/);
  await run('reg RW');
  await run('poke region1 0x8 2; poke RW 3');
  assert.deepEqual((await run('undo 2')).accesses, ['write 8 2', 'write 8 1']);
  await run('wait RW == 1; poke RW 9');
  assert.deepEqual((await run('undo')).accesses, ['write 8 1']);
});

test('of several writes the most recent goes first; those that stay are named with the reason', async (t) => {
  const { run } = await bench(t);
  await run('peek RW; peek WIDE; poke RW 1; poke WIDE 2; poke WO 3');
  const { text, accesses } = await run('undo 3');
  assert.deepEqual(accesses, ['write 38 0', 'write 8 0']);
  assert.match(text, /not taken back: region1\.WO <- 0x00000003: WO can only be written/);
});

test('what a write did beside storing is not taken back', async (t) => {
  const { run, refused } = await bench(t);
  await run('peek W1C; poke W1C 0xff');
  assert.match(await refused('undo'), /W1C is w1c: what writing it did stays done/);
  await run('peek ONCE; poke ONCE 1');
  assert.match(await refused('undo'), /ONCE takes one write after a reset/);
  await run('reg CTRL; poke CTRL 0x418');
  assert.match(await refused('undo'), /CTRL\.GO can only be written/);
  await run('fill region0 0x8000 64B 1');
  assert.match(await refused('undo'), /a block of cells/);
});

test('a later write of the place that stays keeps an earlier one from being taken back', async (t) => {
  const { run, refused } = await bench(t);
  await run('peek RW; poke RW 5; fill region1 8..12 7');
  assert.match(await refused('undo 2'), /a block of cells/);
});

test('a reset ends what can be taken back', async (t) => {
  const { run, refused } = await bench(t);
  await run('peek RW; poke RW 5; reset');
  assert.match(await refused('undo'), /the device was reset since/);
  await run('poke RW 6');
  assert.match(await refused('undo'), /had not been read/, 'what was read before the reset says nothing');
});

test('what no map describes is refused, unless it is to be taken for memory; DMA buffers are memory', async (t) => {
  const { run, refused } = await bench(t);
  await run('peek region0 0x8000; poke region0 0x8000 1');
  assert.match(await refused('undo'), /no map says what a write does there/);
  assert.equal((await run('undo --force')).accesses.length, 1);
  await run('dma alloc ring 4K; peek ring 0; poke ring 0 7');
  assert.deepEqual((await run('undo')).accesses, ['write 0 0']);
  await run('poke ring 8 1; peek ring 8; poke ring 8 2; dma free ring; dma alloc ring 4K');
  assert.match(await refused('undo'), /what is mapped has changed since/);
});

test('the same memory by its IOVA is not mistaken', async (t) => {
  const { run, refused, device } = await bench(t);
  await run('dma alloc ring 4K');
  const [mapping] = device.dma.mappings;
  assert.ok(mapping);
  const iova = `0x${mapping.iova.toString(16)}`;
  await run(`peek ring 0; poke iova ${iova} 5; poke ring 0 6`);
  assert.match(await refused('undo'), /had not been read/);
});

test('a dry run takes nothing back, and the list touches nothing', async (t) => {
  const { run } = await bench(t);
  await run('peek RW; poke RW 5; poke WO 1');
  const { text, accesses } = await run('undo --list');
  assert.deepEqual(accesses, []);
  assert.match(text, /1 {2}region1\.WO +0x00000001 +no: WO can only be written/);
  assert.match(text, /2 {2}region1\.RW +0x00000005 +0x00000000 +peek RW; poke RW 5; poke WO 1|poke RW 5/);
  const dry = await run('undo 2 -n');
  assert.deepEqual(dry.accesses, []);
  assert.match(dry.text, /would write region1\+0x8 \(32 bits\) <- 0x0/);
  assert.deepEqual((await run('undo 2')).accesses, ['write 8 0'], 'the dry run did not count');
});

test('a narrower write of a part of a register is taken back as it was made', async (t) => {
  const { run } = await bench(t);
  await run('peek CTRL; poke.b region1 0xd 0x02');
  assert.deepEqual((await run('undo')).accesses, ['write d 4']);
});

test('entries that left the journal unseen are no ground to write on', async (t) => {
  const { run, device, refused } = await bench(t);
  await run('peek RW; poke RW 5');
  for (let count = 0; count < device.journal.capacity; count += 1) device.region('region0').read32(0);
  assert.match(await refused('undo'), /nothing was written/);
  await run('poke RW 6');
  assert.match(await refused('undo'), /had not been read/);
});

test('--list tells what could be taken back where nothing may be, and in a dry run', async (t) => {
  const { run, session, refused } = await bench(t);
  await run('set CTRL EN=1');
  const told = await run('undo --list');
  assert.match(told.text, /region1\.CTRL +0x00000409 +0x00000408 +set CTRL EN=1/);
  assert.deepEqual((await run('undo --list -n')).text, told.text);
  session.options.set('readonly', true);
  assert.deepEqual(await run('undo --list'), { text: told.text, accesses: [] });
  assert.equal(await refused('undo'), 'the session is read-only');
  await assert.rejects(run("undo '--list'"), UsageError, 'a word in quotes is no flag');
});
