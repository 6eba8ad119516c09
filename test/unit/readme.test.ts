import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { spawn } from '@lydell/node-pty';
import { commandModules } from '../../src/repl/commands/index.js';
import { referenceMarkdown } from '../../src/repl/reference.js';
import { Registry } from '../../src/repl/registry.js';
import { keyTable } from '../../src/repl/tui/key-help.js';

const readmePath = 'README.md';
const readme = readFileSync(readmePath, 'utf8');
const main = new URL('../../src/repl/main.js', import.meta.url).pathname;
const prompt = 'sim:edu region0> ';

/** The session in README's first console block: what is typed at each prompt, and what is shown for it. */
function firstSession(): { typed: string; shown: string }[] {
  const [, block = ''] = /```console\n([^`]*)```/.exec(readme) ?? [];
  return block
    .split(prompt)
    .slice(1)
    .map((part) => {
      const end = part.indexOf('\n');
      return { typed: part.slice(0, end), shown: part.slice(end + 1).trimEnd() };
    });
}

/** Without what tells how long something took. */
function timeless(text: string): string {
  return text.replace(/, after [\d.]+ \w+ and \d+ reads?$/gm, '');
}

test("README's first session can be repeated word for word at a terminal", { timeout: 60_000 }, async (t) => {
  const session = firstSession();
  assert.ok(session.length >= 8);
  const home = mkdtempSync(join(tmpdir(), 'vfiodbg-readme-'));
  const env = { ...process.env, TERM: 'dumb', NO_COLOR: '1', HOME: home };
  const pty = spawn(process.execPath, [main, 'sim:edu'], { cols: 200, rows: 50, env });
  t.after(() => {
    pty.kill();
    rmSync(home, { recursive: true });
  });
  let text = '';
  pty.onData((data) => (text += data));
  const promptFrom = async (from: number): Promise<number> => {
    while (!text.includes(prompt, from)) {
      assert.ok(!t.signal.aborted, `no prompt; so far: ${text}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return text.indexOf(prompt, from);
  };
  let at = (await promptFrom(0)) + prompt.length;
  for (const { typed, shown } of session) {
    pty.write(`${typed}\r`);
    const next = await promptFrom(at);
    const [echo, ...answer] = text.slice(at, next).replaceAll('\r', '').trimEnd().split('\n');
    assert.equal(echo, typed);
    // The interrupt is announced in the words of irq wait's answer, some time before it.
    const announced = answer.indexOf('msi');
    if (answer.lastIndexOf('msi') > announced) answer.splice(announced, 1);
    assert.equal(timeless(answer.join('\n')), timeless(shown));
    at = next + prompt.length;
  }
});

/** Holds what README has between the marks of `part` to be `made`. */
function assertPart(part: string, made: string): void {
  const now = readFileSync(readmePath, 'utf8');
  const [before = '', rest = ''] = now.split(new RegExp(`(?<=<!-- ${part}: [^\\n]*-->\\n)`));
  const end = rest.indexOf(`<!-- end of ${part} -->`);
  assert.ok(end >= 0, part);
  const wanted = `${before}\n${made}\n${rest.slice(end)}`;
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(readmePath, wanted);
  else assert.equal(now, wanted, 'UPDATE_GOLDEN=1 npm test rewrites it');
}

test("README's table of commands is what the declarations make of it", async () => {
  assertPart('commands', referenceMarkdown(await new Registry(commandModules).loadAll()));
});

test("README's table of keys is what the bindings make of it", () => {
  assertPart('keys', `${keyTable()}\n`);
});

test('every script that ships is in README', () => {
  for (const script of readdirSync('scripts')) assert.ok(readme.includes(`\`${script}\``), script);
});
