import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registersIn } from '../../src/vfio/registers/register-map.js';
import { parseSvd } from '../../src/vfio/registers/svd/svd-device.js';
import { windowMap } from '../../src/vfio/registers/svd/svd-map.js';
import {
  deviceXml,
  dim,
  field,
  fieldsOf,
  only,
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
