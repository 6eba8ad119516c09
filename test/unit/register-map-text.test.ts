import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VfioError } from '../../src/vfio/errors.js';
import { dataOf } from '../../src/vfio/registers/map-text.js';

function read(text: string): unknown {
  return dataOf(text, 'read m.json', 'm.json');
}

test('whatever is JSON is read as JSON.parse reads it, with comments between its parts too', () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(4), (text, indent) => {
      const wanted: unknown = JSON.parse(text);
      assert.deepEqual(read(text), wanted);
      assert.deepEqual(read(`// ",]\n${JSON.stringify(wanted, undefined, indent)} /* { */`), wanted);
    }),
  );
});

test('a key of the name __proto__ is a key like others', () => {
  for (const text of ['{"__proto__": {"a": 1}}', '{"__proto__": {"a": 1}} // and a comment']) {
    const data = read(text) as object;
    assert.deepEqual(Object.entries(data), [['__proto__', { a: 1 }]]);
    assert.equal(Object.getPrototypeOf(data), Object.prototype);
  }
});

test('comments, and commas behind the last', () => {
  assert.deepEqual(read('\uFEFF// a map\n{ "a": [1, "0x1F",], /* b is "c" */ "b": "//x, ]", }'), {
    a: [1, '0x1F'],
    b: '//x, ]',
  });
});

test('a mistake is met with its line and column', () => {
  const cases: Readonly<Record<string, string>> = {
    '': '1:1: the text ends too soon',
    '{\n  "a": 1\n  "b": 2 }': '3:3: a comma is missing before "\\""',
    '[1 2]': '1:4: a comma is missing before "2"',
    '{"a" 1}': '1:6: a colon is missing before "1"',
    "{'a': 1}": '1:2: "\'" is not expected here',
    '{a: 1}': '1:2: "a" is not expected here',
    '{"a": rw,\n"b": 2}': '1:7: "rw" is not expected here',
    '{"a": 0x10,\n"b": 2}': '1:7: "0x10" is not expected here',
    '{"a": 01}': '1:8: a comma is missing before "1"',
    '{"a": "b\n"}': '1:7: a text has no end on its line, or holds \\ where \\\\ is meant',
    '{"a": "b\\x"}': '1:7: a text has no end on its line, or holds \\ where \\\\ is meant',
    '[1] x': '1:5: "x" is not expected here',
    '{"a": 1': '1:8: a } is missing',
    '[1, /* ': '1:5: a comment has no end',
    [`[1, ${'['.repeat(100_000)}`]: '1:1: its lists and objects go too deep',
  };
  for (const [text, wanted] of Object.entries(cases)) {
    assert.throws(
      () => read(text),
      (error) => error instanceof VfioError && error.details.why === `m.json:${wanted}`,
      `${text.slice(0, 30)} -> ${wanted}`,
    );
  }
});

test('a key that an object has twice is met with both of its places, in plain JSON and with comments', () => {
  const cases: Readonly<Record<string, string>> = {
    '{"a": 1,\n "a": 2}': '2:2: "a" is there already, at 1:2',
    '{"a": {"b": [{"c": 1, "d": 2, "c": {}}]}}': '1:31: "c" is there already, at 1:15',
    '{"a": 1, // "a": 2\n "b": "a", /* "b": */ "a" : 3,}': '2:23: "a" is there already, at 1:2',
    '{"\\u0061": 1, "a": 2}': '1:15: "a" is there already, at 1:2',
    '{"a\\"": 1, "a\\"": 2}': '1:12: "a\\"" is there already, at 1:2',
    '{"__proto__": 1, "__proto__": 2}': '1:18: "__proto__" is there already, at 1:2',
    '[{"a": 1}, {"": 1, "b": {"": 2}, "": 3}]': '1:34: "" is there already, at 1:13',
  };
  for (const [text, wanted] of Object.entries(cases)) {
    assert.throws(
      () => read(text),
      (error) => error instanceof VfioError && error.details.why === `m.json:${wanted}`,
      `${text} -> ${wanted}`,
    );
  }
  const same = '{"a": "a", "b": {"a": ["a", {"a": 1}, {"a": 2}]}, "c": ":"}';
  assert.deepEqual(read(same), JSON.parse(same));
});

test('what goes deeper than any reader follows is refused at its place', () => {
  const nested = (deep: number): string => `{\n "a": ${'['.repeat(deep)}${']'.repeat(deep)} }`;
  assert.deepEqual(read(nested(255)), JSON.parse(nested(255)));
  for (const deep of [256, 20_000]) {
    assert.throws(
      () => read(nested(deep)),
      (error) => error instanceof VfioError && error.details.why === 'm.json:2:262: its lists and objects go too deep',
    );
  }
});

test('no text takes long, and none does anything but give data or a failure', () => {
  const pieces = fc.constantFrom(...'{ } [ ] , : " "a" 1 0x // /* */ \n \\ null __proto__'.split(' '), ' ');
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      try {
        read(parts.join(''));
      } catch (error) {
        assert.ok(error instanceof VfioError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
  for (const piece of ['/*', '//\n', '"', ',', '\\', '[', ' ', '0', '/* */'])
    assert.throws(() => read(`[1, ${piece.repeat(200_000)} 2`), VfioError);
  assert.deepEqual(read(`[1, ${'/* a */ '.repeat(1000)} 2]`), [1, 2]);
});
