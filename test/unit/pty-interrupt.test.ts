import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opened, prompt } from './terminal.js';

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
