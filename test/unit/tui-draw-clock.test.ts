import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { DrawClock } from '../../src/repl/tui/draw-clock.js';

/** A clock, and in their order what it drew and whom it let go on. */
function clocked(t: TestContext): { clock: DrawClock; seen: string[] } {
  const seen: string[] = [];
  const clock = new DrawClock(() => seen.push('picture'));
  t.after(() => clock.close());
  return { clock, seen };
}

async function until(found: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !found(); await setImmediate()) assert.ok(Date.now() < deadline);
}

test('from a key to the picture that answers it no pane goes on', async (t) => {
  const { clock, seen } = clocked(t);
  clock.keyCame();
  const look = clock.turn().then(() => seen.push('look'));
  clock.redraw();
  await look;
  assert.deepEqual(seen, ['picture', 'look']);
});

test('a key that is not answered holds the panes up for a moment only, also while keys keep coming', async (t) => {
  const { clock, seen } = clocked(t);
  clock.keyCame();
  void clock.turn().then(() => seen.push('look'));
  await until(() => {
    clock.keyCame();
    return seen.length > 0;
  });
  assert.deepEqual(seen, ['look']);
});

test('many reasons to draw that come together are one picture', async (t) => {
  const { clock, seen } = clocked(t);
  for (let reason = 0; reason < 100; reason += 1) clock.redraw(reason % 3);
  await until(() => seen.length > 0);
  await setImmediate();
  assert.deepEqual(seen, ['picture']);
});
