import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { Interrupted } from '../../src/repl/interrupted.js';
import { runLines, runScript, ScriptFailure, type ScriptOptions } from '../../src/repl/script.js';
import type { Session } from '../../src/repl/session.js';
import { ExpectationError, UsageError } from '../../src/repl/usage-error.js';
import { VfioError } from '../../src/vfio/errors.js';
import { memfdSession } from './session-fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-blocks-'));
after(() => rmSync(folder, { recursive: true }));

/** Writes a script. @returns its path. */
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Runs lines as a script that comes through a pipe, some bytes at a time. */
async function feed(session: Session, text: string, options: ScriptOptions = {}, size = 7): Promise<void> {
  const bytes = Buffer.from(text);
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  await runLines(session, pieces(), 'lines', options);
}

/** What the script shows, on a device of its own. */
async function shown(text: string, options?: ScriptOptions): Promise<string[]> {
  const { session, output } = memfdSession();
  try {
    await feed(session, text, options);
    return output.take().split('\n').slice(0, -1);
  } finally {
    session.closeAll();
  }
}

async function failure(run: () => unknown): Promise<ScriptFailure> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof ScriptFailure, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing failed' });
}

/** The reads and writes that were made, as the journal has them. */
function accesses(session: Session): string[] {
  const made: string[] = [];
  for (const entry of session.device?.journal.entries() ?? []) {
    if (entry.kind === 'read' || entry.kind === 'write')
      made.push(`${entry.kind} ${entry.offset.toString(16)} ${entry.value?.toString(16)}`);
  }
  return made;
}

test('if, elif and else: the first that holds, and nothing else', async () => {
  const script = (value: number): string =>
    `$x = ${value}\nif $x == 1\n  echo one\nelif $x == 2\n  echo two\nelif $x == 3\n  echo three\nelse\n  echo many\nend\necho behind\n`;
  for (const [value, said] of [
    [1, 'one'],
    [2, 'two'],
    [3, 'three'],
    [4, 'many'],
  ] as const)
    assert.deepEqual(await shown(script(value)), [said, 'behind']);
  assert.deepEqual(await shown('if 0\necho no\nend\nif 5; echo yes; end'), ['yes']);
  assert.deepEqual(await shown('if 0; echo no; elif 0; echo no; end; echo behind'), ['behind']);
});

test('repeat and while, with break and continue, in each other', async () => {
  assert.deepEqual(await shown('repeat 3; echo x; end; repeat 0; echo no; end'), ['x', 'x', 'x']);
  const counts = [
    '$i = 0',
    'while $i < 6',
    '  $i = $i + 1',
    '  if $i == 2; continue; end',
    '  if $i == 5',
    '    break',
    '  end',
    '  $j = 0',
    '  repeat while 1',
    '    $j = $j + 1',
    '    if $j > 2; break; end',
    '    echo $i $j',
    '  end',
    'end',
  ].join('\n');
  assert.deepEqual(
    await shown(counts),
    ['1', '3', '4'].flatMap((i) => ['1', '2'].map((j) => `0x${i} 0x${j}`)),
  );
  assert.deepEqual(
    await shown('repeat 2; repeat 2; echo a; continue; echo no; end; echo b; end'),
    ['a', 'a', 'b', 'a', 'a', 'b'],
    'a counter of its own for each loop, and each round of the outer one',
  );
  assert.deepEqual(await shown('$n = 2; repeat $n; $n = 0; echo x; end'), ['x', 'x'], 'N is evaluated once');
});

test('a condition reads the device exactly as often as it says', async () => {
  const { session } = memfdSession();
  await feed(session, 'poke region0 0 3\nwhile [region0 0] != 0\n  poke region0 0 ([region0 0] - 1)\nend\n');
  const round = (n: number): string[] => [`read 0 ${n}`, `read 0 ${n}`, `write 0 ${n - 1}`];
  assert.deepEqual(accesses(session), ['write 0 3', ...round(3), ...round(2), ...round(1), 'read 0 0']);
  const before = accesses(session).length;
  await feed(
    session,
    'if [region0 0] && [region0 4]; end; if [region0 0] || [region0 4]; end; repeat [region0 8]; end',
  );
  assert.deepEqual(accesses(session).slice(before), ['read 0 0', 'read 0 0', 'read 4 0', 'read 8 0']);
  await feed(session, 'poke region0 0x10 7; peek region0 0x10\nif $_ == 7; poke region0 0x14 1; end');
  assert.deepEqual(accesses(session).slice(-2), ['read 10 7', 'write 14 1'], '$_ reads nothing');
  session.closeAll();
});

