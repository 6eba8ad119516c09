import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Terminal } from './terminal.js';

/** The last thing that the full screen sends: it gives the window's title back. */
const GONE = '\u001b[23;2t';

/** A step that does not end by itself. */
const WAITS = 'irq enable intx; irq wait intx --timeout 10m';

/** What was printed when the full screen was gone. */
function behind(terminal: Terminal): string {
  return terminal.raw.slice(terminal.raw.lastIndexOf(GONE) + GONE.length);
}

test('-c and --tui: the lines run in the pane of the prompt, which comes behind them', async () => {
  const terminal = new Terminal(['--tui', '-c', 'echo answer-of-a-step', '-c', 'echo another', 'sim:edu']);
  await terminal.until('F5 prompt');
  await terminal.until('answer-of-a-step');
  await terminal.until('another');
  await terminal.until('region0>');
  terminal.type('quit\r');
  assert.equal(await terminal.exit, 0);
  assert.doesNotMatch(behind(terminal), /answer-of-a-step/);
});

test('a step that fails ends the full screen with its exit code; what came before it is told behind it', async () => {
  const terminal = new Terminal(['--tui', '-c', 'echo before-it', '-c', 'expect region0 0 == 1', 'sim:edu']);
  assert.equal(await terminal.exit, 3);
  assert.match(behind(terminal), /^before-it\r\nerror: .*region0/m);
});

test('with -k a step that fails is told in the pane, and the others follow it', async () => {
  const steps = ['-c', 'peek region0 0xfffffff0', '-c', 'echo behind-it'];
  const terminal = new Terminal(['--tui', '-k', ...steps, 'sim:edu']);
  await terminal.until('pasttheend:');
  await terminal.until('behind-it');
  await terminal.until('region0>');
  terminal.type('quit\r');
  assert.equal(await terminal.exit, 0);
});

test('Ctrl-C ends the step that runs, and the full screen with it', async () => {
  const terminal = new Terminal(['--tui', '-c', WAITS, 'sim:edu']);
  await terminal.until('vectorsenabled');
  // Again, where it came before the wait began.
  const again = setInterval(() => terminal.type('\u0003'), 200);
  const code = await terminal.exit;
  clearInterval(again);
  assert.equal(code, 130);
});

test('who leaves while a step runs is asked, and ends it', async () => {
  const terminal = new Terminal(['--tui', '-c', WAITS, 'sim:edu']);
  await terminal.until('vectorsenabled');
  terminal.type('\u001b');
  await terminal.until('Tab');
  terminal.type('q');
  await terminal.until('isstillrunning');
  terminal.type('y');
  assert.equal(await terminal.exit, 130);
});
