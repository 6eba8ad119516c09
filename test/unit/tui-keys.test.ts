import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { textWidth } from '../../src/views/text-width.js';
import { HeadlessScreen } from './tui-fixture.js';

const ESCAPE = '\u001b';
const F = (number: number): string => ['', '\u001bOP', '\u001bOQ', '\u001bOR', '\u001bOS', '\u001b[15~'][number] ?? '';

async function opened(
  t: TestContext,
  device: string | null = 'sim:sram',
  columns = 132,
  rows = 43,
): Promise<HeadlessScreen> {
  const screen = await HeadlessScreen.open(device ?? undefined, columns, rows);
  t.after(() => screen.close());
  await screen.until((text) => text.includes(device === null ? 'vfiodbg>' : '00000000: '));
  return screen;
}

/** From the prompt to the panes, where `keys` are pressed. */
async function leavePrompt(screen: HeadlessScreen, keys: string): Promise<void> {
  screen.press(ESCAPE);
  await screen.until((text) => text.includes('Tab next'));
  // oxlint-disable-next-line no-control-regex
  for (const key of keys.match(/\u001b\[.|[^]/g) ?? []) screen.press(key);
}

/** Reads of the device that are in its journal, one by one or as a block. */
function reads(screen: HeadlessScreen): number {
  const entries = [...(screen.session.device?.journal.entries() ?? [])];
  return entries.filter(({ kind }) => kind === 'read' || kind === 'read-block').length;
}

test('Tab goes to the next pane, Shift-Tab back, and a number or F-key to the one of that number', async (t) => {
  const screen = await opened(t);
  screen.press(ESCAPE);
  await screen.until((text) => text.includes('q quit'));
  screen.press('2');
  await screen.until((text) => text.includes('g go to'));
  screen.press('\t');
  await screen.until((text) => text.includes('p pause'));
  screen.press(`${ESCAPE}[Z`);
  await screen.until((text) => text.includes('g go to'));
  screen.press(F(5));
  await screen.until((text) => text.includes('Esc panes'));
});

test('the prompt completes with Tab, and its keys are no bindings', async (t) => {
  const screen = await opened(t);
  screen.press('regi\t');
  await screen.until((text) => text.includes('> regions'));
  screen.press('\u0015q');
  await screen.until((text) => text.includes('> q'));
  assert.ok(screen.text.includes('Esc panes'), 'q is a letter there');
});

test('g goes to a place, and says what is wrong with one that is not there', async (t) => {
  const screen = await opened(t);
  await leavePrompt(screen, `2g`);
  await screen.until((text) => text.includes('go to:'));
  screen.press('\u0015nowhere 0x0\r');
  await screen.until((text) => text.includes('there is no space and no register "nowhere"'));
  screen.press('\u0015region0 0x1000\r');
  const text = await screen.until((shown) => shown.includes('00001000: '));
  assert.ok(!text.includes('go to:'), 'the question is gone');
});

test('the arrows move through memory, to its very end', async (t) => {
  const screen = await opened(t);
  await leavePrompt(screen, `2${ESCAPE}[B`);
  await screen.until((text) => text.includes('│00000008: '));
  screen.press(`${ESCAPE}[F`);
  await screen.until((text) => text.includes('│0000fff8: '));
  screen.press(`${ESCAPE}[H`);
  await screen.until((text) => text.includes('│00000000: '));
});

test('z shows a pane alone, and all of them again', async (t) => {
  const screen = await opened(t);
  await leavePrompt(screen, `3z`);
  await screen.until((text) => text.includes('hidden: F1 registers F2 memory F4 iommu F5 prompt'));
  screen.press('z');
  await screen.until((text) => !text.includes('hidden:'));
});

test('/ searches in a pane, n goes on, and n without a search says why not', async (t) => {
  const screen = await opened(t);
  for (let line = 0; line < 40; line += 1) screen.session.device?.journal.note('reset', `line ${line}`);
  await leavePrompt(screen, '3n');
  await screen.until((text) => text.includes('nothing is sought'));
  screen.press(`${ESCAPE}[H`);
  await screen.until((text) => text.includes('line 0'));
  screen.press('/line 3\r');
  await screen.until((text) => !text.includes('line 2 ') && text.includes('line 3 '));
  screen.press('n');
  await screen.until((text) => /│ +\d+\.\d+ line 30 +│/.test(text));
  screen.press('/');
  await screen.until((text) => text.includes('search in'));
  screen.press('\u0015no such text\r');
  await screen.until((text) => text.includes('"no such text" is not there'));
});

test('? lists every key, and says why one does nothing now', async (t) => {
  const screen = await opened(t, null, 132, 60);
  await leavePrompt(screen, `2?`);
  assert.ok(screen.text.includes('list shows what there is'), 'nor does the registers pane speak of a map then');
  const text = await screen.until((shown) => shown.includes('everywhere'));
  assert.match(text, /go to a place: a space and an offset, or a register \(not now: no device is open\)/);
  screen.press(ESCAPE);
  await screen.until((shown) => !shown.includes('everywhere'));
});

test('y copies the pane by OSC 52', async (t) => {
  const screen = await opened(t);
  await leavePrompt(screen, `2`);
  await screen.until((text) => text.includes('g go to'));
  screen.takeWritten();
  screen.press('y');
  await screen.until((text) => text.includes('copied:'));
  // oxlint-disable-next-line no-control-regex
  const copied = /\u001b\]52;c;([A-Za-z0-9+/=]*)\u0007/.exec(screen.takeWritten())?.[1] ?? '';
  assert.match(Buffer.from(copied, 'base64').toString(), /^00000000: 53 52 41 4d/);
});