test('a line of a loop is taken apart once, and takes names that are made meanwhile', async () => {
  const { session } = memfdSession();
  let parsed = 0;
  const head = session.registry.head.bind(session.registry);
  session.registry.head = (...words) => {
    parsed += 1;
    return head(...words);
  };
  await feed(session, 'repeat 1000\n  poke region0 0 1\nend\n', {}, 1000);
  assert.ok(parsed < 10, `${parsed} words were looked up`);
  await feed(session, 'repeat 2\nuse region0; poke 0x8 2\nend\nuse\n');
  assert.equal(accesses(session).filter((each) => each === 'write 8 2').length, 2);
  session.closeAll();
});

test('what is wrong with blocks is said with the line where it is', async () => {
  const cases: [script: string, where: number, message: RegExp, hint?: RegExp][] = [
    ['echo a\nif 1\nrepeat 2\nend\necho b\n', 2, /"if" has no end/, /end closes it/],
    ['\nwhile 1\n', 2, /"while" has no end/],
    ['repeat 1\nend\nend\n', 3, /"end" ends nothing/, /too many/],
    ['else\n', 1, /"else" without an if/],
    ['if 1\nelse\nelif 2\nend', 3, /"elif" behind the else/],
    ['if 1\nelse\nelse\nend', 3, /"else" behind the else/],
    ['repeat 2\nelse\nend', 2, /"else" in a repeat/, /is an end missing/],
    ['break', 1, /"break" is in no loop/],
    ['if 1\ncontinue\nend', 2, /"continue" is in no loop/],
    ['if\nend', 1, /EXPR is missing/],
    ['repeat\nend', 1, /N is missing/],
    ['repeat while\nend', 1, /EXPR is missing/],
    ['echo a\nif 1\nelif 2 3\nend', 3, /"3" does not belong/],
    ['while (1\n', 1, /never closed/],
    ['if\necho a', 1, /EXPR is missing/],
    ['repeat -1; break; end', 1, /0xf{16} is no number of rounds/, /below 2\^53/],
    ['$n = 0; repeat $n - 1; break; end', 1, /no number of rounds/],
    ['if $x = 1\nend', 1, /"= 1" does not belong to a value/, /== compares/],
    ['if 1 echo x\nend', 1, /"echo x" does not belong/, /behind a ;/],
    ['if 1\n  nope\nend', 2, /there is no command "nope"/],
    ['repeat 2\n  echo x\n  peek region0 $nope\nend', 3, /\$nope is not set/],
    ['end 3', 1, /end takes no more words/],
    ['if $nope\nend', 1, /\$nope is not set/],
    ['if 1\n'.repeat(65), 65, /too many blocks inside each other/],
    [`if 1\n${'echo\n'.repeat(100_000)}`, 100_000, /the block of this "if" has more than 100000 lines/, /end missing/],
  ];
  for (const [script, where, message, hint] of cases) {
    const { session } = memfdSession();
    const error = await failure(() => feed(session, script, {}, 100_000));
    assert.equal(error.where, `lines:${where}`, script.slice(0, 60));
    assert.ok(error.cause instanceof UsageError);
    assert.match(error.cause.message, message);
    if (hint) assert.match(error.cause.hint ?? '', hint);
    assert.deepEqual(accesses(session), []);
    assert.deepEqual([session.depth, session.scripts.length], [0, 0]);
    session.closeAll();
  }
});

