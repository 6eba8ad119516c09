import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opened } from './full-screen.js';
import { Window } from './tmux.js';

/** Every row but the first and the last is one of frames, from the first column to the last. */
function framed(text: string, columns: number, rows: number): boolean {
  const lines = text.trimEnd().split('\n');
  const row = new RegExp(`^[┌│└].{${columns - 2}}[┐│┘]$`, 'u');
  const [status = '', ...others] = lines;
  return lines.length === rows && status.length <= columns && others.slice(0, -1).every((line) => row.test(line));
}

test('a session from open to quit, and the terminal is as it was', async (t) => {
  const window = await Window.open(t);
  const assertRestored = await opened(window, 'vfiodbg --tui sim:edu');
  await window.until((text) => framed(text, 80, 24), 'its frames');
  const during = await window.state();
  assert.equal(during['alternate_on'], '1');
  assert.equal(during['mouse_sgr_flag'], '1');

  await t.test('peek at the prompt', async () => {
    await window.enter('peek region0 0x0');
    await window.until((text) => text.includes('region0.ID (region0+0x0): 0x010000ed'), 'the answer');
  });

  await t.test('F-keys, Tab, Shift-Tab and numbers go from pane to pane, and ? shows the keys', async () => {
    await window.press('F2');
    await window.until((text) => text.includes('g go to'), 'the memory pane');
    await window.press('Tab');
    await window.until((text) => text.includes('p pause') && text.includes('F3 interrupts and log'), 'the hidden pane');
    await window.press('BTab');
    await window.until((text) => text.includes('g go to'), 'the pane before');
    await window.type('1');
    await window.until((text) => text.includes('open, field'), 'the registers');
    await window.type('?');
    await window.until((text) => text.includes('in every pane but the prompt'), 'the keys');
    await window.press('Escape');
    await window.until((text) => !text.includes('in every pane but the prompt'), 'the panes');
  });

  await t.test('a window of any size, and back', async () => {
    for (const [columns, rows] of [
      [132, 43],
      [300, 100],
      [100, 30],
      [80, 24],
      [132, 43],
    ] as const) {
      await window.resize(columns, rows);
      await window.until((text) => text.startsWith('sim:edu') && framed(text, columns, rows), `${columns}x${rows}`);
    }
  });

  await t.test('a storm of SIGWINCH and of sizes', async () => {
    const [job = 0] = await window.jobs();
    for (let step = 0; step < 40; step += 1) {
      for (let again = 0; again < 50; again += 1) process.kill(job, 'SIGWINCH');
      await window.resize(80 + ((step * 37) % 200), 24 + ((step * 13) % 60));
    }
    await window.resize(132, 43);
    await window.until((text) => framed(text, 132, 43), 'the last size');
  });

  await t.test('a field of a register, with the write shown before it is made', async () => {
    await window.press('F1');
    await window.press('Home');
    for (let step = 0; step < 3; step += 1) await window.press('Down');
    await window.until((text) => text.includes('registers: region0.STATUS') && />.*IRQ_FACT/.test(text), 'STATUS');
    await window.type('e');
    await window.until((text) => text.includes('STATUS.IRQ_FACT'), 'the question');
    await window.press('C-u');
    await window.enter('1');
    await window.until(
      (text) => text.includes('write this?') && text.includes('set region0.STATUS IRQ_FACT=1'),
      'the write',
    );
    await window.type('y');
    await window.until((text) => /> \S+ +IRQ_FACT +0x1/.test(text), 'the new value');
  });

  await t.test('an interrupt arrives', async () => {
    await window.type(':');
    await window.enter('dma enable; irq enable msi');
    await window.until(
      (text) => text.includes('bus mastering on') && /msi +armed +1\/1 +0/.test(text),
      'the armed vector',
    );
    await window.enter('poke region0 0x60 1');
    await window.until((text) => /msi +\S+ +1\/1 +1 /.test(text), 'its count');
    await window.until((text) => /│ +\d+\.\d{6} .*msi/.test(text), 'the log');
  });

  await t.test('a buffer is there for the device', async () => {
    await window.enter('dma alloc ring 64K');
    await window.until((text) => /ring .*0x[0-9a-f]+/.test(text.slice(text.indexOf('F4 maps'))), 'the mapping');
    await window.enter('echo done');
    await window.until((text) => /│done/.test(text), 'the prompt');
  });

  await t.test('what is pasted is no key of a pane', async () => {
    await window.press('F1');
    await window.paste('q');
    await window.until((text) => text.includes('what is pasted goes to the prompt'), 'the notice');
    await window.type(':');
    await window.paste('echo pasted');
    await window.until((text) => text.includes('> echo pasted'), 'the text');
    await window.press('Enter');
  });

  await t.test('q asks, n stays, y leaves', async () => {
    await window.resize(80, 24);
    await window.press('F1');
    await window.type('q');
    await window.until((text) => text.includes('leave all the same?') && text.includes('msi enabled'), 'the question');
    await window.type('n');
    await window.until((text) => !text.includes('leave all the same?'), 'the panes');
    await window.type('q');
    await window.until((text) => text.includes('leave all the same?'), 'the question again');
    await window.type('y');
    await assertRestored();
  });
});
