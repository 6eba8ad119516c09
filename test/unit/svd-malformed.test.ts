import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { layOut } from '../../src/vfio/registers/layout.js';
import { parseSvd } from '../../src/vfio/registers/svd/svd-device.js';
import { KeptOutput } from './session-fixture.js';
import { deviceXml, peripheralXml, places, readSvd } from './svd-fixture.js';

const registers = ['A', 'B', 'C'].map(
  (name, index) =>
    `\n  <register><name>${name}</name><addressOffset>${index * 4}</addressOffset><fields><field><name>F</name><bitRange>[3:0]</bitRange></field></fields></register>`,
);
const good = deviceXml(peripheralXml(registers.join('')));

function problemsOf(xml: string): string[] {
  return parseProblems(xml).map(({ where, why }) => `${where}: ${why}`);
}

function parseProblems(xml: string): readonly { readonly where: string; readonly why: string }[] {
  const read = parseSvd(xml, 'x.svd');
  return 'device' in read ? read.device.problems : read.problems;
}

test('a mistake is said with its line and column', () => {
  const cases: readonly (readonly [string, string])[] = [
    [good.replace('<name>B<', '<name>B</nam><'), 'x.svd:5:25: unexpected close tag'],
    [
      good.replace('<bitRange>[3:0]', '<bitRange>[0:3]'),
      'x.svd:4:88: bitRange: the bits are the wrong way round: "3:0"',
    ],
    [good.replace('<addressOffset>4<', '<addressOffset>four<'), 'x.svd:5:27: addressOffset: "four" is no number'],
    [good.replace('<addressOffset>4</addressOffset>', ''), 'x.svd:5:3: addressOffset is missing'],
    [good.replace('<name>B</name>', ''), 'x.svd:5:3: this register has no name'],
    [`\n\n  ${good.replace('<name>B</name>', '')}`, 'x.svd:7:3: this register has no name'],
    [good.replace('[3:0]', '[35:0]'), 'x.svd:4:67: F: bits 35:0 are beyond the 32 bits of the register'],
    [good.replace('<baseAddress>0x40000000</baseAddress>', ''), 'x.svd:3:1: baseAddress is missing'],
    [good.replace('<name>CHIP</name>', '<name>R&D</name>'), 'x.svd:2:36: an & stands alone: it is written &amp;'],
    [good.replace('<name>CHIP</name>', '<name>&nbsp;</name>'), 'x.svd:2:40: undefined entity'],
  ];
  for (const [xml, wanted] of cases) assert.equal(problemsOf(xml)[0], wanted);
});

test('what stands before the mistake is used, but for the register that it cuts short', () => {
  const broken = good.slice(0, good.indexOf('[3:0]', good.indexOf('<name>C<')));
  const { problems, registers: found } = readSvd(broken);
  assert.deepEqual(places(found.get('P') ?? []), ['A 0', 'B 4']);
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? '', /^x\.svd:6:\d+: unclosed tag/);
  const passed = readSvd(good.replace('<name>CHIP</name>', '<name>R&D</name>'));
  assert.equal(passed.registers.get('P')?.length, 3, 'an & that should be &amp; stops nothing');
});

// oxlint-disable-next-line no-control-regex
const obeyed = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

test('what a file calls things is shown without what a terminal would obey, in problems too', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-svd-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  t.after(() => session.closeAll());
  for (const evil of ['\u001b]0;x\u0007', '\u009b31m', '\u202e', '&#27;[31m', '&#x9b;31m', '%s[%s]', '$(x);"\'\\`']) {
    const file = join(folder, 'evil.svd');
    rmSync(file, { force: true });
    const field = `<field><name>F${evil}</name><description>d${evil}</description><bitRange>[0:0]</bitRange><access>${evil}</access>
      <enumeratedValues><enumeratedValue><name>V${evil}</name><value>1</value></enumeratedValue><enumeratedValue><name>W</name><value>${evil}</value></enumeratedValue></enumeratedValues></field>`;
    writeFileSync(
      file,
      deviceXml(
        `<peripheral><name>P${evil}</name><description>d${evil}</description><baseAddress>0</baseAddress><interrupt><name>I${evil}</name><value>1</value></interrupt>
        <registers><register derivedFrom="${evil.replaceAll('"', '')}"><name>R${evil}</name><displayName>t${evil}</displayName><description>d${evil}</description>
        <addressOffset>0</addressOffset><fields>${field}</fields></register></registers></peripheral>`,
      ),
    );
    await session.execute(`regs load ${file}`, { prefixes: false });
    const [name] = [...session.registers.registers].map(({ path }) => path);
    assert.match(name ?? '', /^[\w.[\]]+$/, JSON.stringify(evil));
    for (const line of [
      'regs',
      'regs list',
      'regs search d',
      `regs show ${name}`,
      `decode ${name} 1`,
      'regs problems',
    ]) {
      await session.execute(line, { prefixes: false });
      assert.doesNotMatch(output.take(), obeyed, `${line}: ${JSON.stringify(evil)}`);
    }
    for (const { name: map } of session.registers.maps) session.registers.remove(map);
  }
});