test('what fails in a block ends the script at its own line, and -k goes on with the next', async () => {
  const { session, output } = memfdSession();
  const script = 'repeat 2\n  expect region0 0 == 1\n\n  echo on; peek region0 1\n  echo further\nend\necho behind\n';
  const error = await failure(() => feed(session, script));
  assert.equal(error.where, 'lines:2');
  assert.ok(error.cause instanceof ExpectationError);
  assert.equal(output.take(), '');
  const failures: string[] = [];
  await feed(session, script, { goOn: ({ where }) => void failures.push(where) });
  assert.deepEqual(failures, ['lines:2', 'lines:4', 'lines:2', 'lines:4']);
  assert.equal(output.take(), 'on\nfurther\non\nfurther\nbehind\n');
  session.closeAll();
});

test('with -k a condition that fails leaves its block, and a block that is not understood ends the script', async () => {
  const { session, output } = memfdSession();
  const failures: string[] = [];
  const goOn = ({ where, cause }: ScriptFailure): void =>
    void failures.push(`${where} ${cause instanceof VfioError ? cause.kind : 'usage'}`);
  await feed(session, 'if [region0 0x10000]\necho no\nelse\necho no\nend\nwhile $nope; echo no; end\necho yes\n', {
    goOn,
  });
  assert.deepEqual(failures, ['lines:1 access', 'lines:6 usage']);
  assert.equal(output.take(), 'yes\n');
  for (const [script, where] of [
    ['if (1\n  poke region0 0 1\nend\n', 1],
    ['if 1\n  echo "\n  poke region0 0 1\nend\n', 2],
    ['end\npoke region0 0 1\n', 1],
  ] as const) {
    const error = await failure(() => feed(session, script, { goOn }));
    assert.equal(error.where, `lines:${where}`);
  }
  assert.deepEqual(accesses(session), [], 'nothing runs that may stand in what was not understood');
  session.closeAll();
});

test('quit in a block ends the script there', async () => {
  assert.deepEqual(await shown('repeat 3\necho a\nquit\necho b\nend\necho c\n'), ['a']);
});

test('a loop is interrupted, and lets the event loop run meanwhile', { timeout: 60_000 }, async () => {
  for (const script of [
    'while 1\n$n = 1\nend\n',
    'while 1; end',
    'while 1\n wait region0 0 == 1 --timeout 60s\nend\n',
    'repeat 0x1fffffffffffff\nif 1\nend\nend\n',
  ]) {
    const { session } = memfdSession();
    const running = feed(session, script);
    // Timers that run while it does.
    for (let tick = 0; tick < 3; tick += 1) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.ok(session.interrupt());
    await assert.rejects(running, Interrupted);
    assert.equal(session.interrupt(), false, 'nothing runs any more');
    assert.equal(session.depth, 0);
    session.closeAll();
  }
});

test('a dry run goes into blocks as far as it can know', async () => {
  const { session, output } = memfdSession();
  const dry = 'option dryrun on\n';
  const lines = async (script: string): Promise<string[]> => {
    await feed(session, dry);
    output.take();
    await feed(session, script);
    return output.take().split('\n').slice(0, -1);
  };
  const would = (n: number, offset: string): string => `would write region0+${offset} (32 bits) <- 0x${n}`;
  assert.deepEqual(await lines('$i = 0\nrepeat 2\n$i = $i + 1\npoke region0 0 $i\nend\n'), [
    would(1, '0x0'),
    would(2, '0x0'),
  ]);
  const unknown = ['would read region0+0x8 (32 bits)', 'what follows depends on what is read'];
  assert.deepEqual(
    await lines('if 1\nif [region0 8]\n$i = 7\npoke region0 0 1\nend\npoke region0 0 2\nend\npoke region0 4 3'),
    [...unknown, would(3, '0x4')],
    'what is behind the outermost block is known again',
  );
  assert.deepEqual(await lines('poke region0 0 $i; echo $i'), [unknown[1], unknown[1]], 'but not what the block sets');
  assert.deepEqual(await lines('$i = 5; poke region0 0 $i'), [would(5, '0x0')]);
  assert.deepEqual(await lines('while [region0 8] & 1; end; poke region0 0 1'), [...unknown, would(1, '0x0')]);
  assert.deepEqual(await lines('$n = [region0 8]\nrepeat $n; poke region0 0 1; end'), [...unknown, unknown[1]]);
  assert.deepEqual(accesses(session), []);
  session.closeAll();
});

