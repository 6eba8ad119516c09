import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FieldDescription, type Register, registersIn } from '../../src/vfio/registers/register-map.js';
import { parseSvd } from '../../src/vfio/registers/svd/svd-device.js';
import { windowMap } from '../../src/vfio/registers/svd/svd-map.js';
import { deviceXml, peripheralXml, places, readSvd, registerXml, registersOf } from './svd-fixture.js';

/** A register of that name and offset. */
function reg(name: string, offset: string | number, rest = '', derivedFrom?: string): string {
  const from = derivedFrom === undefined ? '' : ` derivedFrom="${derivedFrom}"`;
  return `<register${from}><name>${name}</name><addressOffset>${offset}</addressOffset>${rest}</register>`;
}

function field(name: string, bits: string, rest = '', derivedFrom?: string): string {
  const from = derivedFrom === undefined ? '' : ` derivedFrom="${derivedFrom}"`;
  return `<field${from}><name>${name}</name>${bits === '' ? '' : `<bitRange>[${bits}]</bitRange>`}${rest}</field>`;
}

function dim(count: number, increment: string | number, index?: string): string {
  return `<dim>${count}</dim><dimIncrement>${increment}</dimIncrement>${index === undefined ? '' : `<dimIndex>${index}</dimIndex>`}`;
}

function values(entries: string, rest = ''): string {
  return `<enumeratedValues>${rest}${entries}</enumeratedValues>`;
}

function value(name: string, of: string): string {
  return `<enumeratedValue><name>${name}</name><value>${of}</value></enumeratedValue>`;
}

function fieldsOf(fields: string, rest = ''): readonly FieldDescription[] {
  return registersOf(registerXml(fields, rest))[0]?.fields ?? [];
}

function only(registers: string, defaults?: string): Register {
  const [register, ...others] = registersOf(registers, '', defaults);
  assert.ok(register && others.length === 0);
  return register;
}

function span({ name, low, bits: count }: FieldDescription): string {
  return `${name} ${low + count - 1}:${low}`;
}

test('scaledNonNegativeInteger: hexadecimal, binary, decimal, signs and scales', () => {
  const cases: Readonly<Record<string, number>> = {
    '0x1C': 0x1c,
    '0XfC': 0xfc,
    '#100': 4,
    '0b1000': 8,
    '020': 20,
    '+12': 12,
    ' 16 ': 16,
    '4K': 4096,
    '0x2k': 2048,
    '1M': 2 ** 20,
    '1G': 2 ** 30,
    '1T': 2 ** 40,
  };
  for (const [text, wanted] of Object.entries(cases)) assert.equal(only(reg('R', text)).offset, wanted, text);
  for (const text of ['', 'x', '1F', '-4', '0x', '1.5', '#2', '0x1_0', '1P']) {
    const { problems, registers } = readSvd(deviceXml(peripheralXml(reg('R', text))));
    assert.equal(problems.length, 1, text);
    assert.match(problems[0] ?? '', /^x\.svd:3:\d+: addressOffset: ".*" is no number/);
    assert.deepEqual(registers.get('P'), []);
  }
});

test('size, access, protection, resetValue and resetMask go down from the device to the register', () => {
  const defaults =
    '<size>16</size><access>read-only</access><protection>s</protection><resetValue>0x1</resetValue><resetMask>0xF</resetMask>';
  const xml = deviceXml(
    `${peripheralXml(
      `${reg('A', 0)}<cluster><name>C</name><addressOffset>0x10</addressOffset><access>write-only</access><resetValue>3</resetValue>
        ${reg('B', 0)}${reg('D', 4, '<size>8</size><access>read-write</access><protection>p</protection><resetValue>0x123</resetValue><resetMask>0xFF</resetMask>')}
      </cluster>`,
      '<size>32</size><protection>n</protection>',
    )}<peripheral><name>Q</name><baseAddress>0</baseAddress><registers>${reg('A', 0)}</registers></peripheral>`,
    defaults,
  );
  const { registers, problems } = readSvd(xml);
  assert.deepEqual(problems, []);
  const lines = [...registers.values()]
    .flat()
    .map((r) => [r.path, r.width, r.access, r.protection, r.reset, r.resetMask]);
  assert.deepEqual(lines, [
    ['A', 32, 'ro', 'non-secure', 1n, 15n],
    ['C.B', 32, 'wo', 'non-secure', 3n, 15n],
    ['C.D', 8, 'rw', 'privileged', 0x23n, 0xffn],
    ['A', 16, 'ro', 'secure', 1n, 15n],
  ]);
});

