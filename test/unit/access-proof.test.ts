// Which accesses commands make, by two witnesses: the journal, and the counters of the simulated device itself.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { complete } from '../../src/repl/completion.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { VfioError } from '../../src/vfio/errors.js';
import type { Region } from '../../src/vfio/region.js';
import { KeptOutput } from './session-fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-proof-'));
after(() => rmSync(folder, { recursive: true }));

const registry = new Registry(commandModules);
const commands = await registry.loadAll();

interface Bench {
  readonly session: Session;
  readonly bank: Region;
  readonly run: (line: string) => Promise<void>;
  /** Accesses of region1 that the device saw; asking is none of them. */
  readonly seen: () => { readonly reads: number; readonly writes: number };
  /** Accesses of any space that the journal has, from `sequence` on. */
  readonly noted: (sequence: number) => number;
}

async function bench(t: TestContext): Promise<Bench> {
  const session = new Session(registry, new KeptOutput());
  t.after(() => session.closeAll());
  const device = await session.open('sim:sram');
  const bank = device.region('region1');
  return {
    session,
    bank,
    run: async (line) => session.execute(line, { prefixes: false }),
    seen: () => ({ reads: bank.read32(0x68), writes: bank.read32(0x6c) }),
    noted: (sequence) => [...device.journal.entries(sequence)].filter((entry) => 'offset' in entry).length,
  };
}

test('looking makes no access: Tab, help, decode, lists, dry runs, JavaScript that is only shown', async (t) => {
  const { session, run, seen, noted } = await bench(t);
  const [before, from] = [seen(), session.requireDevice().journal.recorded];
  for (const { name } of commands) await run(`help ${name}`);
  for (const line of [
    'peek ',
    'reg region1.',
    'set CTRL ',
    'set CTRL SPEED=',
    'poke region0 0 [FIF',
    'dump CTRL.',
    'wait FIFO ',
  ])
    complete(line, session);
  for (const line of [
    'decode CTRL 0x123',
    'undo --list',
    'regions',
    'irq',
    'log',
    'set CTRL EN=1 -n',
    'poke CTRL.EN 1 -n',
    'reg * -n',
    'dump region1 0..0x100 -n',
    'set CTRL EN=1 --js',
    'reg CTRL --js',
    'peek FIFO --js',
  ])
    await run(line);
  assert.equal(noted(from), 0);
  assert.deepEqual(seen(), before);
});

/** What a line reads and writes of region1, as the device counts it. */
const costs: Readonly<Record<string, readonly [reads: number, writes: number]>> = {
  'reg CTRL': [1, 0],
  'reg CTRL RW RO': [3, 0],
  'reg region1.W1? --brief': [3, 0],
  'reg FIFO WO': [0, 0],
  'reg FIFO --force': [1, 0],
  'set CTRL EN=1': [1, 1],
  'set CTRL EN=1 --verify': [2, 1],
  'poke CTRL.EN 0': [1, 1],
  'poke CTRL 0x428': [0, 1],
  'poke RW 1': [0, 1],
  'peek CTRL.SPEED': [1, 0],
  'peek region1 0 4': [4, 0],
  'dump region1 0..0x20': [8, 0],
  'dump.b region1 0..0x8': [8, 0],
  'dump region1 0x18..0x30': [4, 0],
  'dump region1 0x18..0x30 --force': [6, 0],
  'find region1 0..0x40 0x12345678': [14, 0],
  'compare region1 0..0x10 region1 0x10': [8, 0],
  'watch CTRL RW --count 3 --every 1ms': [6, 0],
  'expect CTRL EN=0': [1, 0],
  'wait RW == 1': [1, 0],
};

for (const [line, [reads, writes]] of Object.entries(costs)) {
  test(`${line}: ${reads} reads, ${writes} writes`, async (t) => {
    const { run, seen } = await bench(t);
    if (line === 'wait RW == 1') await run('poke RW 1');
    const before = seen();
    await run(line);
    const now = seen();
    assert.deepEqual([now.reads - before.reads, now.writes - before.writes], [reads, writes]);
  });
}

/** For each command that reads places: lines that go over registers that a read changes, without asking for them. */
const overAll: Readonly<Record<string, readonly string[]>> = {
  peek: ['peek region1 0 24', 'peek.b region1 0x20 64'],
  dump: ['dump region1', 'dump region1 0..0x200', 'dump.q region1 0..0x60'],
  find: ['find region1 0..0x100 0x1', 'find region1 0..0x100 --text abc'],
  compare: ['compare region1 0..0x60 region1 0x80', 'compare region1 0x80..0xe0 region1 0'],
  save: [`save region1 0..0x60 ${folder}/bank.bin`, `save region1 0..0x60 ${folder}/bank.bin --fill 0`],
  disasm: ['disasm region1 0x20 64B --arch arm64'],
  reg: ['reg *', 'reg region1', 'reg FIFO RC RS', 'reg region1 --brief'],
  watch: ['watch region1 0..0x60 --count 2 --every 1ms', 'watch region1.* --count 2 --every 1ms'],
  wait: ['wait FIFO == 0 --timeout 2ms', 'wait RC == 0 --timeout 2ms'],
  sample: ['sample FIFO 8', 'sample RC 8'],
  plot: ['plot FIFO --count 2 --every 1ms'],
  snapshot: [
    `snapshot ${folder}/all.json`,
    `snapshot.q ${folder}/bank.json region1`,
    `snapshot.b ${folder}/bank.json region1`,
    `snapshot ${folder}/bank.json region1 --registers`,
  ],
  diff: [`diff ${folder}/all.json`, `diff ${folder}/bank.json`, `diff ${folder}/all.json ${folder}/bank.json`],
  report: [`report ${folder}/proof.md`, `report ${folder}/proof.json`],
  restore: [`restore ${folder}/all.json`, `restore ${folder}/all.json region1 --verify`],
};

/** expect reads the one place that it names, profile use the identity of the device. */
const others = new Set(['expect', 'profile use']);

test('no command reads what a read would change, unless it is forced', async (t) => {
  const { run, bank } = await bench(t);
  for (const word of [1, 2, 3]) bank.write32(0x50, word);
  bank.write32(0x58, 0xf0);
  for (const lines of Object.values(overAll)) {
    for (const line of lines) {
      await run(line).catch((error: unknown) => assert.ok(error instanceof VfioError, `${line}: ${String(error)}`));
      assert.equal(bank.read32(0x54), 3, `${line} took a word out of the FIFO`);
    }
  }
  await run('poke RW 0');
  assert.equal(bank.read32(0x24), 0, 'RS was not read before: reading it now sets it');
  assert.equal(bank.read32(0x20), 0xc0ffee | 0xf0, 'RC was not read before');
});

test('every command that reads places is among those above', () => {
  const groups = ['access', 'registers', 'scripts'];
  const reading = commands.filter(
    (one) => one.effect === 'read' && one.needs === 'device' && groups.includes(one.group),
  );
  const missing = reading.map(({ name }) => name).filter((name) => !(name in overAll) && !others.has(name));
  assert.deepEqual(missing, []);
});
