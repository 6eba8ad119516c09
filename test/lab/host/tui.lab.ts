import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eduSession } from './edu-session.js';
import { framed, opened } from './full-screen.js';
import { pl031Session } from './pl031-session.js';
import { Window } from './tmux.js';

for (const [device, session] of [
  ['sim:edu', eduSession],
  ['sim:pl031', pl031Session],
] as const) {
  test(`a session on ${device} from open to quit, and the terminal is as it was`, async (t) => {
    const window = await Window.open(t);
    const assertRestored = await opened(window, `vfiodbg --tui ${device}`);
    await window.until((text) => framed(text, 80, 24), 'its frames');
    const during = await window.state();
    assert.equal(during['alternate_on'], '1');
    assert.equal(during['mouse_sgr_flag'], '1');
    for (const { name, run } of session) await t.test(name, () => run(window));
    await assertRestored();
  });
}
