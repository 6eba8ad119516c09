import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opened, prompt, Terminal } from './terminal.js';

const waiting = 'wait region0 0 == 1 --timeout 60s';

test('Ctrl-C and Ctrl-D end a command that has only just been entered, and is still being loaded', async () => {
  const terminal = await opened();
  const before = Date.now();
  terminal.type(`${waiting}\r\u0003`);
  await terminal.until('^C');
  await terminal.until(prompt);
  assert.equal(await terminal.enter('echo on'), 'on');
  terminal.type(`${waiting}\r${waiting}\r\u0004`);
  assert.equal(await terminal.exit, 0);
  assert.ok(Date.now() - before < 60_000, 'none of the three was waited for');
});

test('lines that were pasted run before the Ctrl-D behind them', async () => {
  const terminal = await opened();
  terminal.type('echo one\recho two\r\u0004');
  await terminal.until('\none');
  await terminal.until('\ntwo');
  assert.equal(await terminal.exit, 0);
});

test('JavaScript that loops is ended by Ctrl-C, and the prompt goes on', async () => {
  const terminal = await opened();
  for (const loop of ['console.log("runs"); while (true) {}', 'for (;;) console.log("runs")']) {
    terminal.type(`= ${loop}\r`);
    await terminal.until('\nruns');
    terminal.type('\u0003');
    await terminal.until(prompt);
  }
  assert.equal(await terminal.enter('= 6 * 7'), '42');
  assert.equal(await terminal.leave(), 0);
});

test('JavaScript that loops is ended by SIGTERM', async () => {
  const terminal = new Terminal(['-c', '= console.log("runs"); while (true) {}', 'sim:edu']);
  await terminal.until('runs');
  terminal.kill('SIGTERM');
  await terminal.exit;
  assert.equal(terminal.signal, 15);
});

test('SIGINT from elsewhere ends a running command, and at the prompt the session, with the terminal as it was', async () => {
  const terminal = await opened();
  terminal.type(`echo runs; ${waiting}\r`);
  await terminal.until('\nruns');
  terminal.kill('SIGINT');
  await terminal.until(prompt);
  terminal.kill('SIGINT');
  assert.equal(await terminal.exit, 130);
});
