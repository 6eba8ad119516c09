import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VfioError } from '../../src/vfio/errors.js';
import { registerMapOf } from '../../src/vfio/registers/map-format.js';
import { Overlay } from '../../src/vfio/registers/overlay.js';
import { type Register, type RegisterMap, registersIn } from '../../src/vfio/registers/register-map.js';

const uart: RegisterMap = registerMapOf(
  {
    name: 'UART0',
    registers: [
      {
        name: 'CTRL',
        offset: 0,
        access: 'rw',
        reset: 5,
        fields: [
          { name: 'EN', bits: 0, values: { OFF: 0, ON: 1 } },
          { name: 'MODE', bits: '3:2', access: 'ro' },
          { name: 'OLD', bits: 7 },
        ],
      },
      { name: 'DATA', offset: 4, width: 8 },
      {
        name: 'CH',
        offset: 0x10,
        count: 3,
        stride: 16,
        registers: [
          { name: 'CFG', offset: 0 },
          { name: 'STAT', offset: 4 },
        ],
      },
    ],
  },
  { origin: 'uart.json', space: 'region2', base: 0x1000 },
);

function corrected(changes: object, rest: object = {}): { map: RegisterMap; problems: string[] } {
  const overlay = new Overlay({ overlay: true, changes, ...rest }, 'fix.json');
  const map = overlay.apply(uart);
  const problems = [...map.problems, ...overlay.unmatched([map])];
  return { map, problems: problems.map(({ where, why }) => `${where}: ${why}`) };
}

/** What `changes` make of the map, without a problem. */
function made(changes: object): Register[] {
  const { map, problems } = corrected(changes);
  assert.deepEqual(problems, []);
  return [...registersIn(map.children)];
}

function named(all: readonly Register[], path: string): Register {
  return all.find((register) => register.path === path) ?? assert.fail(path);
}

test('a register takes the keys of a change in place of its own, and is else as it was', () => {
  const before = [...registersIn(uart.children)];
  const after = made({ CTRL: { width: 16, reset: '0x7', readEffect: 'external', description: 'Control' } });
  const ctrl = named(after, 'CTRL');
  assert.deepEqual(ctrl, {
    ...named(before, 'CTRL'),
    width: 16,
    reset: 7n,
    readEffect: 'external',
    description: 'Control',
    fields: ctrl.fields,
  });
  assert.deepEqual(after.slice(1), before.slice(1));
});

test("a register's new access is that of its fields, but for those with one of their own", () => {
  const { fields, access, writeEffect } = named(made({ CTRL: { access: 'w1c' } }), 'CTRL');
  assert.deepEqual([access, writeEffect], ['rw', 'w1c']);
  assert.deepEqual(
    fields.map((field) => [field.name, field.access, field.writeEffect]),
    [
      ['OLD', 'rw', 'w1c'],
      ['MODE', 'ro', 'modify'],
      ['EN', 'rw', 'w1c'],
    ],
  );
});

test('null takes a key, a field, a value, a register and a block away', () => {
  const after = made({
    CTRL: { reset: null, fields: { OLD: null, EN: { values: { OFF: null } } } },
    DATA: null,
    'CH[1]': null,
  });
  assert.deepEqual(
    after.map(({ path }) => path),
    ['CTRL', 'CH[0].CFG', 'CH[0].STAT', 'CH[2].CFG', 'CH[2].STAT'],
  );
  const ctrl = named(after, 'CTRL');
  assert.equal(ctrl.reset, undefined);
  assert.deepEqual(
    ctrl.fields.map(({ name, values }) => [name, values.map((value) => value.name)]),
    [
      ['MODE', []],
      ['EN', ['ON']],
    ],
  );
});

test('fields and values are changed, renamed, added and replaced', () => {
  const { fields } = named(
    made({
      CTRL: {
        fields: {
          EN: { name: 'ENABLE', values: { ON: 0, OFF: { value: 1, description: 'stopped' } } },
          MODE: { bits: '5:2', values: { FAST: 3 } },
          NEW: { bits: '9:8', access: 'wo' },
        },
      },
    }),
    'CTRL',
  );
  assert.deepEqual(
    fields.map(({ name, low, bits, access }) => `${name} ${low} ${bits} ${access}`),
    ['NEW 8 2 wo', 'OLD 7 1 rw', 'MODE 2 4 ro', 'ENABLE 0 1 rw'],
  );
  assert.deepEqual(
    fields.at(-1)?.values.map(({ name, from, description }) => [name, from, description]),
    [
      ['OFF', 1n, 'stopped'],
      ['ON', 0n, undefined],
    ],
  );
  assert.deepEqual(
    named(made({ CTRL: { fields: [{ name: 'ALL', bits: '31:0' }] } }), 'CTRL').fields.map(({ name }) => name),
    ['ALL'],
  );
});

