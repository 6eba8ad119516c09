import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  deviceXml,
  dim,
  field,
  fieldsOf,
  peripheralXml,
  places,
  readSvd,
  reg,
  registersOf,
  span,
} from './svd-fixture.js';

test('arrays of registers: NAME[%s]', () => {
  const registers = registersOf(
    reg('FIFO[%s]', '0x10', dim(3, 4) + '<displayName>F[%s]</displayName><description>Word %s</description>'),
  );
  assert.deepEqual(places(registers), ['FIFO[0] 10', 'FIFO[1] 14', 'FIFO[2] 18']);
  assert.deepEqual(registers.map(({ name, index, title, description }) => [name, index, title, description])[2], [
    'FIFO',
    2,
    'F[2]',
    'Word 2',
  ]);
});

test('lists of registers: %s anywhere, by numbers, letters, ranges and names', () => {
  const list = (count: number, index?: string, name = 'R%sX'): string[] =>
    places(registersOf(reg(name, 0, dim(count, 8, index))));
  assert.deepEqual(list(2), ['R0X 0', 'R1X 8']);
  assert.deepEqual(list(4, '3-6'), ['R3X 0', 'R4X 8', 'R5X 10', 'R6X 18']);
  assert.deepEqual(list(3, 'A-C'), ['RAX 0', 'RBX 8', 'RCX 10']);
  assert.deepEqual(list(3, 'A, B ,Z'), ['RAX 0', 'RBX 8', 'RZX 10']);
  assert.deepEqual(list(4, '0-1,8,Last'), ['R0X 0', 'R1X 8', 'R8X 10', 'RLastX 18']);
  assert.deepEqual(list(1, '7'), ['R7X 0']);
  assert.deepEqual(list(2, '1-2', 'ARR[%s]'), ['ARR[1] 0', 'ARR[2] 8'], 'indices of their own');
  assert.deepEqual(list(2, 'A,B', 'ARR[%s]'), ['ARRA 0', 'ARRB 8'], 'an array by letters is a list');
});

test('arrays and lists that cannot be are said, and the rest is used', () => {
  const cases: readonly (readonly [string, RegExp, readonly string[]])[] = [
    [reg('R%s', 0, dim(3, 4, 'A,B')), /dimIndex: dimIndex has 2 names where dim is 3/, ['R0 0', 'R1 4', 'R2 8']],
    [reg('R%s', 0, dim(2, 4, '0-5')), /the dimIndex 0-5 has more than the 2 of dim/, ['R0 0', 'R1 4']],
    [reg('R%s', 0, '<dim>2</dim>'), /dimIncrement is missing: 4 is taken/, ['R0 0', 'R1 4']],
    [reg('R%s', 0, dim(1e9, 4)), /1000000000 are more than the 262144 registers/, []],
    [reg('R%s', 0), /"R%s" is no name|is called R here/, ['R 0']],
    [
      `<cluster><name>C[%s]</name><addressOffset>0</addressOffset><dim>2</dim>${reg('R', 0)}</cluster>`,
      /dimIncrement is missing/,
      [],
    ],
  ];
  for (const [xml, problem, wanted] of cases) {
    const { problems, registers } = readSvd(deviceXml(peripheralXml(`${xml}${reg('OK', 0x100)}`)));
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', problem);
    assert.deepEqual(places(registers.get('P') ?? []), [...wanted, 'OK 100']);
  }
});

test('lists of fields, by bits', () => {
  const fields = fieldsOf(
    `${field('EN%s', '0:0', dim(3, 2))}${field('P%s_MODE', '', `<lsb>8</lsb><msb>9</msb>${dim(2, 4, 'X,Y')}`)}${field('A[%s]', '16:16', dim(2, 1))}`,
  );
  assert.deepEqual(fields.map(span), [
    'A1 17:17',
    'A0 16:16',
    'PY_MODE 13:12',
    'PX_MODE 9:8',
    'EN2 4:4',
    'EN1 2:2',
    'EN0 0:0',
  ]);
});

test('dimArrayIndex names the elements; dimName and header names change nothing', () => {
  const index =
    '<dimName>CH_Type</dimName><dimArrayIndex><headerEnumName>E</headerEnumName>' +
    '<enumeratedValue><name>TX side</name><value>0</value></enumeratedValue><enumeratedValue><name>RX side</name><value>1</value></enumeratedValue></dimArrayIndex>';
  const { blocks, problems } = readSvd(
    deviceXml(
      peripheralXml(
        `<cluster><name>CH[%s]</name><headerStructName>S</headerStructName><addressOffset>0</addressOffset>${dim(2, 8)}${index}${reg('R', 0)}</cluster>`,
      ),
    ),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(
    blocks.get('P')?.map(({ path, title }) => [path, title]),
    [
      ['CH[0]', 'TX side'],
      ['CH[1]', 'RX side'],
    ],
  );
});

test('clusters in clusters, arrays of them, and registers beside them', () => {
  const registers = registersOf(`
    <cluster><name>CH[%s]</name><addressOffset>0x100</addressOffset>${dim(2, '0x40')}
      <cluster><name>Q%s</name><addressOffset>0x10</addressOffset>${dim(2, 16, 'A,B')}
        <cluster><name>DEEP</name><addressOffset>4</addressOffset>${reg('LEN', 4)}</cluster>
      </cluster>
      ${reg('CTL', 0)}
    </cluster>${reg('ID', '0xFFC')}`);
  assert.deepEqual(places(registers), [
    'CH[0].QA.DEEP.LEN 118',
    'CH[0].QB.DEEP.LEN 128',
    'CH[0].CTL 100',
    'CH[1].QA.DEEP.LEN 158',
    'CH[1].QB.DEEP.LEN 168',
    'CH[1].CTL 140',
    'ID ffc',
  ]);
});

test('arrays and lists of peripherals', () => {
  const one = (name: string, address: string, rest: string): string =>
    `<peripheral><name>${name}</name><baseAddress>${address}</baseAddress>${rest}<registers>${reg('R', 4)}</registers></peripheral>`;
  const { device, registers, problems } = readSvd(
    deviceXml(one('UART[%s]', '0x1000', dim(2, '0x100')) + one('T%s', '0x2000', dim(2, '0x400', 'A,B'))),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(
    device.peripherals.map(({ name, address }) => `${name} ${address.toString(16)}`),
    ['UART[0] 1000', 'UART[1] 1100', 'TA 2000', 'TB 2400'],
  );
  assert.deepEqual(places(registers.get('TB') ?? []), ['R 4']);
});