test("every access word; a field has its register's unless it says otherwise", () => {
  const words = {
    'read-only': 'ro',
    'write-only': 'wo',
    'read-write': 'rw',
    writeOnce: 'wo-once',
    'read-writeOnce': 'rw-once',
  };
  for (const [word, wanted] of Object.entries(words)) {
    const register = only(
      registerXml(field('A', '0:0') + field('B', '1:1', '<access>read-only</access>'), `<access>${word}</access>`),
    );
    assert.equal(register.access, wanted);
    assert.deepEqual(
      register.fields.map(({ access }) => access),
      ['ro', wanted],
    );
  }
});

test('a register whose access nothing says is what all its fields are', () => {
  const fields = field('A', '0:0', '<access>write-only</access>') + field('B', '1:1', '<access>write-only</access>');
  assert.equal(only(registerXml(fields), '<size>32</size>').access, 'wo');
  assert.equal(only(registerXml(fields + field('C', '2:2')), '<size>32</size>').access, 'rw');
});

test("a field's bits in the three styles", () => {
  const fields = fieldsOf(`
    <field><name>A</name><bitRange>[7:4]</bitRange></field>
    <field><name>B</name><lsb>8</lsb><msb>0xB</msb></field>
    <field><name>C</name><bitOffset>12</bitOffset><bitWidth>4</bitWidth></field>
    <field><name>D</name><bitOffset>16</bitOffset></field>
    <field><name>E</name><bitRange>[17]</bitRange></field>`);
  assert.deepEqual(fields.map(span), ['E 17:17', 'D 16:16', 'C 15:12', 'B 11:8', 'A 7:4']);
});

test('modifiedWriteValues, of the register or of its fields', () => {
  const words = {
    oneToClear: 'w1c',
    oneToSet: 'w1s',
    oneToToggle: 'w1t',
    zeroToClear: 'w0c',
    zeroToSet: 'w0s',
    zeroToToggle: 'w0t',
    clear: 'clear',
    set: 'set',
    modify: 'modify',
  };
  for (const [word, wanted] of Object.entries(words)) {
    const own = `<modifiedWriteValues>${word}</modifiedWriteValues>`;
    const register = only(
      registerXml(field('A', '0:0') + field('B', '1:1', '<modifiedWriteValues>modify</modifiedWriteValues>'), own),
    );
    assert.equal(register.writeEffect, wanted);
    assert.deepEqual(
      register.fields.map(({ writeEffect }) => writeEffect),
      ['modify', wanted],
    );
    assert.equal(fieldsOf(field('A', '0:0', own))[0]?.writeEffect, wanted);
  }
});

test('readAction, of the register or of its fields, makes the register one that is not to be read', () => {
  const words = { clear: 'clear', set: 'set', modify: 'modify', modifyExternal: 'external' };
  for (const [word, wanted] of Object.entries(words)) {
    assert.equal(only(reg('R', 0, `<readAction>${word}</readAction>`)).readEffect, wanted);
    const register = only(registerXml(field('A', '0:0') + field('B', '1:1', `<readAction>${word}</readAction>`)));
    assert.equal(register.readEffect, wanted);
    assert.deepEqual(
      register.fields.map(({ readEffect }) => readEffect),
      [wanted, undefined],
    );
  }
  const { registers, problems } = readSvd(deviceXml(peripheralXml(reg('R', 0, '<readAction>pops</readAction>'))));
  assert.equal(registers.get('P')?.[0]?.readEffect, 'modify', 'an action nobody knows is one all the same');
  assert.match(problems[0] ?? '', /readAction: "pops" is none of clear, set, modify, modifyExternal/);
});

