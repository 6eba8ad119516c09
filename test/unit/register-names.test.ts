import assert from 'node:assert/strict';
import { test } from 'node:test';
import { many, registers } from '../../src/repl/arguments.js';
import { Words } from '../../src/repl/arguments/words.js';
import { complete } from '../../src/repl/completion.js';
import { Lexer, type Word } from '../../src/repl/lexer.js';
import type { Session } from '../../src/repl/session.js';
import { UsageError } from '../../src/repl/usage-error.js';
import { assignments } from '../../src/repl/arguments/assignment.js';
import { valueOf, type Argument } from '../../src/repl/arguments/argument.js';
import { block, field, map, register } from './register-fixture.js';
import { memfdSession } from './session-fixture.js';

const control = register('CTRL', 0, {
  fields: [
    field('SPEED', [5, 4], { values: { SLOW: 0, FAST: 1, TURBO: 2 } }),
    field('DONE', [1, 1], { access: 'ro' }),
    field('EN', [0, 0]),
  ],
});

const uarts = [0, 1].map((nth) =>
  block(`UART${nth}`, 0x100 * (nth + 1), [
    register(`UART${nth}.CR1`, 0x100 * (nth + 1)),
    register(`UART${nth}.CR2`, 0x104 + 0x100 * nth),
    register(`UART${nth}.STATUS`, 0x108 + 0x100 * nth),
  ]),
);

const channels = [0, 1, 2].map((nth) =>
  block(`CH[${nth}]`, 0x400 + 16 * nth, [register(`CH[${nth}].ADDR`, 0x400 + 16 * nth, { width: 16 })]),
);

function described(): { session: Session; accesses: () => number } {
  const { session } = memfdSession();
  const device = session.requireDevice();
  device.registers.add(map('board', [control, ...uarts, ...channels, register('COMMAND', 0x800, { width: 8 })]));
  const before = device.journal.recorded;
  return { session, accesses: () => device.journal.recorded - before };
}

function parsed<T>(session: Session, argument: Argument<T>, line: string): T {
  const lexer = new Lexer(line);
  const list: Word[] = [];
  for (let word = lexer.word(); word; word = lexer.word()) list.push(word);
  return valueOf(argument.parse(new Words(line, list, line.length, session)), session);
}