test('registers are renamed and moved within their block, blocks with what is in them', () => {
  const after = made({
    CTRL: { name: 'CONTROL', offset: 8 },
    CH: { name: 'CHAN', offset: '0x200' },
    'CH[2].CFG': { name: 'CONFIG' },
  });
  assert.deepEqual(after.map(({ path, offset, space }) => `${space} ${path} ${offset.toString(16)}`).slice(0, 4), [
    'region2 CONTROL 1008',
    'region2 DATA 1004',
    'region2 CHAN[0].CFG 1200',
    'region2 CHAN[0].STAT 1204',
  ]);
  assert.ok(after.some(({ path }) => path === 'CHAN[2].CONFIG'));
});

test('paths are with the name of the map or without it, and with wildcards', () => {
  const effects = (changes: object): string[] =>
    made(changes)
      .filter(({ readEffect }) => readEffect !== undefined)
      .map(({ path }) => path);
  const set = { readEffect: 'clear' };
  assert.deepEqual(effects({ 'UART0.DATA': set }), ['DATA']);
  assert.deepEqual(effects({ 'UART?.DATA': set }), ['DATA']);
  assert.deepEqual(effects({ 'CH.STAT': set }), ['CH[0].STAT', 'CH[1].STAT', 'CH[2].STAT']);
  assert.deepEqual(effects({ 'CH[1].*': set }), ['CH[1].CFG', 'CH[1].STAT']);
  assert.deepEqual(effects({ '*': set }), ['CTRL', 'DATA'], 'a block has no such key');
});

test('registers are added to the map, and to its blocks', () => {
  const after = made({
    UART0: { registers: [{ name: 'ID', offset: '0xFC', access: 'ro' }] },
    'CH[0]': { registers: [{ name: 'X', offset: 8, count: 2 }] },
  });
  assert.deepEqual(
    after.filter(({ path }) => /ID|X/.test(path)).map(({ path, offset }) => `${path} ${offset.toString(16)}`),
    ['CH[0].X[0] 1018', 'CH[0].X[1] 101c', 'ID 10fc'],
  );
});

test('what fits nothing, or cannot be, is said with its place, and the rest is done', () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ CTRL2: { access: 'ro' } }, 'fix.json: CTRL2: nothing is called so; did you mean CTRL?'],
    [
      { 'CH[7].CFG': null },
      'fix.json: CH[7].CFG: nothing is called so; did you mean CH[0].CFG or CH[1].CFG or CH[2].CFG?',
    ],
    [{ CTRL: { fields: { NONE: { access: 'ro' } } } }, 'fix.json: CTRL: there is no NONE to change'],
    [{ CTRL: { fields: { NONE: null } } }, 'fix.json: CTRL: there is no NONE to change'],
    [{ CTRL: { fields: { EN: { values: { MAYBE: null } } } } }, 'fix.json: CTRL: there is no EN.MAYBE to change'],
    [{ CTRL: { acces: 'ro' } }, 'fix.json: CTRL: there is no "acces" here: did you mean access?'],
    [{ CTRL: { access: 'xx' } }, 'fix.json: CTRL: access: "xx" is no access'],
    [{ CTRL: 5 }, 'fix.json: CTRL: a change is { ... }, or null to take it away'],
    [{ CTRL: { registers: [] } }, 'fix.json: CTRL: a register holds no registers'],
    [{ UART0: { access: 'ro' } }, 'fix.json: UART0: it is a block or a map, of which name, title'],
  ];
  for (const [changes, wanted] of cases) {
    const { problems, map } = corrected({ ...changes, DATA: { access: 'ro' } });
    assert.ok(problems[0]?.startsWith(wanted), problems.join('\n'));
    assert.equal(named([...registersIn(map.children)], 'DATA').access, 'ro');
  }
  assert.equal(corrected({}, { chages: {} }).problems[0], 'fix.json: there is no "chages" here; did you mean changes?');
});

test('what is no overlay is refused; for whom it is can be asked', () => {
  for (const data of [
    undefined,
    [],
    {},
    { overlay: true },
    { overlay: 1, changes: {} },
    { overlay: true, changes: [] },
    { overlay: true, for: 1, changes: {} },
  ]) {
    assert.throws(() => new Overlay(data, 'fix.json'), VfioError);
  }
  const overlay = new Overlay({ overlay: true, for: 'nrf528*', changes: {} }, 'fix.json');
  assert.ok(overlay.isFor(['nrf52840.svd', 'UARTE0']));
  assert.ok(!overlay.isFor(['stm32.svd']));
});

test('an overlay of several maps tells only what fits none of them', () => {
  const overlay = new Overlay(
    {
      overlay: true,
      changes: { 'UART0.CTRL': { access: 'ro' }, 'UART1.CTRL': { access: 'ro' }, 'SPI*.X': null, 'RTC.Y': null },
    },
    'fix.json',
  );
  const maps = [overlay.apply(uart), overlay.apply({ ...uart, name: 'UART1' })];
  assert.equal(overlay.used, 2);
  assert.deepEqual(
    overlay.unmatched(maps, ['SPI0']).map(({ where }) => where),
    ['fix.json: RTC.Y'],
  );
});