test('what is no SVD file is said to be none', () => {
  for (const [text, wanted] of [
    ['', /x\.svd:1:\d+: document must contain a root element/],
    ['{"name": 1}', /x\.svd:1:\d+: text data outside of root node/],
    ['<html/>', /x\.svd:1:1: CMSIS-SVD begins with <device>, not <html>/],
    ['\u0000\u0001\u0002', /x\.svd:1:\d+: /],
  ] as const) {
    const read = parseSvd(text, 'x.svd');
    assert.ok(!('device' in read));
    assert.match(`${read.problems[0]?.where}: ${read.problems[0]?.why}`, wanted);
  }
  assert.deepEqual(problemsOf('<device><name>X</name></device>'), ['x.svd:1:1: it describes no peripheral']);
});

test('entities of a DTD are not expanded', () => {
  const bomb = `<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">${Array.from({ length: 30 }, (_, index) => `<!ENTITY b${index} "&a;&a;&a;">`).join('')}]>`;
  const xml = good.replace('<device', `${bomb}<device`).replace('<name>CHIP<', '<name>&b29;<');
  assert.match(problemsOf(xml).join('\n'), /undefined entity/);
  assert.equal(readSvd(xml).registers.get('P')?.length, 3);
});

test('depth, text, arrays and what is derived again and again are bounded', () => {
  const nested = `${'<cluster><name>C</name><addressOffset>0</addressOffset>'.repeat(2000)}${'</cluster>'.repeat(2000)}`;
  assert.match(problemsOf(deviceXml(peripheralXml(nested))).join('\n'), /no deeper than/);

  const long = `<register><name>R</name><addressOffset>0</addressOffset><description>${'word '.repeat(400_000)}</description></register>`;
  assert.ok((readSvd(deviceXml(peripheralXml(long))).registers.get('P')?.[0]?.description?.length ?? 0) < 100_000);

  const arrays = `<cluster><name>C[%s]</name><addressOffset>0</addressOffset><dim>60000</dim><dimIncrement>4</dimIncrement><register><name>R[%s]</name><addressOffset>0</addressOffset><dim>60000</dim><dimIncrement>4</dimIncrement></register></cluster>`;
  const many = readSvd(deviceXml(peripheralXml(arrays)));
  assert.ok((many.registers.get('P')?.length ?? 0) <= 2 ** 18);
  assert.match(many.problems.join('\n'), /more than 262144 registers: the map ends here/);

  // Each holds the one before it twice.
  let doubling =
    '<cluster><name>C0</name><addressOffset>0</addressOffset><register><name>R</name><addressOffset>0</addressOffset></register></cluster>';
  for (let level = 1; level < 40; level += 1) {
    const half = (name: string): string =>
      `<cluster derivedFrom="P.C${level - 1}"><name>${name}</name><addressOffset>0</addressOffset></cluster>`;
    doubling += `<cluster><name>C${level}</name><addressOffset>0</addressOffset>${half('X')}${half('Y')}</cluster>`;
  }
  assert.match(readSvd(deviceXml(peripheralXml(doubling))).problems.join('\n'), /too much: what follows is left out/);
});

test('a name that everything has does not make deriving slow', () => {
  const fields = Array.from({ length: 20_000 }, (_, index) => {
    const from = index % 2 === 0 ? '' : ' derivedFrom="EN"';
    return `<register><name>R${index}</name><addressOffset>0</addressOffset><fields><field${from}><name>EN</name><bitRange>[0:0]</bitRange></field></fields></register>`;
  });
  assert.match(
    problemsOf(deviceXml(peripheralXml(fields.join('')))).join('\n'),
    /too many names of the file are alike/,
  );
});

test('at most 200 problems are told, and how many more there are', () => {
  const bad = Array.from({ length: 500 }, () => '\n<register><name>R</name></register>').join('');
  const problems = problemsOf(deviceXml(peripheralXml(bad)));
  assert.equal(problems.length, 201);
  assert.equal(problems.at(-1), 'x.svd: and 300 more');
});

test('whatever a file holds, it is read or refused', () => {
  const lay = (xml: string): void => {
    const read = parseSvd(xml, 'x.svd');
    if (!('device' in read)) return;
    for (const sketches of read.registers) layOut(sketches, { space: 'region0', base: 0 });
  };
  const full = deviceXml(
    `${peripheralXml(`${registers.join('')}<cluster derivedFrom="D"><name>C[%s]</name><dim>2</dim><dimIncrement>0x10</dimIncrement><addressOffset>0x100</addressOffset></cluster>
    <cluster><name>D</name><addressOffset>0x200</addressOffset><register derivedFrom="A"><name>X%s</name><dim>2</dim><dimIncrement>4</dimIncrement><dimIndex>A,B</dimIndex><addressOffset>8</addressOffset>
    <fields><field><name>G</name><lsb>4</lsb><msb>7</msb><enumeratedValues><enumeratedValue><name>V</name><value>#1xx</value></enumeratedValue></enumeratedValues></field></fields></register></cluster>`)}
    <peripheral derivedFrom="P"><name>Q</name><baseAddress>0</baseAddress></peripheral>`,
  );
  lay(full);
  // Words of the file put in the place of others: what a slip of a hand makes.
  const words = [...new Set(full.match(/[\w%#[\]:]+|[<>/"&=]/g))];
  const at = fc.nat(full.length);
  const change = fc.record({
    at,
    length: fc.nat(12),
    put: fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 6 })),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
      let xml = full;
      for (const { at: from, length, put } of changes) xml = xml.slice(0, from) + put + xml.slice(from + length);
      lay(xml);
    }),
    { numRuns: 1500 },
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => lay(text)),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words)), (parts) => lay(`<device>${parts.join('')}`)),
    { numRuns: 500 },
  );
});