function failure(body: () => unknown): UsageError {
  try {
    body();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  return assert.fail('it did not fail');
}

function place(session: Session, text: string): unknown {
  const steps = text.split('.').map((name) => ({ name }));
  const found = session.register(undefined, steps);
  return typeof found === 'string' ? found : `${found.space}.${found.name}${found.field ? `.${found.field.name}` : ''}`;
}

test('a register is found by its path, by the end of it where that is its own, in any case, and by a field', () => {
  const { session } = described();
  assert.equal(place(session, 'CTRL'), 'region0.CTRL');
  assert.equal(place(session, 'ctrl.en'), 'region0.CTRL.EN');
  assert.equal(place(session, 'uart1.cr2'), 'region0.UART1.CR2');
  assert.equal(place(session, 'CH[2].ADDR'), 'region0.CH[2].ADDR');
  assert.equal(place(session, 'CR2'), 'CR2 may be region0.UART0.CR2, region0.UART1.CR2');
  assert.equal(place(session, 'CTRL.ENN'), 'region0.CTRL has no field "ENN"; did you mean EN?');
  assert.equal(place(session, 'CTRK'), 'there is no register "CTRK"; did you mean CTRL?');
  assert.match(String(place(session, 'CH.ADDR')), /^"CH.ADDR" is an array of 3: region0.CH\[0\].ADDR/);
  assert.match(String(place(session, 'UART0')), /^"UART0" is a block of 3/);
});

test('the same name in two spaces is told apart by the space', () => {
  const { session } = described();
  session.requireDevice().registers.add(map('other', [register('CTRL', 0x10, { space: 'region1' })]));
  assert.equal(place(session, 'CTRL'), 'CTRL may be region0.CTRL, region1.CTRL');
  const found = session.register('region1', [{ name: 'CTRL' }]);
  assert.ok(typeof found !== 'string' && found.offset === 0x10);
});

test('of alternates at one name the first that is none is meant, of maps the one added last', () => {
  const { session } = described();
  session
    .requireDevice()
    .registers.add(map('again', [register('CTRL', 0x20), register('CTRL', 0x24, { alternate: true })]));
  const found = session.register('region0', [{ name: 'CTRL' }]);
  assert.ok(typeof found !== 'string' && found.offset === 0x20);
});

test('the standard names of a config space are known without a map, and with one that lacks them', () => {
  const { session } = described();
  const found = session.register('config', [{ name: 'COMMAND' }]);
  assert.ok(typeof found !== 'string' && found.offset === 4 && found.width === 16);
  session.requireDevice().registers.add(map('pci', [register('DEVCTL', 0x88, { space: 'config' })]));
  assert.ok(typeof session.register('config', [{ name: 'STATUS' }]) !== 'string');
  assert.equal(
    session.register('config', [{ name: 'DEVCTK' }]),
    'config has no register "DEVCTK"; did you mean DEVCTL?',
  );
});

test('patterns name registers, blocks, arrays and whole spaces, each register once', () => {
  const { session } = described();
  const paths = (line: string): string[] =>
    parsed(session, many(registers('')), line).flatMap(({ found }) => found.map(({ path }) => path));
  assert.deepEqual(paths('region0.UART*.CR?'), ['UART0.CR1', 'UART0.CR2', 'UART1.CR1', 'UART1.CR2']);
  assert.deepEqual(paths('UART1'), ['UART1.CR1', 'UART1.CR2', 'UART1.STATUS']);
  assert.deepEqual(paths('ch.addr'), ['CH[0].ADDR', 'CH[1].ADDR', 'CH[2].ADDR']);
  assert.deepEqual(paths('CH[1]'), ['CH[1].ADDR']);
  assert.deepEqual(paths('CH[*].ADDR CTRL'), ['CH[0].ADDR', 'CH[1].ADDR', 'CH[2].ADDR', 'CTRL']);
  assert.deepEqual(paths('*STATUS'), ['UART0.STATUS', 'UART1.STATUS'], 'the end of a path where no beginning fits');
  assert.equal(paths('region0').length, 11);
  assert.equal(paths('*').length, 11);
  assert.match(failure(() => paths('CTRX')).hint ?? '', /did you mean CTRL/);
  assert.match(failure(() => paths('region0.NOPE*')).message, /region0 has no register/);
});

test('a pattern of many stars takes no longer than it has to', () => {
  const { session } = described();
  session.requireDevice().registers.add(map('long', [register('A'.repeat(2000), 0x900)]));
  assert.throws(() => parsed(session, registers(''), `${'*A'.repeat(200)}*B`), UsageError);
});

test('FIELD=VALUE takes numbers and names of values, and says what is wrong', () => {
  const { session } = described();
  const set = (line: string): string[] => {
    const { at, fields } = parsed(session, assignments('', 'write'), line);
    return [at.register.path, ...fields.map((each) => `${each.field.name}=${each.value}`)];
  };
  assert.deepEqual(set('CTRL EN=1 SPEED=fast'), ['CTRL', 'EN=1', 'SPEED=1']);
  assert.deepEqual(set('region0.CTRL speed=1+1'), ['CTRL', 'SPEED=2']);
  session.variables.set('n', 0n);
  session.variables.set('v', 2n);
  assert.throws(() => set('CH[$n].ADDR X=1'), /CH\[0\].ADDR has no field "X"/);
  assert.deepEqual(set('CTRL SPEED=$v'), ['CTRL', 'SPEED=2']);
  const wrong: Readonly<Record<string, RegExp>> = {
    'CTRL ENN=1': /no field "ENN"; did you mean EN/,
    'CTRL EN=2': /0x2 does not fit the 1 bit of EN/,
    'CTRL SPEED=FASST': /SPEED has no value "FASST"/,
    'CTRL EN': /what is EN to be/,
    'CTRL EN=1 EN=0': /EN is given twice/,
    'CTRL EN=': /what is EN to be/,
    CTRL: /FIELD=VALUE is missing/,
    'CTRL.EN EN=1': /EN is a field/,
    'region0 0x40 EN=1': /no map describes a register there/,
    'CH[0].ADDR:32 EN=1': /has 16 bits/,
  };
  for (const [line, message] of Object.entries(wrong)) assert.match(failure(() => set(line)).message, message, line);
  assert.match(failure(() => set('CTRL SPEED=FASST')).hint ?? '', /did you mean FAST/);
  assert.equal(failure(() => set('CTRL EN=0x20')).start, 'CTRL EN='.length, 'the value is underlined');
});

test('Tab goes from step to step, to fields and to the names of values, and touches nothing', () => {
  const { session, accesses } = described();
  const candidates = async (line: string): Promise<string[]> => {
    let completion = complete(line, session);
    while ('load' in completion) {
      await session.registry.load(completion.load);
      completion = complete(line, session);
    }
    return completion.candidates.map(({ text }) => text);
  };
  return (async () => {
    assert.deepEqual(await candidates('peek UA'), ['UART0.', 'UART1.']);
    assert.deepEqual(await candidates('peek region0.uart0.c'), ['region0.uart0.CR1', 'region0.uart0.CR2']);
    assert.deepEqual(await candidates('peek region0.CH['), ['region0.CH[0].', 'region0.CH[1].', 'region0.CH[2].']);
    assert.deepEqual(await candidates('peek CTRL.'), ['CTRL.SPEED', 'CTRL.DONE', 'CTRL.EN']);
    assert.deepEqual(await candidates('poke region0 4 [region0.CH[1].'), ['region0.CH[1].ADDR']);
    assert.deepEqual(await candidates('peek config.COM'), []);
    assert.equal(accesses(), 0);
  })();
});
