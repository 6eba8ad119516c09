import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { opened, prompt, Terminal } from './terminal.js';

test('a terminal that does not know its size is taken for one of 80 columns', async () => {
  const terminal = await opened(['sim:edu'], undefined, { columns: 0 });
  const shown = await terminal.enter('help irq wait');
  assert.match(shown, /too, so that none is missed between a poke and its wait; --fresh ignores what\r\n/);
  assert.equal(await terminal.leave(), 0);
});

test('what is shown fits the terminal, also after it was resized', async () => {
  const terminal = await opened(['sim:sram'], undefined, { columns: 132 }, 'sim:sram region0> ');
  const widest = async (line: string): Promise<number> =>
    Math.max(...(await terminal.enter(line, 'sim:sram region0> ')).split('\r\n').map((row) => row.length));
  assert.ok((await widest('regions')) > 80, 'a wide one is made use of');
  terminal.resize(80, 24);
  // The signal that tells of it comes when it comes; readline repeats its line then.
  for (let tries = 0; tries < 50 && (await widest('regions')) > 80; tries += 1);
  for (const line of ['regions', 'irq', 'help peek', 'option', 'dump region0 0..64', 'info'])
    assert.ok((await widest(line)) <= 80, line);
  assert.equal(await terminal.leave(), 0);
});

test('colours are for terminals that have them: not with TERM=dumb, not with NO_COLOR', async () => {
  for (const [env, coloured] of [
    [{ NO_COLOR: undefined }, true],
    [{ NO_COLOR: '' }, true],
    [{ NO_COLOR: '1' }, false],
    [{ NO_COLOR: undefined, TERM: 'dumb' }, false],
  ] as const) {
    const terminal = new Terminal(['-c', 'echo done; irq', 'sim:edu'], undefined, { env });
    assert.equal(await terminal.exit, 0);
    assert.equal(terminal.raw.includes('\u001b[1m'), coloured, JSON.stringify(env));
  }
});

test('without TERM and HOME there is a prompt too', async () => {
  const terminal = await opened(['sim:edu'], undefined, { env: { TERM: undefined, HOME: undefined } });
  assert.equal(await terminal.enter('peek region0 0'), 'region0.ID (region0+0x0): 0x010000ed');
  assert.equal(await terminal.leave(), 0);
});

test('escape sequences in texts of a script and of the user are shown, not obeyed', async () => {
  const terminal = new Terminal(['-c', 'echo "\\e]0;title\\x07\\e[2J"', '-c', 'nope "\\e[2J"', 'sim:edu']);
  await terminal.until('\\x1b]0;title\\x07\\x1b[2J');
  assert.ok(!terminal.raw.includes('\u001b[2J'));
  assert.equal(await terminal.exit, 2);
  assert.ok(!terminal.raw.includes('\u001b[2J'));
});

test(
  'a megabyte that is pasted into one line does not run in part, and the prompt goes on',
  { timeout: 120_000 },
  async () => {
    const terminal = await opened();
    terminal.type(`poke region0 0x4 0x1 # ${'x'.repeat(2 ** 20)}\r`);
    await terminal.until('error: the line has more than 4096 characters');
    await terminal.until(prompt);
    assert.equal(await terminal.enter('log access'), 'nothing yet');
    terminal.type('y'.repeat(5000));
    terminal.type('\u0003');
    await terminal.until(prompt);
    assert.equal(await terminal.enter('echo on'), 'on');
    assert.equal(await terminal.leave(), 0);
  },
);

test('a newcomer is told where help is; with --json events are lines of JSON on standard error', async () => {
  const terminal = new Terminal();
  assert.match(await terminal.until(prompt), /help lists the commands; Tab completes; Ctrl-D leaves\r\n/);
  assert.equal(await terminal.leave(), 0);
  const json = new Terminal([
    '--json',
    '-c',
    'irq storm 1; irq enable msix; irq trigger msix; irq trigger msix; sleep 300ms',
    'sim:sram',
  ]);
  await json.until('{"notice":"sim:sram: interrupt storm: msix[0]');
  assert.equal(await json.exit, 0);
});

test('a warning about the device stands in the full screen, too, which covers what was printed before', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-warning-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'board.json');
  const kept = new Terminal(['-c', `snapshot ${file}`, 'sim:pl031']);
  assert.equal(await kept.exit, 0);
  const terminal = new Terminal(['--tui', `snapshot:${file}`]);
  await terminal.until('nothing here is live');
  await terminal.until('F5 prompt');
  // The screen draws no blanks where there are some.
  await terminal.until('nothinghereislive');
  terminal.type('quit\r');
  assert.equal(await terminal.exit, 0);
});
