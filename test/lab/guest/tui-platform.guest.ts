import assert from 'node:assert/strict';
import { it } from 'node:test';
import { framed, opened } from '../host/full-screen.js';
import { pl031Session } from '../host/pl031-session.js';
import { Window } from '../host/tmux.js';
import { bindToVfio } from './bind.js';

const RTC = '9010000.pl031';

for (const via of ['group', 'cdev']) {
  it(`a session on the full screen by ${via}, from open to quit, and the terminal is as it was`, async (t) => {
    bindToVfio('amba', RTC);
    const window = await Window.open(t);
    const assertRestored = await opened(window, `vfiodbg --tui --via ${via} ${RTC}`);
    const text = await window.until((shown) => framed(shown, 80, 24), 'its frames');
    assert.match(text, new RegExp(`^${RTC} \\| ${via}, group \\d+ `));
    for (const { run } of pl031Session) await run(window);
    await assertRestored();
  });
}
