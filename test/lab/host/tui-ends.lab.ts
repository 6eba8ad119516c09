import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildFolder } from '../project.js';
import { opened } from './full-screen.js';
import { Window } from './tmux.js';

const START = 'vfiodbg --tui sim:edu';

test('Ctrl-Z stops it and gives the shell its terminal; fg draws it anew, in the size that the window has then', async (t) => {
  const window = await Window.open(t);
  const shell = { state: await window.state(), modes: window.modes() };
  const assertRestored = await opened(window, START);
  await window.enter('peek region0 0x0');
  await window.until((text) => text.includes('0x010000ed'), 'the answer');
  const sizes: readonly (readonly [number, number])[] = [
    [80, 24],
    [132, 43],
  ];
  for (const size of sizes) {
    await window.press('C-z');
    const stopped = await window.until((text) => /Stopped/.test(text), 'the shell');
    assert.doesNotMatch(stopped, /region0>/);
    assert.deepEqual(await window.state(), shell.state);
    assert.equal(window.modes(), shell.modes);
    await window.enter('echo in the shell');
    await window.until((text) => /^in the shell$/m.test(text), "the shell's answer");
    await window.resize(...size);
    await window.enter('fg');
    await window.until(
      (text) => {
        const lines = text.trimEnd().split('\n');
        return lines.length === size[1] && lines[1]?.length === size[0] && text.includes('0x010000ed');
      },
      `the full screen, ${size.join('x')}`,
    );
  }
  await window.enter('peek region0 0x4');
  await window.until((text) => text.includes('region0.LIVE (region0+0x4)'), 'an answer afterwards');
  await window.resize(80, 24);
  await window.enter('quit');
  await assertRestored(
    /^(?:\n?\[1\]\+ +Stopped .*\n\$ echo in the shell\nin the shell\n\$ fg\nvfiodbg --tui sim:edu\n?){2}$/,
  );
});

test('put into the background it waits for the foreground, and draws nothing meanwhile', async (t) => {
  const window = await Window.open(t);
  await opened(window, START);
  await window.press('C-z');
  await window.until((text) => /Stopped/.test(text), 'the shell');
  await window.enter('bg; sleep 1; echo meanwhile');
  const text = await window.until((shown) => /^meanwhile$/m.test(shown), 'the echo');
  assert.doesNotMatch(text, /region0>/);
  await window.enter('fg');
  await window.until((shown) => shown.includes('region0> '), 'the full screen');
  await window.enter('quit');
  await window.until((shown) => shown.includes('meanwhile') && shown.endsWith('\n$\n'), 'the shell');
});

test('a stop by another process is the same', async (t) => {
  for (const signal of ['SIGTSTP', 'SIGSTOP'] as const) {
    const window = await Window.open(t);
    await opened(window, START);
    const [job = 0] = await window.jobs();
    process.kill(job, signal);
    await window.until((text) => /Stopped/.test(text), 'the shell');
    await window.enter('fg');
    await window.until((text) => text.includes('00000000: ') && text.includes('region0> '), 'the full screen');
    await window.enter('peek region0 0x0');
    await window.until((text) => text.includes('0x010000ed'), 'the answer');
  }
});

test('without a shell that could continue it, Ctrl-Z stops nothing', async (t) => {
  const window = await Window.open(t);
  await opened(window, `exec ${START}`);
  await window.press('C-z');
  await window.until((text) => text.includes('region0> '), 'the full screen');
  await window.enter('peek region0 0x0');
  await window.until((text) => text.includes('0x010000ed'), 'the answer');
});

test('SIGTERM ends it, and the terminal is as it was', async (t) => {
  const window = await Window.open(t);
  const assertRestored = await opened(window, START);
  const [job = 0] = await window.jobs();
  process.kill(job, 'SIGTERM');
  await assertRestored(/^(?:Terminated)?$/);
});

test('SIGHUP of a terminal that is still there ends it, and the terminal is as it was', async (t) => {
  const window = await Window.open(t);
  const assertRestored = await opened(window, START);
  const [job = 0] = await window.jobs();
  process.kill(job, 'SIGHUP');
  await assertRestored(/^(?:Hangup)?$/);
});

