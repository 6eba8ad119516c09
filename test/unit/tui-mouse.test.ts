import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { HeadlessScreen } from './tui-fixture.js';

const ESCAPE = '\u001b';

async function opened(t: TestContext, mouse: boolean): Promise<HeadlessScreen> {
  const screen = await HeadlessScreen.open('sim:sram', 132, 43, { mouse });
  t.after(() => screen.close());
  await screen.until((text) => text.includes('│00000000: '));
  return screen;
}

/** Presses `button` at the first place of `found` on the screen, as mode 1006 tells it; returns what was sent. */
function pressAt(screen: HeadlessScreen, button: number, found: string): string {
  const rows = screen.text.split('\n');
  const row = rows.findIndex((text) => text.includes(found));
  assert.ok(row >= 0, found);
  const event = `${ESCAPE}[<${button};${(rows[row]?.indexOf(found) ?? 0) + 1};${row + 1}M`;
  screen.press(event);
  return event;
}

test('a click gives a pane the keys, and the wheel scrolls what it is over', async (t) => {
  const screen = await opened(t, true);
  // oxlint-disable-next-line no-control-regex
  assert.match(screen.takeWritten(), /\u001b\[\?1000h\u001b\[\?1006h/);
  pressAt(screen, 0, '00000010: ');
  await screen.until((text) => text.includes('g go to'));
  const down = pressAt(screen, 65, '00000010: ');
  await screen.until((text) => text.includes('F2 region0 0x18'));
  pressAt(screen, 64, '00000020: ');
  await screen.until((text) => text.includes('F2 region0 0x0'));
  screen.press('?');
  await screen.until((text) => text.includes('everywhere'));
  screen.press(down);
  screen.press(ESCAPE);
  await screen.until((text) => !text.includes('everywhere'));
  assert.match(screen.text, /F2 region0 0x0/, 'what lies over the panes keeps them as they are');
  screen.dashboard.close();
  // oxlint-disable-next-line no-control-regex
  assert.match(screen.takeWritten(), /\u001b\[\?1000l\u001b\[\?1006l/);
});

test('a terminal without a mouse is not asked for one, and its keys do all that a mouse does', async (t) => {
  const screen = await opened(t, false);
  screen.press(`${ESCAPE}OQ`);
  await screen.until((text) => text.includes('g go to'));
  screen.press(`${ESCAPE}[B`);
  await screen.until((text) => text.includes('F2 region0 0x8'));
  screen.dashboard.close();
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(screen.takeWritten(), /\u001b\[\?100\d/);
});
