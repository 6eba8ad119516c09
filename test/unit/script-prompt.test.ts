import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opened, prompt } from './terminal.js';

test('a block is typed over several lines, and runs when it ends', async () => {
  const terminal = await opened();
  assert.match(await terminal.enter('repeat'), /N is missing/, 'a block that cannot be is not begun');
  assert.equal(await terminal.enter('repeat 2', 'repeat> '), '');
  assert.equal(await terminal.enter('peek region0 0', 'repeat> '), '');
  assert.equal(await terminal.enter('', 'repeat> '), '', 'an empty line repeats nothing');
  assert.equal(await terminal.enter('if $_ == 0x010000ed', 'repeat if> '), '');
  assert.match(await terminal.enter('ehco', 'repeat if> '), /there is no command "ehco"/);
  assert.match(await terminal.enter('elif 1; end; end; end', 'repeat if> '), /"end" ends nothing/);
  assert.equal(await terminal.enter('ec edu', 'repeat if> '), '', 'what was wrong is left out, and the block goes on');
  assert.equal(await terminal.enter('end', 'repeat> '), '');
  assert.equal(
    await terminal.enter('end'),
    'region0.ID (region0+0x0): 0x010000ed\r\nedu\r\nregion0.ID (region0+0x0): 0x010000ed\r\nedu',
  );
  assert.equal((await terminal.enter('log access')).match(/region0\+0x0 /g)?.length, 2, 'and nothing was read before');
  assert.equal(await terminal.leave(), 0);
});

test('Ctrl-C drops the block that is typed, and ends the loop that runs', async () => {
  const terminal = await opened();
  await terminal.enter('while 1', 'while> ');
  await terminal.enter('poke region0 4 1', 'while> ');
  terminal.type('echo ha');
  await terminal.until('echo ha');
  terminal.type('\u0003');
  await terminal.until('^C');
  await terminal.until(prompt);
  assert.equal(await terminal.enter('log access'), 'nothing yet');
  terminal.type('echo runs; while 1; $n = 1; end\r');
  await terminal.until('\nruns');
  terminal.type('\u0003');
  await terminal.until(prompt);
  await terminal.enter('if 1', 'if> ');
  assert.equal(await terminal.leave(), 0, 'Ctrl-D leaves, block or not');
});

test('words of blocks are typed in full, so that they take no beginning away from others', async () => {
  const terminal = await opened();
  assert.match(await terminal.enter('conf'), /edu|vendor|1234/i);
  assert.match(await terminal.enter('whil 1'), /there is no command "whil"/);
  terminal.type('whi\t');
  await terminal.until('while ');
  terminal.type('\u0003');
  await terminal.until(prompt);
  assert.equal(await terminal.leave(), 0);
});
