import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { valueOf } from '../../src/repl/arguments/argument.js';
import {
  choice,
  count,
  defaulted,
  duration,
  file,
  integer,
  location,
  many,
  maskedValue,
  offsetRange,
  optional,
  rawLine,
  space,
  span,
  text,
  toggle,
  value,
} from '../../src/repl/arguments.js';
import { type Command, defineCommand } from '../../src/repl/command.js';
import type { Environment } from '../../src/repl/environment.js';
import { bind } from '../../src/repl/bind.js';
import { parseLine } from '../../src/repl/parser.js';
import { usage } from '../../src/repl/usage.js';
import { Registry } from '../../src/repl/registry.js';
import { UsageError } from '../../src/repl/usage-error.js';
import { fakeSpace, namesOf } from './language-fixture.js';

const region0 = fakeSpace('region0', 0x10000, ['bar0']);
const config = fakeSpace('config', 256, ['region7']);
const ring = fakeSpace('ring-a', 4096);
const names = namesOf([region0, config, ring]);

const base = {
  group: 'access',
  summary: 'a command of the test',
  effect: 'none',
  needs: 'nothing',
  examples: [{ line: 'x', says: 'x' }],
  run: () => undefined,
} as const;
const commands: readonly Command[] = [
  defineCommand({
    ...base,
    name: 'peek',
    aliases: ['md'],
    width: true,
    arguments: { at: location('place'), count: optional(count('how many')) },
    flags: { stride: optional(integer('bytes')), allowSplit: toggle('split') },
  }),
  defineCommand({
    ...base,
    name: 'poke',
    width: true,
    arguments: { at: location('place'), value: maskedValue('what') },
    flags: { verify: toggle('read back') },
  }),
  defineCommand({
    ...base,
    name: 'dump',
    width: true,
    arguments: { piece: span('piece'), file: optional(file('file')) },
    flags: {},
  }),
  defineCommand({ ...base, name: 'list', arguments: { words: many(text('words')) }, flags: {} }),
  defineCommand({ ...base, name: 'use', arguments: { space: space('space') }, flags: {} }),
  defineCommand({ ...base, name: 'irq', arguments: {}, flags: {} }),
  defineCommand({
    ...base,
    name: 'irq enable',
    arguments: { name: choice('which', ['intx', 'msi', 'msix']) },
    flags: {},
  }),
  defineCommand({ ...base, name: 'irq error', arguments: {}, flags: {} }),
  defineCommand({ ...base, name: 'dma map', arguments: { range: offsetRange('range') }, flags: {} }),
  defineCommand({
    ...base,
    name: 'wait',
    arguments: { value: value('value'), time: defaulted(duration('time'), 5) },
    flags: { limit: defaulted(integer('limit', { least: 1, most: 9 }), 3) },
  }),
  defineCommand({ ...base, name: 'js', arguments: { code: rawLine('code', 'CODE') }, flags: {} }),
  defineCommand({ ...base, name: 'help', arguments: { words: many(text('words')) }, flags: {} }),
];

async function loaded(): Promise<Registry> {
  const registry = new Registry([
    {
      names: commands.map(({ name, aliases }) => [name, ...aliases] as const),
      load: () => Promise.resolve({ commands }),
    },
  ]);
  await registry.loadAll();
  return registry;
}
const registry = await loaded();

const nothing: Environment = { variable: () => 0x40n, load: () => assert.fail('nothing is to be read') };

interface Parsed {
  readonly name: string;
  readonly given: Readonly<Record<string, unknown>>;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly common: object;
  readonly constant: boolean;
}

function parse(line: string, prefixes = false): Parsed[] {
  const parsed = parseLine(line, registry, prefixes);
  assert.ok(!('load' in parsed));
  return parsed.statements.map((statement) => {
    const bound = bind(line, statement, names);
    assert.ok(bound.kind === 'command');
    const input = valueOf(bound.input, nothing);
    const constant = 'constant' in bound.input;
    return {
      name: bound.statement.command.name,
      given: input.arguments,
      flags: input.flags,
      common: bound.common,
      constant,
    };
  });
}

function one(line: string, prefixes = false): Parsed {
  const [first, ...others] = parse(line, prefixes);
  assert.ok(first && others.length === 0);
  return first;
}

function failure(line: string, prefixes = false): UsageError & { readonly underlined: string } {
  try {
    parse(line, prefixes);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    assert.equal(error.line, line);
    return Object.assign(error, { underlined: line.slice(error.start, error.end) });
  }
  throw new assert.AssertionError({ message: `${line} was accepted` });
}

