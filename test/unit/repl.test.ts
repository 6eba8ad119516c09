import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder, opened, prompt, Terminal } from './terminal.js';

test('typing: answers, errors, and the prompt that names device and space', async () => {
  const terminal = await opened();
  assert.equal(await terminal.enter('peek region0 0'), 'region0.ID (region0+0x0): 0x010000ed');
  assert.match(await terminal.enter('pek'), /there is no command "pek"/);
  assert.match(await terminal.enter('use config', 'sim:edu config> '), /^$/);
  assert.match(await terminal.enter('close', 'vfiodbg> '), /closed/);
  assert.equal(await terminal.leave(), 0);
});

test('Enter on an empty line goes on with peek and dump, and is nothing otherwise', async () => {
  const terminal = await opened();
  assert.equal(await terminal.enter(''), '');
  await terminal.enter('peek.w config 0');
  assert.equal(await terminal.enter(''), 'config.DEVICE_ID (config+0x2): 0x11e8');
  assert.equal(await terminal.enter(''), 'config.COMMAND (config+0x4): 0x0103');
  await terminal.enter('dump region0 0..0x10');
  assert.match(await terminal.enter(''), /^00000010: /);
  await terminal.enter('echo x');
  assert.equal(await terminal.enter(''), '');
  assert.equal(await terminal.leave(), 0);
});

test('Tab completes and touches nothing', async () => {
  const terminal = await opened();
  terminal.type('pee');
  terminal.type('\t');
  await terminal.until('peek ');
  terminal.type('con\t');
  await terminal.until('config');
  terminal.type('.COMM\t');
  await terminal.until('.COMMAND ');
  terminal.type('\t\t');
  terminal.type('\r');
  await terminal.until(prompt);
  assert.equal((await terminal.enter('log access')).match(/config\+0x/g)?.length, 1, 'the one read of the line itself');
  assert.equal(await terminal.leave(), 0);
});

test('Ctrl-C drops the line, hints on an empty one, and ends a running command but not the session', async () => {
  const terminal = await opened();
  terminal.type('poke region0 4');
  await terminal.until('poke region0 4');
  terminal.type('\u0003');
  await terminal.until('^C');
  await terminal.until(prompt);
  terminal.type('\u0003');
  await terminal.until('quit, or Ctrl-D, leaves');
  await terminal.until(prompt);
  terminal.type('echo runs; wait region0 0 == 1 --timeout 60s\r');
  await terminal.until('\nruns');
  terminal.type('\u0003');
  await terminal.until(prompt);
  assert.equal(await terminal.enter('peek region0 0'), 'region0.ID (region0+0x0): 0x010000ed');
  assert.equal(await terminal.leave(), 0);
});

test('lines that come faster than they run, run in order', async () => {
  const terminal = await opened();
  terminal.type('sleep 50ms; echo first\recho second\r');
  await terminal.until('\nfirst');
  await terminal.until('\nsecond');
  assert.equal(await terminal.leave(), 0);
});

test('quit leaves, and Ctrl-D leaves while a command runs', async () => {
  const terminal = await opened();
  terminal.type('quit\r');
  assert.equal(await terminal.exit, 0);
  const other = await opened();
  other.type('wait region0 0 == 1 --timeout 60s\r');
  await other.until('60s');
  assert.equal(await other.leave(), 0);
});

test('SIGTERM ends it with 143, and a terminal that goes away ends it by SIGHUP', async () => {
  const terminal = await opened();
  terminal.kill('SIGTERM');
  assert.equal(await terminal.exit, 143);
  const other = await opened();
  await other.hangUp();
  assert.equal(other.signal, 1, 'and not by an abort of the runtime');
});

test('a notice stands above the line that is being typed, which stays as it is', async () => {
  const terminal = await opened();
  await terminal.enter('= setTimeout(() => session.notify("an event \\x1b[2J came"), 300); undefined');
  terminal.type('peek region0 0');
  await terminal.until('peek region0 0');
  const shown = await terminal.until(`${prompt}peek region0 0`);
  assert.match(shown, /an event .*came\r\n/);
  assert.ok(!terminal.raw.includes('\u001b[2J'), 'escape sequences in it are shown, not obeyed');
  terminal.type('\r');
  await terminal.until('0x010000ed');
  await terminal.until(prompt);
  assert.equal(await terminal.leave(), 0);
});

test('history is kept for the next time, readable by its owner alone', async () => {
  const first = await opened();
  await first.enter('echo remember me');
  await first.leave();
  const path = join(first.home, '.vfiodbg_history');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.match(readFileSync(path, 'utf8'), /^echo remember me$/m);
  const second = await opened(['sim:edu'], first.home);
  second.type('\u001b[A');
  await second.until('echo remember me');
  second.type('\u0003');
  await second.until(prompt);
  await second.leave();
});

test('a home that cannot be written is said once, and the prompt works', async () => {
  const home = join(folder, 'a-file');
  writeFileSync(home, '');
  const impossible = join(folder, 'locked');
  mkdirSync(impossible);
  mkdirSync(join(impossible, '.vfiodbg_history'));
  chmodSync(impossible, 0o500);
  const terminal = new Terminal(['sim:edu'], impossible);
  await terminal.until('no history is kept');
  await terminal.until(prompt);
  assert.equal(await terminal.enter('echo works'), 'works');
  assert.equal(await terminal.leave(), 0);
  chmodSync(impossible, 0o700);
});

test("what the user's JavaScript throws later is shown, and the prompt goes on", async () => {
  const terminal = await opened();
  await terminal.enter('= setTimeout(() => { throw new RangeError("late") }, 50); undefined');
  await terminal.until('RangeError: late');
  assert.equal(await terminal.enter('echo still here'), 'still here');
  assert.equal(await terminal.leave(), 0);
});

test("node:repl's own commands and evaluation stay out of the way", async () => {
  const terminal = await opened();
  assert.match(await terminal.enter('.help'), /there is no command "\.help"/);
  assert.match(await terminal.enter('.exit'), /there is no command "\.exit"/);
  assert.match(await terminal.enter('process.exit(3)'), /there is no command/);
  assert.equal(await terminal.enter('= 6 * 7'), '42');
  assert.equal(await terminal.leave(), 0);
});

test('without a device there is a prompt too, and -i goes on to it', async () => {
  const terminal = new Terminal([]);
  await terminal.until('vfiodbg> ');
  assert.match(await terminal.enter('peek region0 0', 'vfiodbg> '), /no device is open/);
  await terminal.enter('open sim:edu', prompt);
  assert.equal(await terminal.leave(), 0);
  const interactive = new Terminal(['-i', '-c', 'echo before', 'sim:edu']);
  await interactive.until('before');
  await interactive.until(prompt);
  assert.equal(await interactive.leave(), 0);
});
