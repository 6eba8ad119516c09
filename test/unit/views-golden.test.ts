import { test } from 'node:test';
import { problemView } from '../../src/views/errors.js';
import { ansi } from '../../src/views/sinks/ansi.js';
import { json } from '../../src/views/sinks/json.js';
import { plain } from '../../src/views/sinks/plain.js';
import type { CellsView, RegisterView, View } from '../../src/views/view.js';
import { assertGolden } from './golden.js';

const screens = [60, 80, 132, Infinity];

/** Every screen's text of `views`, then the colours at 80 with ESC spelt out, then JSON. */
function everyForm(...views: readonly View[]): string {
  let text = '';
  for (const columns of screens) {
    text += `=== ${columns === Infinity ? 'unlimited' : `${columns} columns`} ===\n`;
    text += views.map((view) => plain(view, columns)).join('\n');
  }
  text += '=== colours, 80 columns ===\n';
  text += views
    .map((view) => ansi(view, 80))
    .join('\n')
    .replaceAll('\x1b', '<ESC>');
  text += '=== JSON ===\n';
  return text + views.map((view) => json(view)).join('');
}

/** Bytes that go through all values and repeat nowhere within a line. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 37 + (index >> 4)) & 0xff);
}

function cells(
  style: CellsView['style'],
  width: CellsView['width'],
  count: number,
  rest: Partial<CellsView> = {},
): View {
  const bytes = pattern((count * width) / 8);
  return {
    kind: 'cells',
    style,
    space: 'region0',
    offset: 0x100,
    width,
    stride: width / 8,
    count,
    bytes,
    faults: [],
    ...rest,
  };
}

const refused = 'SIGBUS: memory decode is off';

test('reads of each width, named and in an address space, look as they are written down', () => {
  assertGolden(
    'read.txt',
    everyForm(
      { kind: 'read', space: 'region0', offset: 0x100, width: 32, value: 0x10000ed },
      { kind: 'read', space: 'config', offset: 4, width: 16, value: 0, name: 'COMMAND' },
      { kind: 'read', space: 'region2', offset: 0, width: 8, value: 0xff },
      { kind: 'read', space: 'iova', offset: 0xffff_ffff_0000_0000n, width: 64, value: 0xdead_beefn },
    ),
  );
});

test('writes show the change, and what is read back where that was asked for', () => {
  assertGolden(
    'write.txt',
    everyForm(
      { kind: 'write', space: 'region0', offset: 4, width: 32, value: 0x12345678, written: 0x12345678 },
      { kind: 'write', space: 'region0', offset: 4, width: 32, old: 0, value: 1, mask: 1n, written: 1, name: 'CTRL' },
      { kind: 'write', space: 'region0', offset: 4, width: 8, value: 0x5a, written: 0x5a, readBack: 0x5a },
      { kind: 'write', space: 'region0', offset: 8, width: 64, value: 1n, written: 1n, readBack: 0n },
    ),
  );
});

test('cells are words of their width, with faulted ones as dashes and each reason once', () => {
  const faults = [3, 4, 9].map((index) => ({ index, reason: refused }));
  assertGolden(
    'words.txt',
    everyForm(
      cells('words', 32, 11, { faults: [...faults, { index: 10, reason: 'EIO: the bus answered with an error' }] }),
      cells('words', 8, 20, { name: 'ID' }),
      cells('words', 16, 9, { faults: [{ index: 8, reason: refused }] }),
      cells('words', 64, 3, { space: 'iova', offset: 0xffff_ffff_0000_0000n }),
      cells('words', 32, 6, { stride: 16 }),
      cells('words', 32, 12, { stride: 0, faults: [{ index: 2, reason: refused }] }),
      cells('words', 32, 40, {
        faults: Array.from({ length: 20 }, (_, index) => ({ index: index * 2, reason: refused })),
      }),
    ),
  );
});

test('a dump is a hexdump with unreadable cells marked, repeated lines left out and the end at last', () => {
  const bytes = pattern(0x98);
  bytes.fill(0, 0x20, 0x60);
  const hole = Array.from({ length: 16 }, (_, index) => ({ index: index + 8, reason: refused }));
  assertGolden(
    'dump.txt',
    everyForm(
      cells('bytes', 32, 0x98 / 4, { bytes }),
      cells('bytes', 32, 0x98 / 4, { faults: hole }),
      cells('bytes', 8, 5, { faults: [{ index: 1, reason: refused }] }),
      cells('bytes', 32, 8, { stride: 0, bytes: new Uint8Array(32) }),
      cells('bytes', 32, 4, { space: 'iova', offset: 0xffff_ffff_0000n }),
      cells('bytes', 32, 0),
    ),
  );
});

test('cells that were left out have a sign of their own, and a line for each reason', () => {
  const skipped = [
    { index: 1, count: 2, reason: 'FIFO: reading it changes something else' },
    { index: 5, count: 1, reason: 'FLAGS: reading it clears it' },
  ];
  const faults = [{ index: 4, reason: refused }];
  assertGolden(
    'skipped.txt',
    everyForm(cells('bytes', 32, 8, { skipped, faults }), cells('words', 16, 8, { skipped, name: 'DATA' })),
  );
});

test('registers stand with their fields, with signs for what has changed, or on one line each', () => {
  const place = { space: 'region0', offset: 0xc, width: 32 } as const;
  const registers: readonly RegisterView[] = [
    {
      ...place,
      name: 'CH[2].CTRL',
      title: 'Control of a channel',
      value: 0x811n,
      before: 0x410n,
      reset: 0x400n,
      fields: [
        { name: '(no field)', high: 31, low: 31, value: 0n },
        {
          name: 'SPEED',
          high: 11,
          low: 8,
          access: 'rw',
          value: 8n,
          valueName: 'TURBO',
          before: 4n,
          beforeName: 'FAST',
        },
        { name: 'GO', high: 4, low: 4, access: 'wo' },
        { name: 'EN', high: 0, low: 0, access: 'rw', value: 1n, before: 0n, reset: 0n, resetName: 'OFF' },
      ],
    },
    { ...place, name: 'FIFO', fields: [], missing: { kind: 'skipped', reason: 'FIFO: reading it clears it' } },
    { ...place, width: 64, name: 'HOLE', fields: [], missing: { kind: 'fault', reason: refused } },
    { ...place, width: 64, name: 'WIDE', value: 1n, fields: [] },
  ];
  assertGolden(
    'registers.txt',
    everyForm(
      { kind: 'registers', registers },
      { kind: 'registers', registers, brief: true },
      {
        kind: 'write',
        ...place,
        name: 'CTRL',
        value: 0x801,
        mask: 0xf01n,
        old: 0x428,
        written: 0x809,
        fields: [
          { name: 'SPEED', high: 11, low: 8, value: 8n, valueName: 'TURBO', before: 4n, beforeName: 'FAST' },
          { name: 'EN', high: 0, low: 0, value: 1n },
        ],
        notes: ['ERR as zeros, which leaves it as it is (w1c)'],
      },
    ),
  );
});

test('tables align, shrink where they may, and say when they are empty', () => {
  const columns = [
    { key: 'space', header: 'Space' },
    { key: 'size', header: 'Size', align: 'right' },
    { key: 'path', header: 'Path' },
    { key: 'why', header: 'Why', shrink: true },
  ] as const;
  assertGolden(
    'table.txt',
    everyForm(
      {
        kind: 'table',
        title: 'Windows',
        columns,
        rows: [
          {
            space: [{ text: 'region0', role: 'name' }],
            size: '1 MiB',
            path: 'mapped',
            why: 'mmap of the whole region',
          },
          {
            space: 'region4',
            size: '4 KiB',
            path: [{ text: 'file', role: 'warning' }],
            why: 'the MSI-X table is in this page and the kernel keeps it to itself, so each access is one pread or pwrite',
          },
          { space: '配置空間', size: '256', path: 'file', why: 'e\u0301' },
        ],
      },
      { kind: 'table', columns, rows: [], empty: 'no windows' },
      { kind: 'table', title: 'Data', columns, rows: [{ space: 'a' }], data: [{ space: 'a', size: 0x1_0000_0000n }] },
    ),
  );
});

test('fields align, and long ones continue under their value', () => {
  assertGolden(
    'fields.txt',
    everyForm(
      {
        kind: 'fields',
        title: 'Device',
        fields: [
          { label: 'Address', value: [{ text: '0000:00:04.0', role: 'address' }], note: 'PCI' },
          {
            label: 'Way in',
            value: 'cdev',
            note: 'because /dev/iommu is there and the device has /dev/vfio/devices/vfio0',
          },
          {
            label: 'Capabilities',
            value: 'reset, PCI, and a list of things that is longer than a narrow screen is wide',
          },
          { label: 'Empty', value: '' },
          { label: 'Noted', value: '', note: 'only a note' },
        ],
      },
      { kind: 'fields', fields: [{ label: 'a', value: '1' }], data: { a: 1n, bytes: Uint8Array.of(1, 2, 0xff) } },
    ),
  );
});

test('text stays as it is but for what a terminal would obey', () => {
  assertGolden(
    'text.txt',
    everyForm({
      kind: 'text',
      lines: [
        'plain',
        '',
        [
          { text: 'name', role: 'name' },
          { text: ' \x1b[2J\x9b31m\x07\r\n\t\u202etxt.exe \u{e0041}\ud800', role: 'plain' },
        ],
        'ein längerer Text, der auf keinen schmalen Schirm passt, aber nicht umgebrochen wird: 漢字 und e\u0301',
      ],
    }),
  );
});

test('disassembly stands in columns', () => {
  assertGolden(
    'disassembly.txt',
    everyForm({
      kind: 'disassembly',
      space: 'region0',
      architecture: 'x86-64',
      instructions: [
        { address: 0x1000n, bytes: Uint8Array.of(0x55), mnemonic: 'push', operands: 'rbp' },
        { address: 0x1001n, bytes: Uint8Array.of(0x48, 0x89, 0xe5), mnemonic: 'mov', operands: 'rbp, rsp' },
        {
          address: 0x1004n,
          bytes: Uint8Array.of(0x62, 0xf1, 0x7c, 0x48, 0x28, 0x84, 0xd8, 0x00, 0x01, 0x00, 0x00),
          mnemonic: 'vmovaps',
          operands: 'zmm0, zmmword ptr [rax + rbx*8 + 0x100]',
        },
        { address: 0x100fn, bytes: Uint8Array.of(0xc3), mnemonic: 'ret', operands: '' },
      ],
    }),
  );
});

test('several views are one answer, with titled parts set off', () => {
  const part: View = { kind: 'fields', title: 'Second', fields: [{ label: 'a', value: 'b' }] };
  assertGolden('all.txt', everyForm({ kind: 'all', views: [{ kind: 'text', lines: ['first'] }, part, part] }));
});

test('problems of the three sorts look different', () => {
  const problems = (columns: number): View[] => [
    problemView(
      {
        kind: 'failure',
        details: {
          kind: 'access',
          operation: 'read',
          why: 'the device does not answer: memory decode is switched off in the command register',
          hint: 'poke config.COMMAND 0x2:0x2',
          errno: 'SIGBUS',
          device: '0000:00:04.0',
          space: 'region0',
          offset: 0x100,
          width: 32,
        },
      },
      { columns, where: 'edu.vfio:3' },
    ),
    problemView(
      {
        kind: 'failure',
        details: {
          kind: 'busy',
          operation: 'open /dev/vfio/12',
          why: 'not viable:\n0000:00:05.0 e1000e\n0000:00:06.0 nvme',
        },
      },
      { columns },
    ),
    problemView(
      { kind: 'usage', message: "no command 'peeek'", line: 'peeek region0', start: 0, end: 5, hint: 'peek' },
      { columns },
    ),
    problemView(
      { kind: 'usage', message: 'an argument is missing', line: '\t漢字 \x1b peek', start: 11, end: 11 },
      { columns },
    ),
    problemView(
      { kind: 'usage', message: 'not a number', line: `${'a '.repeat(99)}0x${' b'.repeat(99)}`, start: 198, end: 200 },
      { columns },
    ),
    problemView({ kind: 'usage', message: 'no device given', hint: 'vfiodbg sim:edu' }, { columns }),
    problemView({ kind: 'bug', error: new TypeError('x is not a function') }, { columns }),
  ];
  let text = '';
  for (const columns of screens) {
    text += `=== ${columns === Infinity ? 'unlimited' : `${columns} columns`} ===\n`;
    text += problems(columns)
      .map((view) => plain(view))
      .join('\n');
  }
  assertGolden('problems.txt', text);
});