test('the log of interrupts halts, goes on, is narrowed, and is written to a file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-tui-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const screen = await opened(t);
  await screen.enter('irq enable msix 4');
  await leavePrompt(screen, `3p`);
  await screen.until((text) => text.includes('paused: 0 came since'));
  screen.session.device?.irqs.msix.trigger(2);
  await screen.until((text) => text.includes('paused: 2 came since'));
  assert.doesNotMatch(screen.text, /│ +\d+\.\d+ msix\[2\]/);
  screen.press('p');
  await screen.until((text) => /│ +\d+\.\d+ msix\[2\]/.test(text));
  screen.press('f');
  await screen.until((text) => text.includes('interrupts and accesses'));
  const file = join(folder, 'log.txt');
  screen.press(`x\u0015${file}\r`);
  await screen.until((text) => text.includes('were written to'));
  assert.match(readFileSync(file, 'utf8'), /msix\[2\]/);
  screen.press(`x\u0015${file}\r`);
  await screen.until((text) => text.includes('there is such a file already'));
});

test('q leaves at once, or asks where vectors or mappings are live', async (t) => {
  const screen = await opened(t);
  await screen.enter('irq enable msix 4');
  await screen.enter('dma alloc ring 64K');
  await leavePrompt(screen, `q`);
  const text = await screen.until((shown) => shown.includes('leave all the same?'));
  assert.match(text, /sim:sram: one mapping is live/);
  assert.match(text, /sim:sram: msix enabled/);
  screen.press('n');
  await screen.until((shown) => !shown.includes('leave all the same?'));
  screen.press('qy');
  await screen.left;
});

test('quit at the prompt leaves', async (t) => {
  const screen = await opened(t);
  screen.press('quit\r');
  await screen.left;
});

test('panes are added, shown again and again, and removed; what is none says so', async (t) => {
  const screen = await opened(t);
  await screen.enter("pane add 'dump region1 0..0x10' --every 50ms --name bank");
  await screen.until((text) => text.includes('F5 dump region1 0..0x10'));
  await screen.enter('pane add "poke region0 0 1"');
  await screen.until((text) => text.includes('is nothing to look at again and again'));
  await screen.enter('pane remove bank');
  await screen.until((text) => !text.includes('F5 dump region1'));
});

test('what panes read is in the log as a sum, and a pane that is hidden reads nothing', async (t) => {
  const screen = await opened(t);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal(reads(screen), 0);
  await screen.enter("pane add 'peek region0 0x0' --every 50ms");
  await screen.until((text) => text.includes('region0+0x0: 0x4d415253'));
  await leavePrompt(screen, `3z`);
  await screen.until((text) => text.includes('hidden:'));
  screen.dashboard.close();
  const notes = [...(screen.session.device?.journal.entries() ?? [])].filter(({ kind }) => kind === 'note');
  assert.match(JSON.stringify(notes), /panes: \d+ reads in \d+ rounds/);
});

