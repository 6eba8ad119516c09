import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeText, escape } from '../../src/views/escape.js';
import { problemJson, problemView } from '../../src/views/errors.js';
import { ansi } from '../../src/views/sinks/ansi.js';
import { json } from '../../src/views/sinks/json.js';
import { plain } from '../../src/views/sinks/plain.js';
import type { View } from '../../src/views/view.js';

/** What a terminal could obey or be fooled by, but for the line feed at each line's end. */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Any UTF-16, with controls, overrides and lone surrogates far more often than chance gives them. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\x1b[2J',
        '\x1b]0;title\x07',
        '\x9b1m',
        '\u202e',
        '\u2066',
        '\r',
        '\n',
        '\t',
        '\x7f',
        '\ud800',
        '\u200b',
        '漢',
        'e\u0301',
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

test('text that is plain stays as it is', () => {
  for (const text of ['', 'region0+0x100', 'C:\\dir', 'ä µ → …', '漢字', 'e\u0301']) assert.equal(escape(text), text);
});

test('controls, escape sequences, overrides and lone surrogates are spelt out', () => {
  assert.equal(escape('\x1b[31m'), '\\x1b[31m');
  assert.equal(escape('a\tb\r\n\0'), 'a\\tb\\r\\n\\x00');
  assert.equal(escape('\x9b\x7f'), '\\x9b\\x7f');
  assert.equal(escape('\u202egpj.exe\u2069'), '\\u202egpj.exe\\u2069');
  assert.equal(escape('\ud800\u{e0041}'), '\\ud800\\u{e0041}');
});

test('bytes that are not UTF-8 are shown and the rest is kept', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
  assert.equal(decodeText(Buffer.from('漢字 ok')), '漢字 ok');
  assert.equal(decodeText(bytes(0x61, 0xff, 0x62, 0xc3)), 'a\\xffb\\xc3');
  assert.equal(decodeText(bytes(0xc0, 0x80, 0xed, 0xa0, 0x80)), '\\xc0\\x80\\xed\\xa0\\x80');
  assert.equal(decodeText(bytes(0xff, ...Buffer.from('é漢😀'))), '\\xffé漢😀');
});

test('what valid UTF-8 says survives decoding', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(decodeText(Buffer.from(text)), text);
    }),
  );
});

test('no view lets anything through that a terminal would obey', () => {
  const views = (text: string): View[] => [
    { kind: 'text', lines: [text, [{ text, role: 'fault' }]] },
    { kind: 'fields', title: text, fields: [{ label: text, value: text, note: text }] },
    { kind: 'table', title: text, columns: [{ key: 'a', header: text, shrink: true }], rows: [{ a: text }] },
    { kind: 'table', columns: [], rows: [], empty: text },
    { kind: 'read', space: text, offset: 0, width: 32, value: 0, name: text },
    { kind: 'write', space: text, offset: 0, width: 32, value: 0, written: 0, name: text },
    ...(['words', 'bytes'] as const).map((style): View => ({
      kind: 'cells',
      style,
      space: text,
      offset: 0,
      width: 8,
      stride: 1,
      count: 256,
      bytes: Uint8Array.from({ length: 256 }, (_, index) => index),
      faults: [{ index: 0, reason: text }],
      name: text,
    })),
    {
      kind: 'disassembly',
      space: text,
      architecture: text,
      instructions: [{ address: 0n, bytes: Uint8Array.of(0), mnemonic: text, operands: text }],
    },
    problemView({ kind: 'failure', details: { kind: 'access', operation: text, why: text, hint: text, device: text } }),
    problemView({ kind: 'usage', message: text, line: text, start: 1, end: 3, hint: text }),
    problemView({ kind: 'bug', error: new Error(text) }, { where: text }),
  ];
  fc.assert(
    fc.property(hostile, fc.constantFrom(20, 60, Infinity), (text, columns) => {
      for (const view of views(text)) {
        for (const line of plain(view, columns).split('\n')) assert.doesNotMatch(line, unsafe);
        // eslint-disable-next-line no-control-regex
        const uncoloured = ansi(view, columns).replaceAll(/\x1b\[\d+m/g, '');
        for (const line of uncoloured.split('\n')) assert.doesNotMatch(line, unsafe);
        const row = json(view);
        assert.doesNotMatch(row.slice(0, -1), unsafe);
        assert.equal(row.at(-1), '\n');
      }
    }),
    { numRuns: 150 },
  );
});

test('JSON holds the text itself, escaped as JSON only', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const parsed: unknown = JSON.parse(json({ kind: 'text', lines: [text] }));
      assert.deepEqual(parsed, { kind: 'text', lines: [text] });
    }),
  );
  const parsed: unknown = JSON.parse(problemJson({ kind: 'usage', message: 'no \x1b' }));
  assert.deepEqual(parsed, { error: { kind: 'usage', message: 'no \x1b' } });
});
