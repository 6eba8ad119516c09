import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Interrupted } from '../../src/repl/interrupted.js';
import { describe } from '../../src/repl/report.js';
import { ExpectationError, UsageError } from '../../src/repl/usage-error.js';
import { type Problem, problemJson, problemView } from '../../src/views/errors.js';
import { escape } from '../../src/views/escape.js';
import { plain } from '../../src/views/sinks/plain.js';
import { textWidth } from '../../src/views/text-width.js';

function shown(problem: Problem, columns?: number): string[] {
  return plain(problemView(problem, columns === undefined ? {} : { columns }))
    .trimEnd()
    .split('\n');
}

const typed = fc.array(fc.constantFrom('a', ' ', '\t', '漢', 'e\u0301', '😀', '\x1b', '"', '\u202e'), {
  maxLength: 60,
});

test('the carets stand under the wrong part, whatever is before it', () => {
  fc.assert(
    fc.property(
      typed,
      fc.stringMatching(/^[a-z]{1,8}$/),
      typed,
      fc.integer({ min: 40, max: 100 }),
      (before, token, after, columns) => {
        const start = before.join('').length;
        const line = before.join('') + token + after.join('');
        const [, quoted = '', carets = ''] = shown(
          { kind: 'usage', message: 'm', line, start, end: start + token.length },
          columns,
        );
        assert.ok(textWidth(quoted) <= columns, quoted);
        const indent = carets.indexOf('^');
        // The quoted line up to the carets, by columns.
        let prefix = '';
        for (const { segment } of new Intl.Segmenter().segment(quoted)) {
          if (textWidth(prefix) >= indent) break;
          prefix += segment;
        }
        assert.equal(textWidth(prefix), indent);
        assert.equal(carets.trim(), '^'.repeat(token.length));
        assert.ok(quoted.slice(prefix.length).startsWith(token), `${quoted}\n${carets}`);
      },
    ),
  );
});

test('a short line is quoted whole', () => {
  const line = 'peek\tregion0 漢 0x';
  const [, quoted] = shown({ kind: 'usage', message: 'm', line, start: 15, end: 17 }, 80);
  assert.equal(quoted, `  ${escape(line)}`);
});

test('of a megabyte in one line only the neighbourhood is shown', () => {
  const line = `${'漢 '.repeat(250_000)}WRONG${' b'.repeat(250_000)}`;
  const [, quoted = '', carets = ''] = shown({ kind: 'usage', message: 'm', line, start: 500_000, end: 500_005 });
  assert.ok(textWidth(quoted) <= 100);
  assert.match(quoted, /^ {2}….*漢 WRONG b b.*…$/);
  assert.equal(carets.trim(), '^^^^^');
  const [, all = ''] = shown({ kind: 'usage', message: 'x'.repeat(1_000_000), line, start: 0, end: line.length });
  assert.ok(textWidth(all) <= 100 && all.endsWith('…'));
});

test('a message that quotes a megabyte is shortened', () => {
  const problem: Problem = { kind: 'usage', message: 'x'.repeat(1_000_000) };
  assert.ok(shown(problem).join('').length < 1000);
  assert.ok(problemJson(problem).length < 1000);
});

test('positions outside the line do no harm', () => {
  for (const [start, end] of [
    [0, 0],
    [4, 4],
    [9, 3],
    [100, 200],
  ] as const) {
    const lines = shown({ kind: 'usage', message: 'm', line: 'peek', start, end });
    assert.equal(lines.length, 3);
    assert.match(lines[2] ?? '', /^ *\^+$/);
  }
});

test('JSON keeps what the error knows, one object a line', () => {
  const details = {
    kind: 'access',
    operation: 'read',
    why: 'memory decode is off',
    errno: 'SIGBUS',
    space: 'region0',
    offset: 0x100,
    width: 32,
  } as const;
  const line = problemJson({ kind: 'failure', details }, 'edu.vfio:3');
  assert.equal(line.indexOf('\n'), line.length - 1);
  const parsed: unknown = JSON.parse(line);
  assert.deepEqual(parsed, {
    error: { ...details, message: 'read region0+0x100 (32 bits): SIGBUS: memory decode is off', where: 'edu.vfio:3' },
  });
});

test('a bug shows its stack only where that was asked for', () => {
  const error = new TypeError('x is not a function', { cause: new Error('because') });
  const quiet = plain(problemView({ kind: 'bug', error }));
  assert.match(quiet, /^internal error: TypeError: x is not a function; please report\n/);
  assert.doesNotMatch(quiet, /at /);
  const loud = plain(problemView({ kind: 'bug', error }, { debug: true }));
  assert.match(loud, /\n +at .*views-problems/);
  assert.match(loud, /caused by Error: because/);
});

test('a name of a megabyte in a failure is cut', () => {
  const name = 'x'.repeat(1e6);
  const lines = shown({
    kind: 'failure',
    details: { kind: 'absent', operation: `open ${name}`, why: name, hint: name },
  });
  assert.equal(lines.length, 3);
  for (const line of lines) assert.ok(line.length < 2100 && line.endsWith('…'));
});

test('in JSON an expectation, an interruption and what JavaScript threw are no usage errors', () => {
  const told = (error: unknown): unknown => JSON.parse(problemJson(describe(error).problem));
  const expectation = { location: 'region0+0x4', expected: 'region0+0x4 == 0x7', actual: '0x0' };
  assert.deepEqual(told(new ExpectationError('it is 0x0', undefined, expectation)), {
    error: { kind: 'expectation', message: 'it is 0x0', ...expectation },
  });
  assert.deepEqual(told(new Interrupted()), { error: { kind: 'interrupted', message: 'interrupted' } });
  assert.deepEqual(told(new UsageError('no', undefined, 'yes')), {
    error: { kind: 'usage', message: 'no', hint: 'yes' },
  });
  assert.deepEqual(shown({ kind: 'expectation', message: 'it is 0x0', hint: 'wait' }), [
    'error: it is 0x0',
    '  try: wait',
  ]);
});
