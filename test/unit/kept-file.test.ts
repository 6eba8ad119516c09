import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { Registry } from '../../src/repl/registry.js';
import { commandModules } from '../../src/repl/commands/index.js';
import { Session } from '../../src/repl/session.js';
import { WholeFile } from '../../src/repl/whole-file.js';
import { KeptOutput } from './session-fixture.js';

const script = { prefixes: false };
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-kept-'));
after(() => rmSync(folder, { recursive: true }));

async function edu(t: TestContext): Promise<Session> {
  const session = new Session(new Registry(commandModules), new KeptOutput());
  t.after(() => session.closeAll());
  await session.open('sim:edu');
  return session;
}

/** Every command that writes a file: with a name for it, and what ends it again. */
const writers: readonly [line: (path: string) => string, after?: string][] = [
  [(path) => `snapshot ${path} region0 --registers`],
  [(path) => `save region0 0..16 ${path}`],
  [(path) => `record ${path}`, 'record stop'],
  [(path) => `regs export ${path} edu`],
  [(path) => `watch STATUS --count 1 --csv ${path}`],
  [(path) => `report ${path} --no-read`],
  [(path) => `dt export --for qemu ${path}`],
  [(path) => `profile new ${path}`],
];

for (const [line, end] of writers) {
  const [name = ''] = /^(?:regs |dt |profile )?\w+/.exec(line('')) ?? [];
  test(`${name}: a file that is there is lost to --replace alone, and the device is not touched before`, async (t) => {
    const session = await edu(t);
    const device = session.requireDevice();
    const path = join(folder, `${name.replace(' ', '-')}.json`);
    writeFileSync(path, 'work');
    const from = device.journal.recorded;
    for (const refused of [line(path), `${line(path)} -n`]) {
      await assert.rejects(
        async () => session.execute(refused, script),
        ({ message, details }: Error & { details?: { hint?: string } }) =>
          message.includes('there is such a file, which may hold work') && details?.hint === '--replace replaces it',
        refused,
      );
    }
    assert.equal(readFileSync(path, 'utf8'), 'work');
    assert.deepEqual(
      [...device.journal.entries(from)].filter(({ kind }) => kind === 'read' || kind === 'read-block'),
      [],
    );
    await session.execute(`${line(path)} --replace -n`, script);
    assert.equal(readFileSync(path, 'utf8'), 'work', 'a dry run replaces nothing');
    await session.execute(`${line(path)} --replace`, script);
    if (end !== undefined) await session.execute(end, script);
    assert.notEqual(readFileSync(path, 'utf8'), 'work');
    // An empty one has nothing to lose: scripts make them with mktemp.
    writeFileSync(path, '');
    await session.execute(line(path), script);
    if (end !== undefined) await session.execute(end, script);
    assert.notEqual(readFileSync(path, 'utf8'), '');
    rmSync(path);
    await session.execute(`${line(path)} -n`, script);
    assert.ok(!existsSync(path), 'a dry run begins no file');
    assert.deepEqual(
      readdirSync(folder).filter((each) => each.endsWith('.part')),
      [],
    );
  });
}

test('--force reads a FIFO, and does not lose a file; --replace loses one, and reads no FIFO', async (t) => {
  const session = new Session(new Registry(commandModules), new KeptOutput());
  t.after(() => session.closeAll());
  await session.open('sim:sram');
  const path = join(folder, 'fifo.bin');
  writeFileSync(path, 'work');
  const piece = `save region1 0x50..0x54 ${path}`;
  await assert.rejects(async () => session.execute(`${piece} --force`, script), /which may hold work/);
  await assert.rejects(async () => session.execute(`${piece} --replace`, script), /FIFO: reading it changes something/);
  assert.equal(readFileSync(path, 'utf8'), 'work');
  await session.execute(`${piece} --force --replace`, script);
  assert.equal(readFileSync(path).length, 4);
});

test('a file that somebody else writes in the meantime stays', async () => {
  const path = join(folder, 'meantime');
  const out = await WholeFile.create(path, false);
  await out.write('ours');
  writeFileSync(path, 'theirs');
  await assert.rejects(async () => out.commit(), /which may hold work/);
  await out.discard();
  assert.equal(readFileSync(path, 'utf8'), 'theirs');
  const link = join(folder, 'link');
  symlinkSync(path, link);
  await assert.rejects(async () => WholeFile.create(link, false), /which may hold work/);
});

test("--junit replaces the report of the run before, and nobody's other file", async (t) => {
  const session = await edu(t);
  const [path, xml] = [join(folder, 'check.vfio'), join(folder, 'report.xml')];
  writeFileSync(path, 'expect region0 0 == 0x10000ed\n');
  const line = `run ${path} --junit ${xml}`;
  await session.execute(line, script);
  const first = readFileSync(xml, 'utf8');
  await session.execute(line, script);
  assert.match(first, /<testsuite/);
  assert.match(readFileSync(xml, 'utf8'), /<testsuite/);
  await assert.rejects(async () => session.execute(`run ${path} --junit ${path}`, script), /which may hold work/);
  assert.equal(readFileSync(path, 'utf8'), 'expect region0 0 == 0x10000ed\n');
});
