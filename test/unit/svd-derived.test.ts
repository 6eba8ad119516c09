import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  deviceXml,
  dim,
  field,
  peripheralXml,
  places,
  readSvd,
  reg,
  registerXml,
  registersOf,
  span,
  value,
  values,
} from './svd-fixture.js';

test('derivedFrom: a peripheral, backwards and forwards, with registers of its own', () => {
  const { device, registers, problems } = readSvd(
    deviceXml(`
      <peripheral derivedFrom="B"><name>A</name><baseAddress>0x1000</baseAddress></peripheral>
      <peripheral derivedFrom="C"><name>B</name><baseAddress>0x2000</baseAddress><registers>${reg('R2', 8, '<access>read-only</access>')}${reg('R3', 12)}</registers></peripheral>
      <peripheral><name>C</name><baseAddress>0x3000</baseAddress><description>Base</description><groupName>G</groupName>
        <addressBlock><offset>0</offset><size>0x400</size><usage>registers</usage></addressBlock>
        <interrupt><name>C</name><value>3</value></interrupt>
        <registers>${reg('R1', 0)}${reg('R2', 4)}</registers></peripheral>`),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(places(registers.get('A') ?? []), ['R1 0', 'R2 8', 'R3 c']);
  assert.equal(registers.get('A')?.[1]?.access, 'ro');
  assert.deepEqual(places(registers.get('C') ?? []), ['R1 0', 'R2 4']);
  const [a] = device.peripherals;
  assert.deepEqual([a?.address, a?.size, a?.description, a?.group, a?.interrupts], [0x1000, 0x400, 'Base', 'G', []]);
});

test('derivedFrom: registers, in their scope and by a path into another peripheral', () => {
  const { registers, problems } = readSvd(
    deviceXml(
      peripheralXml(
        `${reg('A', 0, '<description>First</description><size>16</size><fields>' + field('X', '3:0') + field('Y', '7:4') + '</fields>')}
         ${reg('B', 4, '<fields>' + field('Y', '9:8') + field('Z', '15:12') + '</fields>', 'A')}
         ${reg('D', 8, '', 'Q.CL.R')}`,
      ) +
        `<peripheral><name>Q</name><baseAddress>0</baseAddress><registers><cluster><name>CL</name><addressOffset>0</addressOffset>${reg('R', 0, '<size>8</size><resetValue>7</resetValue>')}</cluster>
         ${reg('A', 8, '<size>8</size>')}${reg('E', 12, '', 'A')}</registers></peripheral>`,
    ),
  );
  assert.deepEqual(problems, []);
  const [, b, d] = registers.get('P') ?? [];
  assert.deepEqual(
    [b?.width, b?.description, b?.offset, b?.fields.map(span)],
    [16, 'First', 4, ['Z 15:12', 'Y 9:8', 'X 3:0']],
  );
  assert.deepEqual([d?.path, d?.width, d?.reset, d?.offset], ['D', 8, 7n, 8]);
  assert.equal(registers.get('Q')?.at(-1)?.width, 8, 'a name alone is of its own scope');
});

test('derivedFrom: clusters, with what is in them', () => {
  const registers = registersOf(`
    <cluster derivedFrom="RX"><name>TX</name><addressOffset>0x20</addressOffset>${reg('EXTRA', 12)}</cluster>
    <cluster><name>RX</name><addressOffset>0x10</addressOffset><access>read-only</access>${reg('LEN', 4)}</cluster>`);
  assert.deepEqual(places(registers), ['TX.LEN 24', 'TX.EXTRA 2c', 'RX.LEN 14']);
  assert.deepEqual(
    registers.map(({ access }) => access),
    ['ro', 'ro', 'ro'],
  );
});

test('derivedFrom: fields, in the register and by a path, with bits of their own or not', () => {
  const fields =
    field('A', '1:0', `<access>read-only</access><description>a</description>${values(value('ON', '1'))}`) +
    field('B', '5:4', '', 'A');
  const registers = registersOf(
    registerXml(fields) +
      reg(
        'S',
        4,
        `<fields>${field('C', '', '', 'P.R.A')}${field('D', '', '<bitOffset>8</bitOffset>', 'P.R.B')}</fields>`,
      ),
  );
  const [, s] = registers;
  assert.deepEqual(
    registers[0]?.fields.map((each) => [span(each), each.access, each.description, each.values.length]),
    [
      ['B 5:4', 'ro', 'a', 1],
      ['A 1:0', 'ro', 'a', 1],
    ],
  );
  assert.deepEqual(
    s?.fields.map((each) => [each.name, each.low, each.values.length]),
    [
      ['D', 8, 1],
      ['C', 0, 1],
    ],
  );
});

test('derivedFrom: enumerated values, by name, by field, by register and by peripheral', () => {
  const enums = values(value('OFF', '0') + value('ON', '1'), '<name>Sw</name>');
  const from = (path: string): string => `<enumeratedValues derivedFrom="${path}"/>`;
  const registers = registersOf(
    registerXml(field('A', '0:0', enums) + field('B', '1:1', from('Sw')) + field('C', '2:2', from('A.Sw'))) +
      reg(
        'S',
        4,
        `<fields>${field('D', '0:0', from('R.A.Sw'))}${field('E', '1:1', from('P.R.A.Sw'))}${field('F', '2:2', '<enumeratedValues derivedFrom="Sw"><usage>write</usage></enumeratedValues>')}</fields>`,
      ),
  );
  for (const each of registers.flatMap(({ fields }) => fields)) {
    assert.deepEqual(
      each.values.map(({ name }) => name),
      ['OFF', 'ON'],
      each.name,
    );
    assert.equal(each.values[0]?.usage, each.name === 'F' ? 'write' : 'both');
  }
});

test('derivedFrom: from an array, from one of its elements, and as an array', () => {
  const registers = registersOf(
    reg('CH%s', 0, `${dim(2, 4)}<size>16</size>`) +
      reg('X', 0x10, '', 'CH%s') +
      reg('Y', 0x14, '', 'CH1') +
      reg('Z%s', 0x20, dim(2, 8, 'A,B'), 'CH%s') +
      reg('V%s', 0x40, '', 'CH%s'),
  );
  assert.deepEqual(places(registers), ['CH0 0', 'CH1 4', 'X 10', 'Y 14', 'ZA 20', 'ZB 28', 'V0 40', 'V1 44']);
  assert.ok(registers.every(({ width }) => width === 16));
});

test('derivedFrom that leads nowhere or in circles is said, once, and what stands there is used', () => {
  const cases: readonly (readonly [string, RegExp, readonly string[]])[] = [
    [reg('A', 0, '', 'NONE'), /derivedFrom: there is no register NONE/, ['A 0']],
    [reg('A', 0, '', 'A'), /derivedFrom: A is itself/, ['A 0']],
    [
      reg('A', 0, '', 'B') + reg('B', 4, '', 'A'),
      /derivedFrom goes in circles: (A from B from A|B from A from B)/,
      ['A 0', 'B 4'],
    ],
    [
      `<cluster><name>C</name><addressOffset>0</addressOffset>${reg('R', 0)}<cluster derivedFrom="C"><name>D</name><addressOffset>8</addressOffset></cluster></cluster>`,
      /derivedFrom goes in circles: D from C/,
      ['C.R 0'],
    ],
    [
      `<cluster><name>A</name><addressOffset>0</addressOffset>${reg('R', 0)}<cluster derivedFrom="P.B"><name>X</name><addressOffset>8</addressOffset></cluster></cluster>
       <cluster><name>B</name><addressOffset>0x100</addressOffset>${reg('S', 0)}<cluster derivedFrom="P.A"><name>Y</name><addressOffset>8</addressOffset></cluster></cluster>`,
      /the cluster holds itself/,
      ['A.R 0', 'A.X.S 8', 'B.S 100', 'B.Y.R 108'],
    ],
  ];
  for (const [xml, problem, wanted] of cases) {
    const { problems, registers } = readSvd(deviceXml(peripheralXml(xml)));
    assert.match(problems[0] ?? '', problem);
    assert.ok(
      problems.every((line) => problem.test(line)),
      problems.join('\n'),
    );
    assert.deepEqual(places(registers.get('P') ?? []), wanted);
  }
  const { problems } = readSvd(
    deviceXml(
      '<peripheral derivedFrom="B"><name>A</name><baseAddress>0</baseAddress></peripheral><peripheral derivedFrom="A"><name>B</name><baseAddress>0</baseAddress></peripheral>',
    ),
  );
  assert.match(problems[0] ?? '', /circles/);
});

test('a chain of bases that has no end in reach is cut, and each link is told of that it cuts', () => {
  const count = 4000;
  const chain = Array.from({ length: count }, (_, nth) =>
    reg(
      `R${nth}`,
      nth * 4,
      nth === 0 ? '<description>the first</description>' : '',
      nth === 0 ? undefined : `R${nth - 1}`,
    ),
  );
  const { problems, registers } = readSvd(deviceXml(peripheralXml(chain.join(''))));
  const made = registers.get('P') ?? [];
  assert.equal(made.length, count);
  assert.deepEqual(
    [made[16]?.description, made[17]?.description],
    ['the first', undefined],
    '16 bases are followed, and no more',
  );
  assert.match(problems[0] ?? '', /derivedFrom: more than 16 stand behind one another/);
});
