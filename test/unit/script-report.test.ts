import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { SaxesParser } from 'saxes';
import type { Check } from '../../src/repl/check.js';
import { Interrupted } from '../../src/repl/interrupted.js';
import { escapeXml, junitCase, junitHead, junitTail } from '../../src/repl/junit.js';
import { ScriptFailure } from '../../src/repl/script.js';
import type { Session } from '../../src/repl/session.js';
import { tapPoint } from '../../src/repl/tap.js';
import { ExpectationError, UsageError } from '../../src/repl/usage-error.js';
import { plain } from '../../src/views/sinks/plain.js';
import { assertGolden } from './golden.js';
import { type KeptOutput, memfdSession } from './session-fixture.js';

const script = { prefixes: false };
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-report-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function failure(body: () => unknown): Promise<unknown> {
  try {
    await body();
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing failed' });
}

/** Runs a line on a device of its own. @returns what was shown, and what it failed with. */
async function run(line: string): Promise<{ shown: string; error: unknown; session: Session; output: KeptOutput }> {
  const { session, output } = memfdSession();
  let error: unknown;
  try {
    await session.execute(line, script);
  } catch (thrown) {
    error = thrown;
  }
  const shown = output.take().replaceAll(folder, '/tmp');
  session.closeAll();
  return { shown, error, session, output };
}

/** The elements of a document, each with its attributes; its text under ''. Throws where it is not well-formed. */
function elements(xml: string): { name: string; attributes: Record<string, string>; text: string }[] {
  const found: { name: string; attributes: Record<string, string>; text: string }[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => void found.push({ name, attributes, text: '' }));
  parser.on('text', (text) => {
    const last = found.at(-1);
    if (last) last.text += text;
  });
  parser.write(xml).close();
  return found;
}

const mixed = `echo "heading # with a sign"
expect region0 0 == 0 --as "it is \\\\ zero #1"
expect region0 4 == 0x12345678
repeat 2; expect region0 8 != 1; end
wait region0 0xc == 1:1 --timeout 1ms --as="bit \\x07 & <\\e[31mred>"
irq wait nope --as unreached
`;

test('--tap reports every expectation, with what is shown as comments, and goes on after those that fail', async () => {
  const path = file('mixed.vfio', mixed.replace(/irq wait.*\n/, 'dump region0 0 32B\nexpect region0 2 == 1\n'));
  const { shown, error, session } = await run(`run ${path} --tap`);
  assertGolden('report-mixed.tap', shown.replace(/\(\d+ reads?\)/, '(N reads)'));
  assert.ok(error instanceof ExpectationError);
  assert.equal(error.message, '3 of 6 expectations failed');
  assert.equal(session.checks, undefined, 'and nothing of it stays');
});

test('what is no expectation ends a report: Bail out! and no plan', async () => {
  const path = file('fatal.vfio', mixed);
  const { shown, error } = await run(`run ${path} --tap`);
  assert.match(shown, /^Bail out! \/tmp\/fatal\.vfio:6: .*nope.*\n$/m);
  assert.doesNotMatch(shown, /^1\.\./m);
  assert.ok(error instanceof ScriptFailure);
});

test('--bail ends a report at the first expectation that fails', async () => {
  const path = file('bail.vfio', mixed);
  const { shown, error } = await run(`run ${path} --tap --bail`);
  assert.match(shown, /^not ok 2 .*\n(?: {2}.*\n)+Bail out! .*bail\.vfio:3: expected/m);
  assert.doesNotMatch(shown, /ok 3/);
  assert.ok(error instanceof ScriptFailure && error.cause instanceof ExpectationError);
  const alone = await run(`run ${path} --bail`);
  assert.ok(alone.error instanceof UsageError);
  assert.match(alone.error.message, /--bail is for --tap and --junit/);
});

test('all hold: a plan, and nothing fails; none is looked at: a plan of none', async () => {
  const good = await run(`run ${file('good.vfio', 'expect region0 0 == 0\nexpect region0 4 == 0')} --tap`);
  assert.match(good.shown, /ok 2 - expect region0 4 == 0\n1\.\.2\n# 2 expectations\n$/);
  assert.equal(good.error, undefined);
  const none = await run(`run ${file('none.vfio', 'echo x\n')} --tap`);
  assert.equal(none.shown, 'TAP version 13\n# x\n1..0 # SKIP no expectation was looked at\n# 0 expectations\n');
});

test('in a dry run nobody knows: every expectation is skipped', async () => {
  const path = file('dry.vfio', 'expect region0 0 == 1\nwait region0 0 == 1 --timeout 5s\n');
  const { shown, error } = await run(`run ${path} --tap -n`);
  assert.equal(shown.match(/^ok \d - .* # SKIP nothing was carried out$/gm)?.length, 2, shown);
  assert.equal(error, undefined);
  const one = await run(`run ${file('one.vfio', 'expect region0 0 == 1 -n\n')} --tap`);
  assert.match(one.shown, /^ok 1 .* # SKIP/m);
});

test('a report in a report is a part of it', async () => {
  const inner = file('inner.vfio', 'expect region0 0 == 1 --as inner\n');
  const xml = join(folder, 'inner.xml');
  const outer = file('outer.vfio', `run ${inner} --tap --junit ${xml}\nexpect region0 0 == 0 --as outer\n`);
  const { shown, error } = await run(`run ${outer} --tap`);
  assert.match(shown, /^TAP version 13\nnot ok 1 - inner\n(?: {2}.*\n)+(?:#.*\n)*ok 2 - outer\n1\.\.2\n/);
  assert.equal(shown.match(/^TAP/gm)?.length, 1);
  assert.ok(error instanceof ExpectationError);
  assert.equal(elements(readFileSync(xml, 'utf8')).filter(({ name }) => name === 'failure').length, 1);
});

test('--junit writes a file that reads back: names, places, failures, totals', async () => {
  const path = file('unit.vfio', mixed);
  const xml = join(folder, 'unit.xml');
  const { output } = await run(`run ${path} --junit ${xml}`);
  const text = readFileSync(xml, 'utf8');
  const all = elements(text);
  assertGolden(
    'report-mixed.xml',
    text
      .replaceAll(folder, '/tmp')
      .replace(/\d+\.\d{6}/g, '0.000000')
      .replace(/timestamp="[^"]*"/, 'timestamp=""')
      .replace(/\(\d+ reads?\)/g, '(N reads)'),
  );
  const [totals] = all;
  assert.deepEqual(
    [totals?.attributes['tests'], totals?.attributes['failures'], totals?.attributes['errors']],
    ['6', '2', '1'],
  );
  const cases = all.filter(({ name }) => name === 'testcase');
  assert.equal(cases[0]?.attributes['name'], 'it is \\ zero #1');
  assert.equal(cases[4]?.attributes['name'], 'bit  & <[31mred>', 'characters that XML cannot hold are left out');
  assert.equal(cases[1]?.attributes['line'], '3');
  assert.ok(
    output.notices.some((each) => each.includes('unit.vfio:3: expected region0+0x4')),
    'without TAP a failure is said',
  );
});

test('a report that cannot be written is refused before anything is done', async () => {
  const path = file('refused.vfio', 'poke region0 0 1\n');
  const { error, session } = await run(`run ${path} --junit ${folder}/no/such/folder.xml`);
  assert.match(String(error), /no such file or folder/);
  const { journal } = session.device ?? {};
  assert.equal(journal, undefined);
  const fresh = memfdSession();
  await failure(() => fresh.session.execute(`run ${path} --junit ${folder}`, script));
  assert.deepEqual(
    [...(fresh.session.device?.journal.entries() ?? [])].filter(({ kind }) => kind === 'write'),
    [],
  );
  fresh.session.closeAll();
  assert.deepEqual(
    readdirSync(folder).filter((each) => each.endsWith('.part')),
    [],
    'and nothing is left behind',
  );
});

test('Ctrl-C in a report: it says so, and the JUnit file is whole', async () => {
  const { session, output } = memfdSession();
  const xml = join(folder, 'interrupted.xml');
  const path = file('loops.vfio', 'expect region0 0 == 0\nwhile 1; end\n');
  const running = failure(() => session.execute(`run ${path} --tap --junit ${xml}`, script));
  while (!output.views.some((view) => plain(view).startsWith('ok 1')))
    await new Promise((resolve) => setTimeout(resolve, 1));
  session.interrupt();
  assert.ok((await running) instanceof Interrupted);
  assert.match(output.take(), /Bail out! interrupted\n$/);
  assert.equal(elements(readFileSync(xml, 'utf8')).filter(({ name }) => name === 'error').length, 1);
  session.closeAll();
});

test('twenty thousand expectations go into a JUnit file without being held', { timeout: 120_000 }, async () => {
  const xml = join(folder, 'many.xml');
  const path = file('many.vfio', 'repeat 20000\nexpect region0 0 == 0\nend\n');
  const { error } = await run(`run ${path} --junit ${xml}`);
  assert.equal(error, undefined);
  const all = elements(readFileSync(xml, 'utf8'));
  assert.equal(all.filter(({ name }) => name === 'testcase').length, 20_000);
  assert.equal(all[0]?.attributes['tests'], '20000');
  assert.ok(existsSync(xml));
});

const anything = fc.string({ unit: 'binary', maxLength: 40 });

function checkOf(name: string, message: string): Check {
  const failed = new ExpectationError(message, message, { location: name, expected: message, actual: name });
  return { name, command: message, file: name, line: 3, seconds: 0.5, failure: failed, skipped: false };
}

test('whatever names and messages hold, the XML is well-formed and the TAP keeps its lines', () => {
  fc.assert(
    fc.property(anything, anything, (name, message) => {
      const suite = { name, tests: 1, failures: 1, errors: 0, skipped: 0, seconds: 1, started: new Date(0) };
      const properties = { device: message };
      const xml = junitHead({ ...suite, properties }) + junitCase(name, checkOf(name, message)) + junitTail;
      const found = elements(xml);
      assert.deepEqual(
        found.map((each) => each.name),
        ['testsuites', 'testsuite', 'properties', 'property', 'testcase', 'failure'],
      );
      const readable = elements(`<a>${escapeXml(name)}</a>`)[0]?.text;
      assert.equal(found[4]?.attributes['name']?.replace(/\r\n?/g, '\n'), readable?.replace(/\r\n?/g, '\n'));
      const [point = '', ...block] = tapPoint(1, checkOf(name, message));
      assert.match(point, /^not ok 1 - [^\n]*$/);
      assert.doesNotMatch(point.replace(/\\[\\#]/g, ''), /[#\\]/, 'no directive that nobody meant');
      for (const line of block) assert.match(line, /^ {2}(?:---|\.\.\.|(?: {2})?\w+: .*|at:)$/);
    }),
  );
});