/** A location as [space, offset, width, name]. */
function place(line: string): unknown[] {
  const at = one(line).given['at'] as { space: { name: string }; offset: number; width: number; name?: string };
  return [at.space.name, at.offset, at.width, ...(at.name === undefined ? [] : [at.name])];
}

test('a location in every notation', () => {
  assert.deepEqual(place('peek region0 0x100'), ['region0', 0x100, 32]);
  assert.deepEqual(place('peek bar0 0x100'), ['region0', 0x100, 32], 'an alias is its space');
  assert.deepEqual(place('peek region0+0x100'), ['region0', 0x100, 32]);
  assert.deepEqual(place('peek region0+0x100:16'), ['region0', 0x100, 16]);
  assert.deepEqual(place('peek region0 0x100:64'), ['region0', 0x100, 64]);
  assert.deepEqual(place('peek.b region0 0x101'), ['region0', 0x101, 8]);
  assert.deepEqual(place('peek.q region0 (1 << 4)'), ['region0', 16, 64]);
  assert.deepEqual(place('peek 0x20'), ['region0', 0x20, 32], 'in the space of use');
  assert.deepEqual(place('peek $x+4:8'), ['region0', 0x44, 8]);
  assert.deepEqual(place('peek ring-a 0x10'), ['ring-a', 0x10, 32]);
  assert.deepEqual(place('peek "ring-a" 0x10'), ['ring-a', 0x10, 32]);
  assert.deepEqual(place('peek config.COMMAND'), ['config', 4, 16, 'COMMAND']);
  assert.deepEqual(place('peek region7.command'), ['config', 4, 16, 'COMMAND']);
  assert.deepEqual(place('peek config.COMMAND:8'), ['config', 4, 8, 'COMMAND']);
  assert.deepEqual(place('peek.l config.VENDOR_ID'), ['config', 0, 32, 'VENDOR_ID']);
  assert.deepEqual(place('peek config.BASE_ADDRESS[2]'), ['config', 0x18, 32, 'BASE_ADDRESS_2']);
  assert.deepEqual(place('peek config.BASE_ADDRESS_5'), ['config', 0x24, 32, 'BASE_ADDRESS_5']);
});

test('the number behind a space is the offset, the next the count', () => {
  assert.deepEqual(one('peek region0 4 8').given['count'], { amount: 8, unit: 'cells' });
  assert.deepEqual(one('peek config.COMMAND 2').given['count'], { amount: 2, unit: 'cells' });
  assert.deepEqual(one('peek region0 4 64B').given['count'], { amount: 64, unit: 'bytes' });
  assert.deepEqual(one('peek region0 4 4K').given['count'], { amount: 4096, unit: 'bytes' });
  assert.deepEqual(one('peek region0 4 0x1K').given['count'], { amount: 1024, unit: 'bytes' });
  assert.deepEqual(one('peek region0 4 0x10B').given['count'], { amount: 0x10b, unit: 'cells' }, 'B is a digit there');
  assert.deepEqual(one('peek region0 4 $n').given['count'], { amount: 0x40, unit: 'cells' });
  assert.equal(failure('peek region0 4 0').message, 'the count is 0');
  assert.equal(failure('peek region0 4 0B').message, 'the count is 0');
  assert.equal(failure('peek region0 4 -1').message, 'the count is too large');
  assert.match(failure('peek region0 4 8x').message, /no number/);
});

test('a span is a range, a place with a count, or all of a space', () => {
  const piece = (line: string): unknown => {
    const { space: home, offset, width, count: amount, whole } = one(line).given['piece'] as Record<string, unknown>;
    return { space: (home as { name: string }).name, offset, width, amount, whole };
  };
  const bytes = (amount: number): object => ({ amount, unit: 'bytes' });
  assert.deepEqual(piece('dump region0 0..0x100'), {
    space: 'region0',
    offset: 0,
    width: 32,
    amount: bytes(256),
    whole: false,
  });
  assert.deepEqual(piece('dump.b region0 $x..$x+8'), {
    space: 'region0',
    offset: 64,
    width: 8,
    amount: bytes(8),
    whole: false,
  });
  assert.deepEqual(piece('dump 0..16'), { space: 'region0', offset: 0, width: 32, amount: bytes(16), whole: false });
  assert.deepEqual(piece('dump region0 8 64B'), {
    space: 'region0',
    offset: 8,
    width: 32,
    amount: bytes(64),
    whole: false,
  });
  assert.deepEqual(piece('dump region0+8:16 4'), {
    space: 'region0',
    offset: 8,
    width: 16,
    amount: { amount: 4, unit: 'cells' },
    whole: false,
  });
  assert.deepEqual(piece('dump region0'), { space: 'region0', offset: 0, width: 32, amount: undefined, whole: true });
  assert.equal(one('dump region0 file.bin').given['file'], 'file.bin');
  assert.equal(one('dump region0 "0.bin"').given['file'], '0.bin', 'what is quoted is no number');
  assert.equal(one('dump region0 8 64B file.bin').given['file'], 'file.bin');
  assert.match(failure('dump region0 8..8').message, /the range is empty/);
  assert.match(failure('dump region0 8..4').message, /the range is empty/);
  assert.match(failure('dump region0 8..').message, /the end of the range is missing/);
  assert.match(failure('dump region0 0..1:2').message, /does not belong to a range/);
});