test('a fault in a pane stands in that pane; the others go on', async (t) => {
  const screen = await opened(t, 'sim:edu');
  await screen.enter("pane add 'peek region0 0xfffff0 1' --every 100ms --name past");
  const text = await screen.until((shown) => shown.includes('past the end'));
  assert.match(text, /00000000: ed 00 00 01/);
});

test('a device that is lost is told, and the prompt goes on', async (t) => {
  const screen = await opened(t, 'sim:edu');
  screen.session.device?.lose({ kind: 'lost', operation: 'access', device: 'sim:edu', why: 'pulled out' });
  await screen.until((text) => text.includes('gone: pulled out') || text.includes('is gone: pulled out'));
  await screen.enter('help quit');
});

test('sizes from 20x5 to 300x100 and a hundred resizes one behind another are drawn without harm', async (t) => {
  const screen = await opened(t);
  for (let step = 0; step < 100; step += 1) screen.resize(20 + ((step * 37) % 281), 5 + ((step * 13) % 96));
  screen.resize(80, 24);
  const text = await screen.until((shown) => shown.split('\n').length === 25);
  assert.ok(text.split('\n').every((line) => line.length <= 80));
  screen.resize(20, 5);
  await screen.until((shown) => shown.split('\n').length === 6);
  screen.resize(300, 100);
  await screen.until((shown) => shown.split('\n').length === 101 && shown.includes('F4'));
});

test('registers show their values and fields, and a field is edited with the write shown before it is made', async (t) => {
  const screen = await opened(t);
  await screen.until((text) => text.includes('> ID'));
  await leavePrompt(screen, '1jjj');
  await screen.until((text) => text.includes('registers: region1.CTRL'));
  for (let step = 0; step < 4; step += 1) screen.press(`${ESCAPE}[C`);
  await screen.until((text) => /> \[\S+ +MODE/.test(text));
  screen.press('e');
  await screen.until((text) => text.includes('CTRL.MODE'));
  screen.press('\u0015nonsense\r');
  await screen.until((text) => text.includes('nonsense'));
  screen.press('\u00152\r');
  const question = await screen.until((text) => text.includes('write this?'));
  assert.match(question, /set region1\.CTRL MODE=2/);
  const writes = (): number =>
    [...(screen.session.device?.journal.entries() ?? [])].filter((e) => e.kind === 'write').length;
  assert.equal(writes(), 0, 'nothing is written before it is wanted');
  screen.press('y');
  await screen.until((text) => text.includes('> set region1.CTRL MODE=2'));
  await screen.until(() => writes() === 1);
});

test('/ in the registers finds one by its name, in a closed block too, and y copies the tree', async (t) => {
  const screen = await opened(t);
  await leavePrompt(screen, '1');
  await screen.until((text) => text.includes('Right open'));
  screen.press('/ctrl\r');
  await screen.until((text) => text.includes('registers: region1.CTRL'));
  screen.press('/max_lat\r');
  await screen.until((text) => text.includes('registers: config.MAX_LAT'));
  screen.press('/no such register\r');
  await screen.until((text) => text.includes('"no such register" is not there'));
  screen.press(ESCAPE);
  await screen.until((text) => !text.includes('is not there'));
  screen.takeWritten();
  screen.press('y');
  await screen.until((text) => text.includes('copied:'));
  // oxlint-disable-next-line no-control-regex
  const copied = /\u001b\]52;c;([A-Za-z0-9+/=]*)\u0007/.exec(screen.takeWritten())?.[1] ?? '';
  assert.match(Buffer.from(copied, 'base64').toString(), /^ {2}ID .*\n(.*\n)* {2}CTRL /);
});

test('a register without fields is edited as a whole, and one that cannot be written says so', async (t) => {
  const screen = await opened(t, 'sim:edu');
  await leavePrompt(screen, '1j');
  await screen.until((text) => text.includes('registers: region0.LIVE'));
  screen.press('e5\r');
  assert.match(await screen.until((text) => text.includes('write this?')), /poke region0\.LIVE 5/);
  screen.press('y');
  await screen.until((text) => text.includes('region0.LIVE (region0+0x4): <- 0x00000005'));
  await leavePrompt(screen, '/max_lat\r');
  await screen.until((text) => text.includes('registers: config.MAX_LAT'));
  screen.press('e');
  await screen.until((text) => text.includes('e: MAX_LAT is read-only'));
});

