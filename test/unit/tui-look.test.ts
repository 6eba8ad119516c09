import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { flagName } from '../../src/repl/command.js';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { Look } from '../../src/repl/tui/look.js';
import { LookingNames } from '../../src/repl/tui/looking-names.js';
import { UsageError } from '../../src/repl/usage-error.js';
import { Tally } from '../../src/vfio/tally.js';
import type { View } from '../../src/views/view.js';
import { KeptOutput } from './session-fixture.js';

let root = dirname(fileURLToPath(import.meta.url));
while (!existsSync(join(root, 'package.json'))) root = dirname(root);
process.chdir(root);

const registry = new Registry(commandModules);
const commands = await registry.loadAll();
const looking = commands.filter(({ looks }) => looks === true);

async function sessionOn(t: TestContext, device: string | undefined, before: readonly string[] = []): Promise<Session> {
  const session = new Session(registry, new KeptOutput());
  t.after(() => session.closeAll());
  if (device !== undefined) await session.open(device);
  for (const line of before) await session.execute(line, { prefixes: false });
  return session;
}

function lookAt(session: Session, line: string): Promise<View> {
  const look = new Look(session, line, new LookingNames(session, new Tally()));
  return look.view(look.begin({ redraw: () => undefined, breathe: () => setImmediate() }));
}

/** What a look must leave as it was. */
function stateOf({ device, last, variables, options, registers, defaultSpace, spaceNames }: Session): unknown {
  const entries = [...(device?.journal.entries() ?? [])].map(({ kind }) => kind);
  const maps = registers.maps.map(({ name }) => name);
  return {
    last,
    variables: [...variables],
    js: options.get('js'),
    maps,
    home: defaultSpace?.name,
    spaceNames,
    entries,
  };
}

for (const { name, effect, examples } of looking) {
  test(`${name} in a pane answers with one view, and leaves the session as it was`, async (t) => {
    assert.ok(effect === 'none' || effect === 'read', effect);
    const lines = examples.filter(({ line, untested }) => untested === undefined && !line.includes(';'));
    for (const { line, device, after } of lines) {
      const session = await sessionOn(t, device, after);
      const before = stateOf(session);
      for (let round = 0; round < 2; round += 1) assert.ok('kind' in (await lookAt(session, line)), line);
      assert.deepEqual(stateOf(session), before, line);
    }
  });
}

test('what follows, writes, goes on or is forced is nothing to look at', async (t) => {
  const session = await sessionOn(t, 'sim:sram');
  const following = looking
    .filter(({ flags }) => 'follow' in flags)
    .map((each) => `${each.name} ${flagName('follow')}`);
  assert.ok(following.length >= 2);
  for (const line of [...following, 'poke region0 0 1', 'watch CTRL', 'peek FIFO --force'])
    await assert.rejects(lookAt(session, line), UsageError, line);
});

test('a value that is decoded again and again is read as a pane reads: not where that has an effect', async (t) => {
  const session = await sessionOn(t, 'sim:sram', ['set CTRL EN=1']);
  const view = await lookAt(session, 'decode CTRL [CTRL]');
  assert.ok(view.kind === 'registers');
  assert.deepEqual([view.registers[0]?.name, view.registers[0]?.value], ['CTRL', 0x429n]);
  const from = session.device?.journal.recorded;
  await assert.rejects(lookAt(session, 'decode CTRL [FIFO]'));
  assert.equal(session.device?.journal.recorded, from);
});

test('reg in a pane skips what must not be read, and marks what is not as it was last seen at the prompt', async (t) => {
  const session = await sessionOn(t, 'sim:sram', ['reg WRITES', 'set CTRL EN=1']);
  const from = session.device?.journal.recorded;
  for (let round = 0; round < 2; round += 1) {
    const view = await lookAt(session, 'reg WRITES FIFO');
    assert.ok(view.kind === 'registers');
    const [writes, fifo] = view.registers;
    assert.deepEqual([writes?.value, writes?.before], [1n, 0n]);
    assert.equal(fifo?.missing?.kind, 'skipped');
  }
  assert.equal(session.device?.journal.recorded, from);
});

test('checks that fail stand below what they looked at', async (t) => {
  const session = await sessionOn(t, undefined);
  const view = await lookAt(session, 'doctor sim:nothing');
  assert.ok(view.kind === 'all');
  assert.match(JSON.stringify(view.views.at(-1)), /1 check failed: model/);
});