test('VALUE:MASK, durations, choices and integers', () => {
  assert.deepEqual(one('poke region0 4 0x2:0x2').given['value'], { value: 2n, mask: 2n });
  assert.deepEqual(one('poke region0 4 1 ? 2 : 3'.replaceAll(' ? ', '?').replaceAll(' : ', ':')).given['value'], {
    value: 2n,
    mask: undefined,
  });
  assert.deepEqual(one('poke region0 4 1?2:3:0xf').given['value'], { value: 2n, mask: 15n });
  assert.deepEqual(one('wait -1 1.5s').given, { value: (1n << 64n) - 1n, time: 1500 });
  assert.deepEqual(one('wait 1').given, { value: 1n, time: 5 });
  assert.equal(one('wait 1 250us').given['time'], 0.25);
  assert.match(failure('wait 1 100').message, /"100" is no duration/);
  assert.match(failure('irq enable mis').hint ?? '', /did you mean msi/);
  assert.match(failure('$rounds').hint ?? '', /^echo \$rounds shows it, \$rounds = VALUE sets it$/);
  assert.match(failure('wait 1 --limit 10').hint ?? '', /from 1 to 9/);
  assert.deepEqual(one('dma map 0x1000..0x2000').given['range'], { start: 0x1000, end: 0x2000 });
});

test('flags stand anywhere, and a negative number is no flag', () => {
  assert.deepEqual(one('peek --stride 8 region0 0 4 --allow-split').flags, { stride: 8, allowSplit: true });
  assert.deepEqual(one('peek region0 0 --stride=0').flags, { stride: 0, allowSplit: false });
  assert.deepEqual(one('wait 1').flags, { limit: 3 }, 'a default');
  assert.deepEqual(one('list a -- --b -c').given['words'], ['a', '--b', '-c']);
  assert.deepEqual(one('list "--b" -1').given['words'], ['--b', '-1']);
  assert.deepEqual(one('peek region0 0 --json -n').common, { json: true, js: false, dryRun: true });
  assert.match(failure('peek region0 0 --strid 4').hint ?? '', /--stride/);
  assert.match(failure('peek region0 0 --stride').message, /needs a value/);
  assert.match(failure('peek region0 0 --allow-split=1').message, /takes no value/);
  assert.match(failure('peek region0 0 --stride 4 --stride 8').message, /given twice/);
});

test('what a line says wrong is underlined', () => {
  const cases: [line: string, underlined: string, message: RegExp, hint?: RegExp][] = [
    ['pek region0 0', 'pek', /no command "pek"/, /peek/],
    ['peek', '', /LOCATION is missing/, /usage: peek/],
    ['peek region0', 'region0', /the offset in region0 is missing/],
    ['peek region0 NaN', 'NaN', /"NaN" is no offset/],
    ['peek regoin0 0', 'regoin0', /no space "regoin0"/, /region0/],
    ['peek region0 0x 4', '0x', /is no number/],
    ['peek region0 4 4 4', '4', /no more words/, /usage: peek/],
    ['peek region0 4:24', ':24', /is no width/],
    ['peek.b region0 4:16', ':16', /asks for 8 bits/],
    ['peek.x region0 4', '.x', /is no width/],
    ['use.b region0', '.b', /takes no width/],
    ['peek region0 0x20_0000_0000_0000', '0x20_0000_0000_0000', /is no offset/],
    ['peek config.NOPE', 'config.NOPE', /no register "NOPE"/],
    ['peek CTRL', 'CTRL', /no register map is loaded/],
    ['peek region0.CTRL', 'region0.CTRL', /no register map is loaded/],
    ['peek region0.', '.', /name is missing/],
    ['poke region0 0 0x1Q', '0x1Q', /no number/],
    ['poke region0 0 5)', ')', /does not belong to a value/],
    ['irq enabel msi', 'enabel', /irq has no "enabel"/, /enable/],
    ['dma mpa 1', 'mpa', /dma has no "mpa"/, /map/],
    ['dma', 'dma', /needs a second word/, /map/],
    ['.help', '.help', /no command/, /help/],
    ['list a; nope', 'nope', /no command/],
  ];
  for (const [line, underlined, message, hint] of cases) {
    const error = failure(line);
    assert.match(error.message, message, line);
    assert.equal(error.underlined, underlined, line);
    if (hint) assert.match(error.hint ?? '', hint, line);
  }
});

