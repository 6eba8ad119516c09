import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { commandModules } from '../../src/repl/commands/index.js';
import { complete, type CompletionSource } from '../../src/repl/completion.js';
import { Options, optionNames } from '../../src/repl/options.js';
import { registerCandidates } from '../../src/repl/register-completion.js';
import { Registry } from '../../src/repl/registry.js';
import { UsageError } from '../../src/repl/usage-error.js';
import { fakeSpace, namesOf } from './language-fixture.js';

const registry = new Registry(commandModules);
await registry.loadAll();
const options = new Options();
// Spaces that fail the test when they are touched.
const names = namesOf([fakeSpace('region0', 4096, ['bar0']), fakeSpace('config', 256), fakeSpace('ring', 64)]);
const folders: Readonly<Record<string, readonly string[]>> = {
  '': ['scripts/', 'save me.bin', 'snap.bin'],
  'scripts/': ['edu.vfio', 'sram.vfio'],
};
const source: CompletionSource = {
  ...names,
  registry,
  world: {
    spaceNames: names.spaceNames,
    registerNames: (typed) => registerCandidates(typed, names),
    registerNamed: () => undefined,
    mapNames: ['edu'],
    variableNames: ['base', '_'],
    irqNames: ['msi'],
    commandNames: registry.names,
    optionNames,
    optionChoices: (name) => options.choices(name),
    deviceNames: () => ['sim:edu', 'sim:sram', '0000:01:00.0'],
    deviceTree: 'kernel',
    scripts: [{ name: 'bringup', summary: 'identification' }],
    profileNames: () => ['edu', 'pci'],
    files: (folder) => folders[folder] ?? [],
  },
};

function candidates(line: string): string[] {
  const completion = complete(line, source);
  assert.ok(!('load' in completion));
  return completion.candidates.map(({ text }) => text);
}

test('command names first, then the second words of some', () => {
  assert.deepEqual(candidates('pe'), ['peek']);
  assert.ok(candidates('').includes('dump'));
  assert.deepEqual(candidates('irq en'), ['enable']);
  assert.ok(candidates('irq ').includes('wait'));
  assert.deepEqual(candidates('peek region0 0; pok'), ['poke'], 'after a semicolon a command begins');
  assert.deepEqual(candidates('nothing '), []);
});

test('spaces, registers and variables where a location or a value stands', () => {
  assert.deepEqual(candidates('peek re'), ['region0']);
  assert.deepEqual(candidates('peek.b ri'), ['ring']);
  assert.deepEqual(candidates('pee ri'), ['ring'], 'behind the beginning of a name as well');
  assert.deepEqual(candidates('peek config.COM'), ['config.COMMAND']);
  assert.deepEqual(candidates('peek region0 '), [], 'an offset has no names');
  assert.deepEqual(candidates('poke region0 4 $b'), ['$base']);
  assert.deepEqual(candidates('poke region0 4 [ri'), ['ring']);
  assert.deepEqual(candidates('$x = [re'), ['region0']);
  assert.deepEqual(candidates('use ba'), ['bar0']);
});

test('a candidate in brackets takes the place of its own part only', () => {
  const completion = complete('poke region0 4 (1+[ri', source);
  assert.ok(!('load' in completion));
  assert.equal(completion.start, 'poke region0 4 (1+['.length);
});

test('flags, their values, choices, options, devices, files, commands', () => {
  assert.deepEqual(candidates('peek region0 0 --al'), ['--allow-split']);
  assert.ok(candidates('peek --').includes('--json'));
  assert.deepEqual(candidates('open --via '), ['group', 'cdev']);
  assert.deepEqual(candidates('open --via=c'), ['--via=cdev']);
  assert.deepEqual(candidates('open sim:e'), ['sim:edu']);
  assert.deepEqual(candidates('open 0'), ['0000:01:00.0']);
  assert.deepEqual(candidates('open snapshot:sn'), ['snapshot:snap.bin']);
  assert.deepEqual(candidates('option no'), ['notify']);
  assert.deepEqual(candidates('option notify o'), ['on', 'off']);
  assert.deepEqual(candidates('run b'), ['bringup']);
  assert.deepEqual(candidates('run s'), ['scripts/', 'save me.bin', 'snap.bin']);
  assert.deepEqual(candidates('run scripts/e'), ['scripts/edu.vfio']);
  assert.deepEqual(candidates('help irq en'), ['enable']);
  assert.deepEqual(candidates('help pee'), ['peek']);
  assert.deepEqual(candidates('expect region0 0 '), ['==', '!=', '<', '<=', '>', '>=']);
  assert.deepEqual(candidates('expect region0 0 !'), ['!=']);
});

test('a command whose module is not loaded yet is asked for', () => {
  assert.deepEqual(complete('peek re', { ...source, registry: new Registry(commandModules) }), { load: 'peek' });
});

test('no line makes it touch a space or throw anything but a UsageError', () => {
  const piece = fc.constantFrom(
    ...'peek poke irq enable open run region0 config.COMMAND [ ( ) ] " \' ; $x = --via 0x1 # \\'.split(' '),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 6 }), fc.constantFrom('', ' '), (pieces, glue) => {
      const line = pieces.join(glue);
      try {
        const completion = complete(line, source);
        assert.ok('load' in completion || completion.start <= line.length);
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