test("writeConstraint: the register's is its fields' too", () => {
  const range = '<writeConstraint><range><minimum>2</minimum><maximum>0x4</maximum></range></writeConstraint>';
  const named = '<writeConstraint><useEnumeratedValues>true</useEnumeratedValues></writeConstraint>';
  const asRead = '<writeConstraint><writeAsRead>1</writeAsRead></writeConstraint>';
  const none = '<writeConstraint><writeAsRead>false</writeAsRead></writeConstraint>';
  const register = only(
    registerXml(
      field('A', '3:0', range) + field('B', '7:4', asRead) + field('C', '11:8') + field('D', '12:12', none),
      named,
    ),
  );
  assert.deepEqual(register.constraint, { kind: 'enumerated' });
  assert.deepEqual(
    register.fields.map(({ name, constraint }) => [name, constraint]),
    [
      ['D', { kind: 'enumerated' }],
      ['C', { kind: 'enumerated' }],
      ['B', { kind: 'as-read' }],
      ['A', { kind: 'range', from: 2n, to: 4n }],
    ],
  );
});

test('enumerated values: numbers, bits that do not matter, a default, and lists for reading and writing', () => {
  const [f] = fieldsOf(
    field(
      'F',
      '3:0',
      values(
        value('A', '0') +
          value('B', '0x1') +
          value('C', '#0010') +
          value('D', '0b0011') +
          value('E', '#01xx') +
          value('G', '0b1XX1') +
          '<enumeratedValue><name>rest</name><description>Not   used.\\nEver.</description><isDefault>true</isDefault></enumeratedValue>',
        '<name>Modes</name><headerEnumName>ModesEnum</headerEnumName>',
      ),
    ),
  );
  assert.deepEqual(f?.values, [
    { name: 'A', usage: 'both', from: 0n, to: 0n },
    { name: 'B', usage: 'both', from: 1n, to: 1n },
    { name: 'C', usage: 'both', from: 2n, to: 2n },
    { name: 'D', usage: 'both', from: 3n, to: 3n },
    { name: 'E', usage: 'both', from: 4n, to: 7n, mask: 0b1100n },
    { name: 'G', usage: 'both', from: 9n, to: 15n, mask: 0b1001n },
    { name: 'rest', usage: 'both', description: 'Not used. Ever.', from: 0n, to: 15n, isDefault: true },
  ]);
  const [two] = fieldsOf(
    field(
      'F',
      '0:0',
      values(value('Off', '0'), '<usage>read</usage>') + values(value('Clear', '1'), '<usage>write</usage>'),
    ),
  );
  assert.deepEqual(
    two?.values.map(({ name, usage }) => [name, usage]),
    [
      ['Off', 'read'],
      ['Clear', 'write'],
    ],
  );
  assert.equal(
    fieldsOf(field('F', '0:0', values(value('On', '1'), '<usage>read-write</usage>')))[0]?.values[0]?.usage,
    'both',
  );
});

test('enumerated values without a name are called what they are', () => {
  const [f] = fieldsOf(
    field('F', '1:0', values('<enumeratedValue><value>2</value></enumeratedValue>' + value('on top', '3'))),
  );
  assert.deepEqual(
    f?.values.map(({ name }) => name),
    ['2', 'on_top'],
  );
});

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