test('unique beginnings of names at the prompt, full names in scripts', () => {
  assert.equal(one('pee region0 0', true).name, 'peek');
  assert.equal(one('m region0 0', true).name, 'peek', 'of an alias too');
  assert.equal(one('irq en msi', true).name, 'irq enable');
  assert.equal(one('irq', true).name, 'irq');
  assert.equal(one('d m 1..2'.replace('d ', 'dm '), true).name, 'dma map');
  assert.match(failure('p region0 0', true).message, /"p" may be peek or poke/);
  assert.match(failure('pee region0 0').hint ?? '', /peek/);
  assert.match(failure('irq en msi').message, /irq has no "en"/);
  assert.equal(one('md region0 0').name, 'peek', 'an alias is a full name');
});

test('NAME? asks for help, and = is JavaScript', () => {
  assert.deepEqual(one('peek?'), { ...one('help peek'), name: 'help' });
  assert.deepEqual(one('md.b?').given['words'], ['peek']);
  assert.deepEqual(one('irq enable?').given['words'], ['irq', 'enable']);
  assert.match(failure('peek? x').message, /ends the command/);
  assert.equal(one('= 1; "a # b').given['code'], '1; "a # b');
  assert.equal(one('js foo(1); bar("#")').given['code'], 'foo(1); bar("#")');
  assert.deepEqual(
    parse('list a; = b; c').map(({ name }) => name),
    ['list', 'js'],
  );
});

test('an assignment takes the rest of its command', () => {
  const line = '$x = 1 + 2; list a';
  const parsed = parseLine(line, registry, false);
  assert.ok(!('load' in parsed));
  const [first] = parsed.statements;
  assert.ok(first?.kind === 'assignment');
  const bound = bind(line, first, names);
  assert.ok(bound.kind === 'assignment' && 'constant' in bound.value);
  assert.equal(bound.value.constant, 3n);
  assert.match(failure('$x =').message, /value is missing/);
  assert.equal(failure('$x = 1 2').underlined, '2');
});

test('constants are evaluated once, what names variables each time', () => {
  assert.equal(one('peek region0 0x10 4 --stride 8').constant, true);
  assert.equal(one('peek region0 $x').constant, false);
  assert.equal(one('poke region0 0 $x:0xff').constant, false);
});

test('the usage follows from the declaration', () => {
  assert.deepEqual(
    ['peek', 'irq enable', 'list', 'wait'].map((name) => usage(registry.get(name) as Command)),
    [
      'peek[.b|.w|.l|.q] LOCATION [COUNT] [--stride N] [--allow-split]',
      'irq enable intx|msi|msix',
      'list [TEXT...]',
      'wait VALUE [DURATION] [--limit N]',
    ],
  );
});

test('any line is a command or a UsageError whose place is in it', () => {
  const typed =
    'peek poke dump irq enable dma map list use wait $x = = help peek? region0 config.COMMAND 0x10 4K 1..2 ' +
    '--stride -n -- ; # " ( ] [region0+0] ? :8 $1';
  const words = fc.constantFrom(...typed.split(' '));
  const line = fc
    .array(fc.oneof({ weight: 5, arbitrary: words }, fc.string()), { maxLength: 7 })
    .map((parts) => parts.join(' '));
  fc.assert(
    fc.property(line, fc.boolean(), (given, prefixes) => {
      try {
        const parsed = parseLine(given, registry, prefixes);
        assert.ok(!('load' in parsed));
        for (const statement of parsed.statements) {
          const bound = bind(given, statement, names);
          const environment = { variable: () => 1n, load: () => 1n };
          if (bound.kind === 'command') valueOf(bound.input, environment);
          else valueOf(bound.value, environment);
        }
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
        assert.ok(
          error.start >= 0 && error.start <= error.end && error.end <= given.length,
          `${error.start}..${error.end} ${error.message}`,
        );
      }
    }),
    { numRuns: 3000 },
  );
});
