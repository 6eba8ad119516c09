import assert from 'node:assert/strict';
import { it } from 'node:test';
import { eduSession } from '../host/edu-session.js';
import { framed, opened } from '../host/full-screen.js';
import { Window } from '../host/tmux.js';
import { bindToVfio, findPci } from './bind.js';

const [edu = ''] = findPci(0x1234, 0x11e8);

for (const via of ['group', 'cdev']) {
  it(`a session on the full screen by ${via}, from open to quit, and the terminal is as it was`, async (t) => {
    bindToVfio('pci', edu);
    const window = await Window.open(t);
    const assertRestored = await opened(window, `vfiodbg --tui --via ${via} ${edu}`);
    const text = await window.until((shown) => framed(shown, 80, 24), 'its frames');
    assert.match(text, new RegExp(`^${edu} \\| ${via}, group \\d+ `));
    for (const { run } of eduSession) await run(window);
    await assertRestored();
  });
}