test("a bug ends it with its stack below the shell's line, and the terminal is as it was", async (t) => {
  const window = await Window.open(t, { columns: 132, rows: 43 });
  const assertRestored = await opened(window, START);
  // What a bug comes to: something thrown whose stack is not the user's own JavaScript.
  await window.enter(
    `js const e = new TypeError('a bug'); e.stack = 'TypeError: a bug\\n    at main.js:1:1'; setTimeout(() => process.emit('uncaughtException', e), 10); 0`,
  );
  await assertRestored(/a bug/);
});

test("what the user's own JavaScript throws in a timer is told at the prompt, and the session goes on", async (t) => {
  const window = await Window.open(t);
  const assertRestored = await opened(window, START);
  await window.enter(`js setTimeout(() => { throw new Error('from a timer') }, 10); 0`);
  await window.until((text) => /│.*error: .*from a timer/.test(text), 'the error');
  await window.enter('peek region0 0x0');
  await window.until((text) => text.includes('0x010000ed'), 'the answer');
  await window.enter('quit');
  await assertRestored();
});

test("what the user's own JavaScript prints stands in the prompt, and its process.exit gives the terminal back", async (t) => {
  const window = await Window.open(t);
  const assertRestored = await opened(window, START);
  await window.enter(`js console.log('printed'); 0`);
  await window.until((text) => /│printed/.test(text), 'what was printed');
  await window.enter('js process.exit(3)');
  await assertRestored();
});

test('a server that dies is told, the prompt goes on, and leaving is as ever', async (t) => {
  const window = await Window.open(t, { columns: 132, rows: 43 });
  const socket = join(window.home, 'edu.sock');
  const main = join(buildFolder, 'bundle/main.js');
  const server = spawn(process.execPath, [main, 'serve', 'sim:edu', '--socket', socket], { stdio: 'ignore' });
  t.after(() => server.kill('SIGKILL'));
  await window.enter(`until test -S ${socket}; do sleep 0.1; done; clear`);
  await window.until((text) => text === '$\n', 'the socket');
  const assertRestored = await opened(window, `vfiodbg --tui ${socket}`);
  server.kill('SIGKILL');
  await window.until((text) => /^.*gone: the server has hung up/.test(text), 'the status line');
  await window.enter('peek region0 0x0');
  await window.until((text) => /│error: .*hung up/.test(text) || /why: .*hung up/.test(text), 'the answer');
  await window.press('F1');
  await window.type('q');
  await assertRestored();
});

test('Ctrl-C drops the line that is typed, ends the command that runs, and nothing else', async (t) => {
  const window = await Window.open(t);
  await opened(window, START);
  await window.type('peek nonsense');
  await window.until((text) => text.includes('> peek nonsense'), 'the line');
  await window.press('C-c');
  await window.until((text) => /> peek nonsense\^C *│\n│sim:edu region0> *│/.test(text), 'an empty line');
  await window.enter('sleep 1h');
  await window.until((text) => text.includes('> sleep 1h'), 'the command');
  await window.press('C-c');
  await window.until((text) => /sleep 1h *│\n(?:│.*│\n)*│sim:edu region0> *│/.test(text), 'the prompt');
  await window.enter('sleep 1h');
  await window.until((text) => text.split('> sleep 1h').length === 3, 'the command again');
  await window.press('F1', 'C-c', 'F5');
  await window.enter('peek region0 0x0');
  await window.until((text) => text.includes('0x010000ed'), 'the answer');
});

test('a terminal that can do nothing but print is refused, with what to do instead', async (t) => {
  const window = await Window.open(t, { env: { TERM: 'dumb' } });
  await window.enter(`${START}; echo code $?`);
  const text = await window.until((shown) => shown.includes('code 2'), 'the refusal');
  assert.match(text, /error: --tui needs a terminal, and this one says that it has no cursor to move\s+\(TERM=dumb\)/);
  assert.match(text, /try: leave --tui out/);
});
