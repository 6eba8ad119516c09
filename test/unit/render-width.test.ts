import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { escape } from '../../src/views/escape.js';
import { cutLine, lineText, lineWidth, wrapLine } from '../../src/views/line.js';
import { plain } from '../../src/views/sinks/plain.js';
import { cut, head, textWidth } from '../../src/views/text-width.js';
import type { View } from '../../src/views/view.js';

const shown = fc.string({ unit: 'grapheme', maxLength: 40 }).map(escape);
const columns = fc.integer({ min: 1, max: 50 });

test('the quick answer for plain letters is the library’s answer', () => {
  for (let code = 0x20; code < 0x3000; code++) {
    const character = String.fromCodePoint(code);
    if (escape(character) === character)
      assert.equal(textWidth(character), stringWidth(character), `U+${code.toString(16)}`);
  }
});

test('wide characters take two columns, combining marks none', () => {
  assert.equal(textWidth('漢字'), 4);
  assert.equal(textWidth('e\u0301'), 1);
  assert.equal(textWidth('😀'), 2);
  assert.equal(textWidth('한국'), 4);
});

test('a cut text fits, is a beginning, and says that it was cut', () => {
  fc.assert(
    fc.property(shown, columns, (text, room) => {
      const short = cut(text, room);
      assert.ok(textWidth(short) <= room);
      if (short === text) return;
      assert.ok(short.endsWith('…'));
      assert.ok(text.startsWith(short.slice(0, -1)));
    }),
  );
});

test('the head of a text never holds half a character', () => {
  assert.equal(head('漢字', 3), '漢');
  assert.equal(head('e\u0301e\u0301', 1), 'e\u0301');
  assert.equal(head('a😀', 2), 'a');
});

test('a cut line fits and keeps the roles of what is left', () => {
  fc.assert(
    fc.property(fc.array(shown, { maxLength: 5 }), columns, (texts, room) => {
      const line = texts.map((text) => ({ text, role: 'value' as const }));
      const short = cutLine(line, room);
      assert.ok(lineWidth(short) <= room);
      if (lineWidth(line) > room) assert.ok(lineText(short).endsWith('…'), lineText(short));
      else assert.equal(lineText(short), lineText(line));
    }),
  );
});

test('wrapping loses no word and is too wide only by one word', () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(words, fc.integer({ min: 8, max: 40 }), (list, room) => {
      const lines = [...wrapLine([{ text: list.join(' '), role: 'plain' }], room, 0)].map(lineText);
      assert.deepEqual(
        lines.flatMap((line) => line.trim().split(' ')),
        list,
      );
      for (const line of lines) assert.ok(line.length <= room || line.trim().split(' ').length === 1, line);
    }),
  );
});

test('what continues stands under the value, and a label is no place to break at', () => {
  const lines = [...wrapLine([{ text: 'Way in: because it is there', role: 'plain' }], 14, 8)].map(lineText);
  assert.deepEqual(lines, ['Way in: because', '        it is', '        there']);
});

test('a table fits the screen as long as its shrinking columns can give way', () => {
  fc.assert(
    fc.property(fc.array(shown, { minLength: 1, maxLength: 5 }), fc.integer({ min: 30, max: 100 }), (texts, room) => {
      const view: View = {
        kind: 'table',
        columns: [
          { key: 'id', header: 'Id', align: 'right' },
          { key: 'text', header: 'Text', shrink: true },
        ],
        rows: texts.map((text, index) => ({ id: String(index), text })),
      };
      for (const line of plain(view, room).split('\n')) assert.ok(textWidth(line) <= room, line);
    }),
  );
});

test('a column that gives way hides nothing', () => {
  fc.assert(
    fc.property(shown, fc.integer({ min: 12, max: 60 }), (text, room) => {
      const view: View = {
        kind: 'table',
        columns: [
          { key: 'id', header: '' },
          { key: 'text', header: '', shrink: true },
        ],
        rows: [{ id: '', text }],
      };
      assert.equal(plain(view, room).replaceAll(/\s/g, ''), text.replaceAll(/\s/g, ''));
    }),
  );
});

test('prose is broken at spaces, other text stays as it is to be copied', () => {
  const lines = ['one two three four'];
  assert.equal(plain({ kind: 'text', lines, prose: true }, 10), 'one two\nthree four\n');
  assert.equal(plain({ kind: 'text', lines }, 10), 'one two three four\n');
});

test('a field that was written is shown the same on a screen that is wide enough as in a file', () => {
  const field = { name: 'SPEED', high: 3, low: 1, value: 2n };
  for (const each of [field, { ...field, valueName: 'FAST' }, { ...field, before: 1n, beforeName: 'SLOW' }]) {
    const view = {
      kind: 'write',
      space: 'region0',
      offset: 0,
      width: 32,
      value: 4,
      written: 4,
      fields: [each],
    } as const;
    assert.equal(plain(view), plain(view, 500));
    assert.match(plain(view), /\n {2}\[3:1\] {2}SPEED {2}\S/);
  }
});
