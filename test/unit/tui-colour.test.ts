import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CapturedCell, TerminalCapture } from '../../tools/terminal-capture.js';

const main = fileURLToPath(new URL('../../src/repl/main.js', import.meta.url));

/** The screen on the simulated edu, on a terminal of that environment. */
async function pictureIn(
  t: TestContext,
  env: Record<string, string | undefined>,
): Promise<{ text: string; cells: readonly CapturedCell[] }> {
  const home = mkdtempSync(join(tmpdir(), 'vfiodbg-colour-'));
  const base = { ...process.env, HOME: home, XDG_CONFIG_HOME: undefined, NO_COLOR: undefined };
  const capture = new TerminalCapture([process.execPath, main, '--tui', 'sim:edu'], {
    columns: 80,
    rows: 24,
    env: { ...base, ...env },
  });
  t.after(async () => {
    await capture.close();
    rmSync(home, { recursive: true });
  });
  const text = await capture.until(
    (shown) => shown.includes('0x010000ed') && shown.includes('sim:edu region0>'),
    30_000,
  );
  return { text: text.replace(/ \(a look takes[^)]*\)/g, ''), cells: capture.screen.rows.flat() };
}

test('every terminal is drawn with a few of its own sixteen colours, on its own background', async (t) => {
  for (const TERM of ['xterm-256color', 'linux', 'screen', 'unheard-of']) {
    const { cells } = await pictureIn(t, { TERM });
    const inks = new Set(cells.map(({ foreground }) => foreground).filter((each) => each !== undefined));
    assert.ok(inks.size > 0, `${TERM} has colours`);
    // Of these only what can be read on a dark and on a light background.
    for (const ink of inks) assert.ok([1, 2, 5, 6].includes(ink), `${TERM}: colour ${ink}`);
    assert.ok(
      cells.every(({ background }) => background === undefined),
      `${TERM}: the background is the user's`,
    );
  }
});

test('with NO_COLOR there is none, and what is chosen and focused is still to be seen', async (t) => {
  const { text, cells } = await pictureIn(t, { TERM: 'xterm-256color', NO_COLOR: '1' });
  assert.ok(cells.every(({ foreground, background }) => foreground === undefined && background === undefined));
  assert.ok(cells.some(({ inverse }) => inverse));
  assert.match(text, /│> ID /);
});
