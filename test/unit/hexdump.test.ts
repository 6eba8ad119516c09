import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { byteColumns } from '../../src/views/hexdump.js';
import { plain, plainPieces } from '../../src/views/sinks/plain.js';
import type { CellsView } from '../../src/views/view.js';

function dumpOf(bytes: Uint8Array, rest: Partial<CellsView> = {}): CellsView {
  const count = bytes.length;
  return {
    kind: 'cells',
    style: 'bytes',
    space: 'region0',
    offset: 0,
    width: 8,
    stride: 1,
    count,
    bytes,
    faults: [],
    ...rest,
  };
}

test('each byte is two digits and one character, whatever its value', () => {
  const [columns] = byteColumns(
    Uint8Array.from({ length: 256 }, (_, index) => index),
    256,
  );
  assert.equal(
    columns?.hex,
    Array.from({ length: 256 }, (_, index) => `${index.toString(16).padStart(2, '0')} `).join(''),
  );
  const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(index + 32)).join('');
  assert.equal(columns?.characters, '.'.repeat(32) + printable + '.'.repeat(129));
});

test('no bytes give no lines, and a view into a larger buffer gives its own bytes only', () => {
  assert.deepEqual(byteColumns(new Uint8Array(0), 16), []);
  const window = new Uint8Array(Uint8Array.of(1, 2, 3, 4).buffer, 1, 2);
  assert.deepEqual(byteColumns(window, 16), [{ hex: '02 03 ', characters: '..' }]);
});

test('a dump can be read back, byte for byte, squeezed lines and end included', () => {
  const runs = fc.array(fc.tuple(fc.constantFrom(0, 0xff, 0x41), fc.integer({ min: 1, max: 70 })), { maxLength: 12 });
  fc.assert(
    fc.property(runs, fc.constantFrom(40, 80, Infinity), (parts, columns) => {
      const bytes = Uint8Array.from(parts.flatMap(([value, count]) => Array.from({ length: count }, () => value)));
      assert.deepEqual(readBack(plain(dumpOf(bytes), columns)), bytes);
    }),
  );
});

test('a hole wider than a line is marked, squeezed and named once', () => {
  const bytes = Uint8Array.from({ length: 0x200 }, (_, index) => index * 3);
  const faults = Array.from({ length: 0x100 }, (_, index) => ({ index: index + 0x48, reason: 'EIO: refused' }));
  const lines = plain(dumpOf(bytes, { faults })).split('\n');
  assert.equal(lines.filter((line) => line === '*').length, 1);
  assert.equal(lines.filter((line) => line.includes('EIO')).length, 1);
  assert.ok(lines.includes('unreadable region0 0x48..0x148: EIO: refused'));
  // Nothing of the meaningless bytes of a faulted cell is shown.
  assert.match(lines[4] ?? '', /^00000040: (?:[0-9a-f]{2} ){8} (?:-- ){8} \|.{8}\.{8}\|$/);
});

test('a repeated line that was not read is not taken for one that was', () => {
  const bytes = new Uint8Array(0x30);
  const faults = Array.from({ length: 16 }, (_, index) => ({ index: index + 16, reason: 'EIO' }));
  const lines = plain(dumpOf(bytes, { faults })).split('\n');
  assert.ok(!lines.includes('*'));
  assert.ok(lines[0]?.startsWith('00000000: 00 00'));
  assert.ok(lines[1]?.startsWith('00000010: -- --'));
  assert.ok(lines[2]?.startsWith('00000020: 00 00'));
});

test('a long dump comes in pieces', () => {
  const bytes = Uint8Array.from({ length: 1 << 16 }, (_, index) => (index * 7919) >> 3);
  const pieces = [...plainPieces(dumpOf(bytes))];
  assert.ok(pieces.length > 4);
  assert.ok(pieces.every((piece) => piece.length < 70_000 && piece.endsWith('\n')));
  assert.equal(pieces.join(''), plain(dumpOf(bytes)));
});

/** The bytes that a dump shows. */
function readBack(text: string): Uint8Array {
  const bytes: number[] = [];
  let line: number[] = [];
  let repeat = false;
  for (const shown of text.trimEnd().split('\n')) {
    if (shown === '*') {
      repeat = true;
      continue;
    }
    const [, offset = '', digits = ''] = /^([0-9a-f]+)(?:: ((?:[0-9a-f]{2} +)+)\|.*\|)?$/.exec(shown) ?? [];
    if (repeat) while (bytes.length < parseInt(offset, 16)) bytes.push(...line);
    repeat = false;
    assert.equal(bytes.length, parseInt(offset, 16));
    line = digits
      .split(/ +/)
      .filter(Boolean)
      .map((pair) => parseInt(pair, 16));
    bytes.push(...line);
  }
  return Uint8Array.from(bytes);
}