test('--js of a block is refused, and reads nothing', async () => {
  const { session } = memfdSession();
  await feed(session, 'option js on\n');
  const error = await failure(() => feed(session, 'if [region0 0]; peek region0 0; end'));
  assert.match(error.message, /no JavaScript that does the same/);
  assert.match((await failure(() => feed(session, '$x = [region0 0]'))).message, /would read the device/);
  assert.deepEqual(accesses(session), []);
  session.closeAll();
});

test('lines end as DOS has them, comments and quotes hold words of blocks, and words may be written like others', async () => {
  const script =
    '\ufeff# if this\r\nif 1 # then\r\n  echo "end" end # end\r\n  echo \'if; while\'\r\nend # if\r\necho if\\;end\r\n';
  for (const size of [1, 3, 1000]) {
    const { session, output } = memfdSession();
    await feed(session, script, {}, size);
    assert.equal(output.take(), 'end end\nif; while\nif;end\n');
    session.closeAll();
  }
});

test('$1, $# and $0 stand for what the script was given, and are missed only where they are used', async () => {
  const path = file(
    'given.vfio',
    'echo $# $0\nif $# > 1\n  echo $2\n  if $1 == 3; $3 more; end\nelse\n  echo few\nend\n',
  );
  const run = async (...parameters: string[]): Promise<string> => {
    const { session, output } = memfdSession();
    try {
      await runScript(session, path, { parameters });
      return output.take();
    } finally {
      session.closeAll();
    }
  };
  assert.equal(await run(), `0 ${path}\nfew\n`);
  assert.equal(await run('1', 'b c'), `2 ${path}\nb c\n`);
  const missing = await failure(() => run('3', 'x'));
  assert.equal(missing.where, `${path}:4`);
  assert.match(missing.message, /\$3 is not set: the script was given 2 arguments/);
  assert.match((await failure(() => shown('echo $0'))).message, /\$0 is not set: these lines have no file/);
  assert.deepEqual(await shown('echo $#'), ['0']);
  const flat = await failure(() => shown('echo a; peek region0 $1'));
  assert.match(flat.message, /\$1 is not set/);
});

test('source runs a script in place: its folder, its arguments, its variables, its failures', async () => {
  mkdirSync(join(folder, 'lib', 'deep'), { recursive: true });
  const main = file('main.vfio', '$base = 0x100\nsource lib/first.vfio\nsource lib/first.vfio\npeek region0 $found\n');
  file('lib/first.vfio', 'source deep/second.vfio\nif $# == 1; $found = $base + $1; end\n');
  file('lib/deep/second.vfio', 'echo second $0 $1\n');
  const { session, output } = memfdSession();
  await runScript(session, main, { parameters: ['0x20'] });
  assert.equal(output.take(), `second ${main} 0x20\nsecond ${main} 0x20\nregion0+0x120: 0x00000000\n`);
  const wrong = file('wrong.vfio', '\nsource lib/wrong.vfio\necho on\n');
  file('lib/wrong.vfio', 'echo in\nnope\necho out\n');
  assert.equal((await failure(() => runScript(session, wrong))).where, join(folder, 'lib/wrong.vfio:2'));
  output.take();
  const failures: string[] = [];
  await runScript(session, wrong, { goOn: ({ where }) => void failures.push(where) });
  assert.deepEqual([failures, output.take()], [[join(folder, 'lib/wrong.vfio:2')], 'in\nout\non\n']);
  const half = file('half.vfio', 'source lib/half.vfio\nend\n');
  file('lib/half.vfio', 'if 1\n');
  assert.match((await failure(() => runScript(session, half))).message, /half\.vfio:1: "if" has no end/);
  const itself = file('itself.vfio', 'source itself.vfio\n');
  assert.match((await failure(() => runScript(session, itself))).message, /32 scripts run each other already/);
  assert.match((await failure(() => feed(session, 'source none.vfio'))).message, /ENOENT|no such file/);
  assert.equal(session.depth, 0);
  session.closeAll();
});