test('alternateRegister, alternateGroup, alternateCluster and overlaps are other views of a place', () => {
  const registers = registersOf(
    reg('MODE_B', 0, '<alternateRegister>MODE_A</alternateRegister>') +
      reg('MODE_A', 0) +
      reg('X', 4) +
      reg('X', 4, '<alternateGroup>ALT</alternateGroup>') +
      reg('DR', 8) +
      reg('DR8', 8, '<size>8</size>') +
      `<cluster><name>C</name><addressOffset>0</addressOffset><alternateCluster>D</alternateCluster>${reg('R', 0)}</cluster>` +
      reg('END', 12),
  );
  assert.deepEqual(
    registers.map(({ path, alternate }) => `${path}${alternate === true ? ' alternate' : ''}`),
    ['MODE_B alternate', 'MODE_A', 'X', 'X_ALT alternate', 'DR', 'DR8 alternate', 'C.R alternate', 'END'],
  );
});

test('a peripheral that is another view of one is an alternate where both are in the map', () => {
  const one = (name: string, rest: string): string =>
    `<peripheral><name>${name}</name>${rest}<baseAddress>0x1000</baseAddress><registers>${reg('CR', 0)}</registers></peripheral>`;
  const contents = parseSvd(
    deviceXml(one('I2C', '<alternatePeripheral>SPI</alternatePeripheral>') + one('SPI', '')),
    'x.svd',
  );
  assert.ok('device' in contents);
  const file = { device: contents.device, registersOf: (index: number) => contents.registers[index] ?? [] };
  const place = { origin: 'x.svd', space: 'region0', base: 0, address: 0x1000 };
  const alternates = (indices: readonly number[]): string[] =>
    [...registersIn(windowMap(file, indices, place).children)].map(
      ({ path, alternate }) => `${path}${alternate === true ? ' alternate' : ''}`,
    );
  assert.deepEqual(alternates([0, 1]), ['I2C.CR alternate', 'SPI.CR']);
  assert.deepEqual(alternates([0]), ['I2C.CR']);
});

test('prependToName and appendToName are in the names of all registers', () => {
  const rest = '<prependToName>PRE_</prependToName><appendToName>_POST</appendToName>';
  const registers = registersOf(
    `${reg('R', 0)}${reg('A[%s]', 4, dim(2, 4))}<cluster><name>C</name><addressOffset>0x10</addressOffset>${reg('S', 0)}</cluster>`,
    rest,
  );
  assert.deepEqual(places(registers), ['PRE_R_POST 0', 'PRE_A_POST[0] 4', 'PRE_A_POST[1] 8', 'C.PRE_S_POST 10']);
});

