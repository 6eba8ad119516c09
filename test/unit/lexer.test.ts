import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Lexer } from '../../src/repl/lexer.js';
import { UsageError } from '../../src/repl/usage-error.js';

/** The words of every command of a line. */
function commands(line: string, parameters?: readonly string[]): string[][] {
  const lexer = new Lexer(line, parameters && { script: 'lib/a.vfio', parameters });
  const all: string[][] = [];
  while (lexer.nextCommand()) {
    const words: string[] = [];
    for (let word = lexer.word(); word; word = lexer.word()) words.push(word.text);
    all.push(words);
  }
  const unset = lexer.takeUnset();
  if (unset) throw unset;
  return all;
}

function failure(line: string, parameters?: readonly string[]): UsageError {
  try {
    commands(line, parameters);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `${line} was accepted` });
}

test('words end at white space, commands at a semicolon, lines at a comment', () => {
  assert.deepEqual(commands('peek region0 0x100'), [['peek', 'region0', '0x100']]);
  assert.deepEqual(commands('  a\tb ;; c;d # e; f'), [['a', 'b'], ['c'], ['d']]);
  assert.deepEqual(commands('# nothing'), []);
  assert.deepEqual(commands(''), []);
  assert.deepEqual(commands('a#b'), [['a#b']], 'a # inside of a word begins no comment');
  assert.deepEqual(commands('peek region0 0\r'), [['peek', 'region0', '0']], 'lines of DOS files');
});

test('brackets hold white space together, quotes everything', () => {
  assert.deepEqual(commands('poke region0 4 (1 + 2) [region0 0x10]'), [
    ['poke', 'region0', '4', '(1 + 2)', '[region0 0x10]'],
  ]);
  assert.deepEqual(commands('echo "a b; # c" \'d "e"\''), [['echo', 'a b; # c', 'd "e"']]);
  assert.deepEqual(commands(String.raw`echo "\"\\\n\x41\e[0m"`), [['echo', '"\\\nA\u001b[0m']]);
  assert.deepEqual(commands(String.raw`save my\ file\;1 x"y z"w`), [['save', 'my file;1', 'xy zw']]);
  assert.deepEqual(commands('echo ""'), [['echo', '']], 'an empty word is a word');
});

test('a word knows where it stands, for the error that underlines it', () => {
  const lexer = new Lexer('peek  "region0" (1 + 2);x');
  lexer.nextCommand();
  assert.deepEqual(lexer.word(), { text: 'peek', start: 0, end: 4, quoted: false });
  assert.deepEqual(lexer.word(), { text: 'region0', start: 6, end: 15, quoted: true });
  assert.deepEqual(lexer.word(), { text: '(1 + 2)', start: 16, end: 23, quoted: false });
  assert.equal(lexer.word(), undefined);
});

test('what is never closed, and what nobody types, is an error at its place', () => {
  const cases: [line: string, start: number, end: number, message: RegExp][] = [
    ['poke a (1', 7, 8, /"\(" is never closed/],
    ['poke a [1)', 7, 10, /does not close/],
    ['echo "abc', 5, 9, /never closed/],
    ['echo abc\\', 8, 9, /backslash/],
    [String.raw`echo "\q"`, 6, 8, /means nothing/],
    [String.raw`echo "\x4"`, 6, 8, /means nothing/],
    ['peek \u0007', 5, 6, /U\+0007/],
    ['peek \u001b[2J', 5, 6, /U\+001B/],
    ['peek \ufffd', 5, 6, /no UTF-8/],
    ['peek \ud800', 5, 6, /no UTF-8/],
    ['peek \u009b', 5, 6, /U\+009B/],
  ];
  for (const [line, start, end, message] of cases) {
    const error = failure(line);
    assert.match(error.message, message);
    assert.deepEqual([error.start, error.end], [start, end], line);
  }
});

test("a script's parameters stand for $1 and so on, but not in quotes", () => {
  assert.deepEqual(commands('peek $1 $2+4', ['region0', '0x10']), [['peek', 'region0', '0x10+4']]);
  assert.deepEqual(commands('echo "$1" $x $_', ['a']), [['echo', '$1', '$x', '$_']], 'quoted as it is');
  assert.match(failure('echo $3', ['a', 'b']).message, /\$3 is not set: the script was given 2 arguments/);
  assert.match(failure('echo $1').message, /was given no arguments/);
  assert.deepEqual(commands('save $1', ['a b;c']), [['save', 'a b;c']], 'a parameter stays one word');
});

test('a megabyte on one line is read in one go', () => {
  assert.equal(commands(`echo ${'a '.repeat(500_000)}`)[0]?.length, 500_001);
  assert.equal(commands(`echo "${'\\n'.repeat(500_000)}"`)[0]?.[1]?.length, 500_000);
  assert.equal(commands('a;'.repeat(500_000)).length, 500_000);
  assert.equal(failure(`echo ${'('.repeat(1_000_000)}`).start, 1_000_004);
});

test('any line is words or a UsageError whose place is in it', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...' \t;#"\'\\()[]$1=ax'.split('')) })),
      (line) => {
        try {
          for (const word of commands(line).flat()) assert.equal(typeof word, 'string');
        } catch (error) {
          assert.ok(error instanceof UsageError, String(error));
          assert.ok(
            error.start >= 0 && error.start <= error.end && error.end <= line.length,
            `${error.start}..${error.end}`,
          );
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('quoting brings any text back', () => {
  const characters = fc.string({ unit: 'grapheme' }).filter((text) => /^[^\p{C}\ufffd]*$/u.test(text));
  fc.assert(
    fc.property(characters, (text) => {
      const quoted = `"${text.replace(/["\\]/g, '\\$&')}"`;
      assert.deepEqual(commands(`echo ${quoted}`), [['echo', text]]);
    }),
  );
});
