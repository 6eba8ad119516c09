import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { render } from '../../src/views/render.js';
import { HeadlessScreen } from './tui-fixture.js';

/** Registers of sram that tell what arrived at it, and what reading would change. */
const RC = 0x20;
const FIFO = 0x50;
const FIFO_LEVEL = 0x54;

/** Opens sram with the keys in its memory pane. */
async function opened(t: TestContext): Promise<HeadlessScreen> {
  const screen = await HeadlessScreen.open('sim:sram', 132, 43);
  t.after(() => screen.close());
  await screen.until((text) => text.includes('00000000: '));
  screen.press('\u001b');
  await screen.until((text) => text.includes('Tab next'));
  screen.press('2');
  await screen.until((text) => text.includes('g go to'));
  return screen;
}

async function goTo(screen: HeadlessScreen, place: string): Promise<void> {
  screen.press('g');
  await screen.until((text) => text.includes('go to:'));
  screen.press(`${place}\r`);
  await screen.until((text) => !text.includes('go to:'));
}

async function seek(screen: HeadlessScreen, what: string): Promise<void> {
  screen.press('/');
  await screen.until((text) => text.includes('search in region'));
  screen.press(`${what}\r`);
}

test('/ in memory searches the whole space: text, bytes and words, far out of sight', async (t) => {
  const screen = await opened(t);
  const memory = screen.session.device?.region('region0');
  memory?.write32(0x9000, 0x6c65_656e); // 'neel' in the order of its bytes
  memory?.write32(0xfff8, 0x1234_5678);
  await seek(screen, 'neel');
  await screen.until((text) => text.includes('"neel" at region0+0x9000') && text.includes('│00009000: 6e 65 65 6c'));
  await seek(screen, '0x12345678');
  await screen.until((text) => text.includes('0x12345678 in 32 bits at region0+0xfff8'));
  await seek(screen, '6e 65 65');
  await screen.until((text) => text.includes('bytes 6e 65 65 at region0+0x9000, from the beginning again'));
  await seek(screen, '0x5600:0xff00');
  await screen.until((text) => text.includes('0x5600:0xff00 in 32 bits at region0+0xfff8'));
  await seek(screen, '"12345"');
  await screen.until((text) => text.includes('"12345" is not in region0'));
  await seek(screen, '0x10:0xf');
  await screen.until((text) => text.includes('has bits outside the mask'));
});

test('n goes on from what was found, or from what is in sight, and around the end', async (t) => {
  const screen = await opened(t);
  const memory = screen.session.device?.region('region0');
  for (const offset of [0x8000, 0x8008, 0xc002]) memory?.write16(offset, 0x5a5a);
  await seek(screen, 'ZZ');
  await screen.until((text) => text.includes('"ZZ" at region0+0x8000'));
  screen.press('n');
  await screen.until((text) => text.includes('"ZZ" at region0+0x8008'));
  screen.press('n');
  await screen.until((text) => text.includes('"ZZ" at region0+0xc002'));
  screen.press('n');
  await screen.until((text) => text.includes('"ZZ" at region0+0x8000, from the beginning again'));
  await goTo(screen, 'region0 0x9000');
  screen.press('n');
  await screen.until((text) => text.includes('"ZZ" at region0+0xc002'));
});

test('a search takes nothing out of what reading changes, and says what it left out and what it could not read', async (t) => {
  const screen = await opened(t);
  const bank = screen.session.device?.region('region1');
  bank?.write32(FIFO, 0x11);
  bank?.write32(FIFO, 0x22);
  await goTo(screen, 'region1 0x0');
  await seek(screen, 'no such text');
  const text = await screen.until((shown) => shown.includes('"no such text" is not in region1'));
  assert.match(text, /is not in region1; \d+ cells could not be read, \d+ cells? left out/);
  assert.equal(bank?.read32(FIFO_LEVEL), 2, 'nothing was taken out of the FIFO');
  assert.equal(bank?.read32(RC), 0x00c0_ffee, 'nothing was cleared');
});

test('a long search says how far it is, leaves the keys alone, and is stopped by Esc', async (t) => {
  const screen = await opened(t);
  const transport = screen.session.device?.transport;
  assert.ok(transport);
  await goTo(screen, 'region1 0x0');
  const read = transport.read.bind(transport);
  transport.read = (...request: Parameters<typeof read>) => {
    for (const until = performance.now() + 4; performance.now() < until;);
    read(...request);
  };
  await seek(screen, 'no such text');
  await screen.until((text) => /search for "no such text": \d+ % of region1; Esc in the memory pane stops/.test(text));
  screen.press('?');
  await screen.until((text) => text.includes('everywhere'));
  screen.press('\u001b');
  await screen.until((text) => !text.includes('everywhere'));
  screen.press('\u001b');
  const text = await screen.until((shown) => shown.includes('the search for "no such text" was stopped'));
  assert.doesNotMatch(text, /% of region1/);
  screen.press('\u001b');
  await screen.until((shown) => shown.includes('Esc: no search runs; q leaves'));
});

test('a key that does nothing here says where it does, or that it does nothing', async (t) => {
  const screen = await opened(t);
  screen.press('e');
  await screen.until((text) => text.includes('e works in the registers pane: edit the field'));
  screen.press('Q');
  await screen.until((text) => text.includes('that key does nothing; ? shows those that do'));
  screen.press('\u0003');
  await screen.until((text) => text.includes('nothing runs that Ctrl-C could stop'));
});

test('what was found is marked, in bytes and in words, and nothing beside it', () => {
  const bytes = Buffer.from('abcdefghijklmnop');
  const view = {
    kind: 'cells',
    space: 'ram',
    offset: 0x100,
    width: 32,
    stride: 4,
    count: 4,
    bytes,
    faults: [],
  } as const;
  const marked = (style: 'bytes' | 'words'): string[] =>
    [...render({ ...view, style, found: { offset: 0x103, bytes: 2 } }, 80)]
      .flat()
      .filter(({ role }) => role === 'changed')
      .map(({ text }) => text);
  assert.deepEqual(marked('bytes'), ['64 65']);
  assert.deepEqual(marked('words'), ['64636261 68676665']);
});
