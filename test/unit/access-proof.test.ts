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
  const [a, b] = [`${folder}/a.json`, `${folder}/b.json`];
  await run(`snapshot ${a} region1 --registers; poke RW 3; snapshot ${b} region1 --registers; peek RW; poke RW 4`);
  const [before, from] = [seen(), session.requireDevice().journal.recorded];
  for (const { name } of commands) await run(`help ${name}`);
  for (const { name, width } of commands) {
    for (const line of [name, `${name} `, `${name} region1.`, `${name} C`, `${name} CTRL `, `${name} --`])
      complete(line, session);
    if (width) complete(`${name}.w region1 0x50 `, session);
  }
  for (const line of [
    'set CTRL SPEED=',
    'poke region0 0 [FIF',
    'dump CTRL.',
    '$x = [FIFO',
    '= device.reg',
    'expect CTRL ',
  ])
    complete(line, session);
  for (const line of [
    'decode CTRL 0x123',
    'undo --list',
    'regions',
    'info',
    'irq',
    'irq stats',
    'maps',
    'iommu',
    'profile',
    'profile show sram',
    'log',
    'option',
    'doctor',
    'regs',
    'regs list',
    'regs list region1.*',
    'regs search FIFO',
    'regs show FIFO',
    'regs problems',
    `regs export ${folder}/sram.json sram`,
    `regs load ${folder}/sram.json --as again --at region1; regs unload again`,
    `diff ${a} ${b}`,
    `diff ${a} -n`,
    `restore ${a} -n`,
    `restore ${a} --verify -n`,
    `snapshot ${folder}/never.json -n`,
    `report ${folder}/never.md -n`,
    `report ${folder}/left.md --no-read`,
    'undo -n',
    'watch CTRL RW --count 2 --every 1ms -n',
    'sample RW 8 -n',
    'plot RW --count 2 -n',
    'wait RW == 1 -n',
    'expect RW == 1 -n',
    'option dryrun on; if [FIFO] == 1; echo yes; end; option dryrun off',
    'set CTRL EN=1 -n',
    'poke CTRL.EN 1 -n',
    'reg * -n',
    'config -n',
    'dump region1 0..0x100 -n',
    'set CTRL EN=1 --js',
    'reg CTRL --js',
    'peek FIFO --js',
  ])
    await run(line).catch((error: unknown) => assert.fail(`${line}: ${String(error)}`));
  await session.execute(`open snapshot:${a}; close`, { prefixes: false });
  assert.equal(noted(from), 0);
  assert.deepEqual(seen(), before);
});

/** Registers of region1 that may be read in passing and that the device counts reads of. */
const HARMLESS = 21;
const kept = `snapshot ${folder}/kept.json region1 --registers --replace`;

/** What a line reads and writes of region1, as the device counts it; and what comes before it. */
const costs: Readonly<Record<string, readonly [reads: number, writes: number, before?: string]>> = {
  'reg CTRL': [1, 0],
  'reg CTRL RW RO': [3, 0],
  'reg region1.W1? --brief': [3, 0],
  'reg FIFO WO': [0, 0],
  'reg FIFO --force': [1, 0],
  'reg region1': [HARMLESS, 0],
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
  'watch region1.W1? --count 3 --every 1ms': [9, 0],
  'sample RW 8': [8, 0],
  'sample RW 100 --every 1us': [100, 0],
  'plot RW --count 3 --every 1ms': [3, 0],
  'expect CTRL EN=0': [1, 0],
  'expect CTRL EN=0 SPEED=FAST': [1, 0],
  'wait RW == 1': [1, 0, 'poke RW 1'],
  'wait CTRL READY=1 SPEED=FAST --timeout 1s': [1, 0],
  undo: [0, 1, 'peek RW; poke RW 1'],
  'undo 2': [0, 2, 'peek RW; poke RW 1; peek R32; poke R32 2'],
  [`snapshot ${folder}/cost.json region1 --registers`]: [HARMLESS, 0],
  [`snapshot ${folder}/forced.json region1 --registers --force`]: [HARMLESS + 7, 0],
  [`diff ${folder}/kept.json`]: [HARMLESS, 0, kept],
  [`diff ${folder}/kept.json ${folder}/kept.json`]: [0, 0, kept],
  [`restore ${folder}/kept.json`]: [10, 0, kept],
  [`restore ${folder}/kept.json RW`]: [1, 1, `${kept}; poke RW 0x99; poke R32 1`],
  [`restore ${folder}/kept.json RW R32 --verify`]: [4, 2, `${kept}; poke RW 0x98; poke R32 2`],
  [`report ${folder}/cost.md`]: [HARMLESS, 0],
  [`report ${folder}/cost-none.md --no-read`]: [0, 0],
  'repeat 3; peek RW; end': [3, 0],
  'if [RW] == 0; echo zero; end': [1, 0],
  '$x = [RW] + [RO]': [2, 0],
};

for (const [line, [reads, writes, first]] of Object.entries(costs)) {
  test(`${line.replaceAll(folder, '')}: ${reads} reads, ${writes} writes`, async (t) => {
    const { run, seen } = await bench(t);
    if (first !== undefined) await run(first);
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
  save: [`save region1 0..0x60 ${folder}/bank.bin`, `save region1 0..0x60 ${folder}/bank.bin --fill 0 --replace`],
  disasm: ['disasm region1 0x20 64B --arch arm64'],
  reg: ['reg *', 'reg region1', 'reg FIFO RC RS', 'reg region1 --brief'],
  watch: ['watch region1 0..0x60 --count 2 --every 1ms', 'watch region1.* --count 2 --every 1ms'],
  wait: ['wait FIFO == 0 --timeout 2ms', 'wait RC == 0 --timeout 2ms'],
  sample: ['sample FIFO 8', 'sample RC 8'],
  plot: ['plot FIFO --count 2 --every 1ms'],
  snapshot: [
    `snapshot ${folder}/all.json`,
    `snapshot.q ${folder}/bank.json region1`,
    `snapshot.b ${folder}/bank.json region1 --replace`,
    `snapshot ${folder}/bank.json region1 --registers --replace`,
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
