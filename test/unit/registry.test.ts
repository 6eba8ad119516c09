import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isToggle } from '../../src/repl/command.js';
import { commandModules } from '../../src/repl/commands/index.js';
import { helpView } from '../../src/repl/help.js';
import { nearest } from '../../src/vfio/nearest.js';
import { parseLine } from '../../src/repl/parser.js';
import { referenceMarkdown } from '../../src/repl/reference.js';
import { Registry } from '../../src/repl/registry.js';
import { UsageError } from '../../src/repl/usage-error.js';

const registry = new Registry(commandModules);
const commands = await registry.loadAll();

test('the index names what the modules declare: commands, aliases, and nothing else', async () => {
  for (const module of commandModules) {
    const declared = (await module.load()).commands.map(({ name, aliases }) => [name, ...aliases].join());
    assert.deepEqual(module.names.map((names) => names.join()).sort(), declared.sort());
  }
});

test('every declaration says what it needs to say', () => {
  for (const command of commands) {
    const { name, summary, details, examples, effect, needs, control } = command;
    assert.match(name, /^[a-z][a-z-]*( [a-z][a-z-]*)?$/);
    assert.ok(!summary.endsWith('.') && summary.length <= 90 && !summary.includes('\n'), `${name}: ${summary}`);
    assert.ok(details === undefined || details.length > 10, name);
    assert.ok(examples.length > 0, name);
    // What a word of blocks evaluates may read the device, and need not; diff reads it where it is given one file only,
    // and report where there is one.
    if (effect !== 'none' && effect !== 'bind' && control === undefined && !['diff', 'report'].includes(name))
      assert.equal(needs, 'device', `${name} touches a device, so it needs one`);
    for (const argument of Object.values(command.arguments))
      assert.ok(argument.summary !== '' && argument.label !== '', name);
    for (const [key, flag] of Object.entries(command.flags)) {
      assert.match(key, /^[a-z][A-Za-z]*$/, `${name}: ${key}`);
      assert.ok(isToggle(flag) || flag.label !== '', name);
    }
    const presences = Object.values(command.arguments).map(({ presence }) => presence);
    const firstOptional = presences.findIndex((presence) => presence !== 'required');
    if (firstOptional >= 0)
      assert.ok(
        !presences.slice(firstOptional).includes('required'),
        `${name}: nothing required behind what is optional`,
      );
    assert.ok(!presences.slice(0, -1).includes('many'), `${name}: nothing behind what takes every word`);
  }
});

test('every example is a line of its command', () => {
  for (const command of commands) {
    for (const { line, after } of command.examples) {
      for (const each of [...(after ?? []), line]) {
        const parsed = parseLine(each, registry, false);
        assert.ok(!('load' in parsed) && parsed.statements.length > 0, each);
      }
      const last = parseLine(line, registry, false);
      const uses =
        'load' in last
          ? []
          : last.statements.map((statement) => (statement.kind === 'command' ? statement.command.name : ''));
      assert.ok(uses.includes(command.name), `${command.name}: ${line}`);
    }
  }
});

test('help speaks of every command, by its name, its aliases and its group', async () => {
  for (const command of commands) {
    for (const name of [command.name, ...command.aliases]) {
      assert.match(JSON.stringify(await helpView(registry, name)), new RegExp(command.name), name);
    }
  }
  const overview = JSON.stringify(await helpView(registry));
  for (const { summary } of commands) assert.ok(overview.includes(JSON.stringify(summary).slice(1, -1)), summary);
  assert.match(JSON.stringify(await helpView(registry, 'language')), /LOCATION/);
  assert.match(JSON.stringify(await helpView(registry, 'interrupts')), /irq wait/);
  await assert.rejects(helpView(registry, 'pek'), (error) => error instanceof UsageError && error.hint === 'help peek');
});

test('the reference holds every usage, as cells that Markdown keeps whole', () => {
  const rows = referenceMarkdown(commands)
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  assert.equal(rows.length, commands.length);
  for (const row of rows) assert.equal(row.replaceAll('\\|', '').split('|').length, 4, row);
});

test('names are not given twice', () => {
  const load = (): Promise<{ commands: [] }> => Promise.resolve({ commands: [] });
  assert.throws(() => new Registry([{ names: [['a', 'b'], ['b']], load }]), /two commands are called b/);
});

test('the nearest names: begun alike, then by the edits between them', () => {
  const names = ['peek', 'poke', 'dump', 'regions', 'region0'];
  assert.deepEqual(nearest('pek', names), ['peek']);
  assert.deepEqual(nearest('regoin0', names), ['region0']);
  assert.deepEqual(nearest('region', names), ['region0', 'regions']);
  assert.deepEqual(nearest('xyz', names), []);
  assert.deepEqual(nearest('', names), []);
  assert.deepEqual(nearest('x'.repeat(1_000_000), names), []);
});
