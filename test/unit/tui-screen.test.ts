import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { assertGolden } from './golden.js';
import { HeadlessScreen } from './tui-fixture.js';

async function opened(t: TestContext, device: string, columns: number, rows: number): Promise<HeadlessScreen> {
  const screen = await HeadlessScreen.open(device, columns, rows);
  t.after(() => screen.close());
  await screen.until((text) => text.includes('00000000: '));
  return screen;
}

/** Each pane that is in sight has taken a look, which a busy machine has not made slow. */
function settled(text: string): boolean {
  if (/a look takes|cells read/.test(text)) return false;
  // A register without anything behind its offset has not been read.
  if (/│[> ] \w+ +0x[0-9a-f]+ {3,}│/.test(text)) return false;
  return text.includes('00000000: ') && (!text.includes(' maps; iommu') || text.includes('no DMA fault is told'));
}

/** The clock of pl031 goes on: what shows it is left out. */
function withoutTime(text: string): string {
  return text
    .replace(/(RTCDR +0x0 +)0x[0-9a-f]{8}( \*)?/, (all, before: string) => before.padEnd(all.length, '-'))
    .replace(/^(│00000000: )(?:[0-9a-f]{2} ){4}(.* \|)....(?=\.)/gm, '$1-- -- -- -- $2----')
    .replace(/(region0\S*: )0x[0-9a-f]{8}/, '$1----------');
}

for (const device of ['sim:edu', 'sim:sram', 'sim:pl031']) {
  for (const [columns, rows] of [
    [80, 24],
    [132, 43],
  ] as const) {
    test(`${device} at ${columns}x${rows} looks as it is written down`, async (t) => {
      const screen = await opened(t, device, columns, rows);
      await screen.enter('peek region0 0x0');
      const text = await screen.until(settled);
      assertGolden(`tui-${device.slice(4)}-${columns}x${rows}.txt`, withoutTime(text.replace(/ +$/gm, '')));
    });
  }
}

test('what is typed stands at the prompt, and its answer below it', async (t) => {
  const screen = await opened(t, 'sim:edu', 80, 24);
  await screen.enter('peek region0 0x0');
  assert.match(screen.text, /region0\S*: 0x010000ed/);
});