test('what a peripheral says of itself: address blocks, interrupts, texts', () => {
  const { device, problems } = readSvd(
    deviceXml(
      peripheralXml(
        reg('R', 0),
        `<version>1.2</version><description>A  port
          of two lines</description><alternatePeripheral>Q</alternatePeripheral><groupName>PORT</groupName><headerStructName>P_Type</headerStructName>
        <disableCondition>(S-&gt;C-&gt;en == 0)</disableCondition>
        <addressBlock><offset>0</offset><size>0x100</size><usage>registers</usage><protection>s</protection></addressBlock>
        <addressBlock><offset>0x800</offset><size>1K</size><usage>buffer</usage></addressBlock>
        <interrupt><name>P_IRQ</name><description>Anything</description><value>12</value></interrupt>
        <interrupt><name>P_ERR</name><value>0x10</value></interrupt>`,
      ),
    ),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(device.peripherals, [
    {
      name: 'P',
      address: 0x40000000,
      size: 0xc00,
      blocks: [
        { offset: 0, size: 0x100, usage: 'registers' },
        { offset: 0x800, size: 0x400, usage: 'buffer' },
      ],
      interrupts: [
        { name: 'P_IRQ', value: 12, description: 'Anything' },
        { name: 'P_ERR', value: 16 },
      ],
      version: '1.2',
      description: 'A port of two lines',
      group: 'PORT',
      alternate: 'Q',
      disableCondition: '(S->C->en == 0)',
    },
  ]);
});

test('what a device says of itself; extensions and what is for header files are passed over', () => {
  const rest = `<vendor>V</vendor><vendorID>V1</vendorID><series>S</series><licenseText>free</licenseText>
    <headerSystemFilename>system</headerSystemFilename><headerDefinitionsPrefix>X_</headerDefinitionsPrefix>
    <cpu><name>CM33</name><revision>r0p1</revision><endian>little</endian><mpuPresent>1</mpuPresent><fpuPresent>0</fpuPresent><nvicPrioBits>3</nvicPrioBits>
      <vendorSystickConfig>false</vendorSystickConfig><sauRegionsConfig enabled="true"><region name="S"><base>0</base><limit>1</limit><access>n</access></region></sauRegionsConfig></cpu>
    <vendorExtensions><anything><peripherals><peripheral><name>FAKE</name></peripheral></peripherals></anything></vendorExtensions>`;
  const { device, problems } = readSvd(deviceXml(peripheralXml(reg('R', 0)), rest));
  assert.deepEqual(problems, []);
  const { peripherals, problems: _none, ...chip } = device;
  assert.equal(peripherals.length, 1);
  assert.deepEqual(chip, { name: 'CHIP', version: '1', description: 'A chip', vendor: 'V', cpu: 'CM33 r0p1 little' });
  assert.match(
    readSvd(deviceXml(peripheralXml(''), '<cpu><endian>big</endian></cpu>')).problems[0] ?? '',
    /big endian/,
  );
});

test('dataType changes nothing, and widths are those that an access can have', () => {
  assert.equal(only(reg('R', 0, '<dataType>uint32_t *</dataType>')).width, 32);
  const { registers, problems } = readSvd(
    deviceXml(
      peripheralXml(
        reg('A', 0, '<size>0x10</size>') +
          reg('B', 4, '<size>64</size>') +
          reg('C', 8, '<size>24</size>') +
          reg('D', 16, '<size>128</size>') +
          reg('E', 32, '<size>1</size>'),
      ),
    ),
  );
  assert.deepEqual(
    registers.get('P')?.map(({ path, width }) => [path, width]),
    [
      ['A', 16],
      ['B', 64],
      ['C', 32],
      ['E', 8],
    ],
  );
  assert.deepEqual(
    problems.map((line) => line.replace(/^x\.svd:3:\d+: /, '')),
    [
      'B lies at 0x4, where 64 bits cannot be accessed at once',
      'no access has 24 bits: 32 are taken',
      '128 bits are no width of a register: it is left out',
      'no access has 1 bits: 8 are taken',
    ],
  );
});

test('addressUnitBits other than 8 count larger steps', () => {
  const xml = deviceXml(
    peripheralXml(
      reg('A', 1) + reg('B%s', 4, dim(2, 1)),
      '<addressBlock><offset>0</offset><size>8</size><usage>registers</usage></addressBlock>',
    ),
  ).replace('<addressUnitBits>8<', '<addressUnitBits>32<');
  const { registers, device, problems } = readSvd(xml);
  assert.deepEqual(problems, []);
  assert.deepEqual(places(registers.get('P') ?? []), ['A 4', 'B0 10', 'B1 14']);
  assert.equal(device.peripherals[0]?.size, 32);
  assert.equal(device.peripherals[0]?.address, 0x100000000);
});

test('names that the language cannot hold are turned into such, and said', () => {
  const { registers, problems } = readSvd(deviceXml(peripheralXml(reg('7 SEG-A', 0) + reg('X', 4) + reg('X', 8))));
  assert.deepEqual(places(registers.get('P') ?? []), ['_7_SEG_A 0', 'X 4', 'X_2 8']);
  assert.deepEqual(
    problems.map((line) => line.replace(/^x\.svd:3:\d+: /, '')),
    ['"7 SEG-A" is no name: it is called _7_SEG_A here', 'there are two of the name X: this one is called X_2'],
  );
});