test('--as names an expectation in its message', async () => {
  const named = await failure(() => shown('expect region0 0 == 1 --as "the ID matches"'));
  assert.match(named.message, /lines:1: the ID matches: expected region0\+0x0/);
  assert.deepEqual(await shown('expect region0 0 == 0 --as=zero'), ['region0+0x0: 0x00000000']);
});

/** What the generated scripts change beside the device. */
interface State {
  n: number;
}

/** A block, or a line, with what it writes when it runs once. */
interface Piece {
  readonly lines: readonly string[];
  readonly writes: (state: State) => number[];
}

const leaf: fc.Arbitrary<Piece> = fc.nat(999).map((value) => ({
  lines: [`poke region0 0 ${value}`],
  writes: () => [value],
}));

const indented = (body: Piece): string[] => body.lines.map((line) => `  ${line}`);

const { piece } = fc.letrec<{ piece: Piece; body: Piece }>((tie) => ({
  body: fc.array(tie('piece'), { maxLength: 3 }).map((parts) => ({
    lines: parts.flatMap(({ lines }) => lines),
    writes: (state: State) => parts.flatMap(({ writes }) => writes(state)),
  })),
  piece: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.record({ times: fc.nat(3), body: tie('body') }).map(({ times, body }) => ({
      lines: [`repeat ${times}`, ...indented(body), 'end'],
      writes: (state: State) => Array.from({ length: times }, () => body.writes(state)).flat(),
    })),
    fc.record({ holds: fc.boolean(), yes: tie('body'), no: tie('body') }).map(({ holds, yes, no }) => ({
      lines: [`if ${holds ? '$zero == 0' : '$zero'}`, ...indented(yes), 'else', ...indented(no), 'end'],
      writes: (state: State) => (holds ? yes : no).writes(state),
    })),
    fc.record({ most: fc.nat(3), body: tie('body') }).map(({ most, body }) => ({
      // The loop is left from its middle: what stands behind the break never runs in the last round.
      lines: ['repeat 9', `  if $n >= ${most}; break; end`, '  $n = $n + 1', ...indented(body), 'end'],
      writes: (state: State) => {
        const made: number[] = [];
        for (let round = 0; round < 9 && state.n < most; round += 1) {
          state.n += 1;
          made.push(...body.writes(state));
        }
        return made;
      },
    })),
    fc.record({ body: tie('body'), dead: tie('body') }).map(({ body, dead }) => ({
      lines: ['repeat 2', ...indented(body), '  continue', ...indented(dead), 'end'],
      writes: (state: State) => [...body.writes(state), ...body.writes(state)],
    })),
  ),
}));

test('blocks in blocks write what a reading of them by hand says, on lines of their own and on one', async () => {
  const run = async (script: string): Promise<number[]> => {
    const { session } = memfdSession();
    await feed(session, `$zero = 0; $n = 0\n${script}`, {}, 4096);
    const made = accesses(session).map((each) => Number.parseInt(each.split(' ')[2] ?? '', 16));
    session.closeAll();
    return made;
  };
  await fc.assert(
    fc.asyncProperty(piece, async ({ lines, writes }) => {
      const expected = writes({ n: 0 });
      assert.deepEqual(await run(lines.join('\n')), expected);
      assert.deepEqual(await run(lines.map((line) => line.trim()).join('; ')), expected);
    }),
    { numRuns: 60 },
  );
});

test('of any words of blocks in any order, nothing runs unless they fit', async () => {
  const word = fc.constantFrom('if 0', 'elif 0', 'else', 'repeat 1', 'while 0', 'end', 'break', 'echo x');
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 12 }), async (words) => {
      for (const separator of ['\n', '; ']) {
        try {
          await shown(words.join(separator));
        } catch (error) {
          assert.ok(error instanceof ScriptFailure && error.cause instanceof UsageError, String(error));
        }
      }
    }),
    { numRuns: 150 },
  );
});