test('a read-only field says so before a value is typed, and what can be done', async (t) => {
  const screen = await opened(t, 'sim:edu');
  await leavePrompt(screen, '1e');
  await screen.until((text) => text.includes('e: MAJOR is read-only; set --force writes it all the same'));
});

test('a line that cannot be is refused in its question, with what to try', async (t) => {
  const screen = await opened(t, 'sim:edu');
  await leavePrompt(screen, '1j');
  await screen.until((text) => text.includes('registers: region0.LIVE'));
  screen.press('eabc\r');
  await screen.until((text) => text.includes('; try: '));
});

test('what a w1c register reads as is not proposed to be written to it', async (t) => {
  const screen = await opened(t);
  await leavePrompt(screen, '1/w1c\r');
  await screen.until((text) => text.includes('registers: region1.W1C'));
  screen.press('e');
  const text = await screen.until((shown) => shown.includes('W1C (32 bits, w1c)'));
  assert.match(text, /│ {62}│/);
});

test('what is typed replaces what a question proposes; a key that moves keeps it', async (t) => {
  const screen = await opened(t);
  await leavePrompt(screen, '2g');
  await screen.until((text) => text.includes('│region0 0x0 '));
  screen.press(`region0 0x100000\r`);
  await screen.until((text) => text.includes('past the end: region0 has 0x10000 bytes'));
  screen.press('\u0015region0 0x40\r');
  await screen.until((text) => text.includes('00000040: ') && !text.includes('go to:'));
  screen.press('g');
  await screen.until((text) => text.includes('go to:'));
  screen.press(`${ESCAPE}[F0\r`);
  await screen.until((text) => text.includes('00000400: '));
});

test('no register whose read has an effect is read, and each says why', async (t) => {
  const screen = await opened(t);
  await screen.until((text) => text.includes('not read: it has an effect'));
  const made = [...(screen.session.device?.journal.entries() ?? [])].filter(({ kind }) => kind === 'read');
  assert.deepEqual(made, []);
  await screen.enter("pane add 'peek RC' --every 50ms");
  await screen.until((text) => text.includes('reading it clears it'));
});

test('names from a device cannot write on the terminal', async (t) => {
  const screen = await opened(t);
  screen.session.output.notice('evil \u001b]0;title\u0007 \u001b[2J 漢字 😀 name');
  const text = await screen.until((shown) => shown.includes('evil'));
  assert.ok(text.includes('\\x1b]0;title'), text);
  assert.match(text.split('\n')[0] ?? '', /漢字 \ufffd {2}name/);
  assert.match(text, /00000000: 53 52/);
});

test('wide characters, emoji and what is put together of several leave every frame where it is', async (t) => {
  const screen = await opened(t);
  const strange = '漢字 😀 ✅ ⌚ 👨\u200d👩\u200d👧 🇩🇪 ☎️ \u{20000} \u{17000} é end';
  screen.session.output.notice(strange);
  screen.press(`echo "${strange}"\r`);
  screen.session.device?.journal.note('reset', strange);
  const text = await screen.until((shown) => (shown.match(/ end/g) ?? []).length >= 4);
  for (const row of text.split('\n').slice(1, -2)) assert.equal(textWidth(row), 132, row);
  assert.match(text, /漢字 \ufffd/);
  assert.ok(text.includes('\u{20000}'), text);
});

test('an interrupt is told once, in the status line and not at the prompt, and not over the answer to a key', async (t) => {
  const screen = await opened(t);
  await screen.enter('irq enable msix 4');
  screen.session.device?.irqs.msix.trigger(1);
  await screen.until((text) => text.split('\n')[0]?.includes('msix[1] (software)') === true);
  await leavePrompt(screen, '2');
  await screen.until((text) => text.includes('g go to'));
  screen.press('y');
  await screen.until((text) => text.includes('copied:'));
  screen.session.device?.irqs.msix.trigger(2);
  const text = await screen.until((shown) => /│ +\d+\.\d+ msix\[2\] \(software\)/.test(shown));
  assert.match(text, /^.*\| copied:/);
  assert.doesNotMatch(text, /│msix\[/);
});
