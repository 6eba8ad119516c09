import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadlessScreen } from './tui-fixture.js';

/** A device each of whose answers takes so long, in milliseconds. */
const SLOW_MS = 30;

/** Makes the device of `screen` slow. @returns how many reads were made in each turn of the event loop. */
function slowed(screen: HeadlessScreen): number[] {
  const transport = screen.session.device?.transport;
  assert.ok(transport);
  const turns: number[] = [];
  let count = 0;
  const read = transport.read.bind(transport);
  transport.read = (...request: Parameters<typeof read>) => {
    if (count === 0) setImmediate(() => turns.push(count) && (count = 0));
    count += 1;
    for (const until = performance.now() + SLOW_MS; performance.now() < until;);
    read(...request);
  };
  return turns;
}

test('on a slow device keys have their turn between reads, and its panes say that they look less often', async (t) => {
  const screen = await HeadlessScreen.open('sim:edu', 132, 43);
  t.after(() => screen.close());
  await screen.until((text) => text.includes('00000000: ') && text.includes('0x010000ed'));
  const turns = slowed(screen);
  await screen.until((text) => /a look takes \d+ ms: fewer of them/.test(text));
  // What is read meanwhile: the tree of the registers and the window on the memory, a word at a time where a word takes long.
  turns.length = 0;
  screen.press('echo typed');
  await screen.until((text) => text.includes('> echo typed'));
  await screen.until((text) => /\d+ % of \d+ cells read|\(a look takes \d{3,} ms/.test(text) && turns.length > 20);
  // The bus mastering of the status line and a look may fall into one turn.
  assert.ok(Math.max(...turns) <= 3, `${Math.max(...turns)} reads without a turn of the event loop`);
});

test('who scrolls on a slow device does not wait for what is no longer to be seen', async (t) => {
  const screen = await HeadlessScreen.open('sim:edu', 132, 43);
  t.after(() => screen.close());
  await screen.until((text) => text.includes('00000000: '));
  const turns = slowed(screen);
  screen.press('\u001b');
  await screen.until((text) => text.includes('Tab next'));
  screen.press(`2${'\u001b[B'.repeat(50)}`);
  await screen.until((text) => text.includes('F2 region0 0x190'));
  turns.length = 0;
  await screen.until((text) => text.includes('│00000190: '));
  const reads = turns.reduce((sum, each) => sum + each, 0);
  // Two looks at the memory at the most, and what the registers take meanwhile: no look for each key.
  assert.ok(reads < 150, `${reads} reads`);
});
