import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as api from '../../src/vfio/index.js';
import { bundle } from '../../tools/bundle.js';
import { TerminalCapture } from '../../tools/terminal-capture.js';

const folder = fileURLToPath(new URL('../../bundle', import.meta.url));
const main = join(folder, 'main.js');

before(bundle);

function vfiodbg(...args: readonly string[]): string {
  return execFileSync(process.execPath, [main, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

test('the bundled tool answers, with the threads of the simulator and of the interrupts', () => {
  const lines = ['irq enable msix 1', 'irq trigger msix 0', 'irq wait msix --timeout 5s', 'peek region0 0x0'];
  const said = vfiodbg(...lines.flatMap((line) => ['-c', line]), 'sim:sram');
  assert.match(said, /msix\[0\].*software/);
  assert.match(said, /region0\+0x0: 0x4d415253\n$/);
});

test('the bundled tool finds what lies beside it: its version, its scripts, packages loaded on demand', () => {
  assert.match(vfiodbg('--version'), /^vfiodbg \d+\.\d+\.\d+/);
  assert.match(vfiodbg('-c', 'dump.b region0 0 16', 'sim:sram'), /SRAMFW/);
  assert.match(vfiodbg('-c', 'disasm region0 0x100 4', 'sim:sram'), /00000100/);
});

test('what starts first waits for nothing else', () => {
  for (const file of ['main.js', 'start.js']) {
    const imports = [...readFileSync(join(folder, file), 'utf8').matchAll(/^import .* from "(\.[^"]*)"/gm)];
    assert.deepEqual(
      imports.map(([, name]) => name).filter((name) => name !== './start.js'),
      [],
      file,
    );
  }
});

/** Runs what `npm start` does on a terminal, up to where `found` is true of what stands there. */
async function started(t: TestContext, env: Record<string, string>, found: (text: string) => boolean): Promise<void> {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } };
  const home = mkdtempSync(join(tmpdir(), 'vfiodbg-start-'));
  const capture = new TerminalCapture(['/bin/sh', '-c', scripts.start], {
    columns: 80,
    rows: 24,
    env: { ...process.env, HOME: home, ...env },
  });
  t.after(async () => {
    await capture.close();
    rmSync(home, { recursive: true });
  });
  await capture.until(found);
}

test('npm start opens the full screen on the simulated edu', async (t) => {
  await started(
    t,
    { TERM: 'xterm-256color' },
    (text) => text.includes('┌─ F1 registers') && text.includes('sim:edu region0>'),
  );
});

test('npm start opens the prompt where a terminal has no cursor to move, and says why', async (t) => {
  await started(
    t,
    { TERM: 'dumb' },
    (text) => /no full screen: .*TERM=dumb/.test(text) && text.includes('sim:edu region0>') && !text.includes('┌'),
  );
});

test('npm start takes commands from a pipe', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { start: string } };
  const said = execFileSync('/bin/sh', ['-c', scripts.start], { input: 'peek region0 0x0\n', encoding: 'utf8' });
  assert.equal(said, 'region0.ID (region0+0x0): 0x010000ed\n');
});

test('each thread is one file, and the API is that of the sources', async () => {
  for (const file of ['worker.js', 'pump-worker.js']) {
    assert.doesNotMatch(readFileSync(join(folder, file), 'utf8'), /(?:from|import\() ?"\./, file);
  }
  const bundled: object = await import(pathToFileURL(join(folder, 'index.js')).href);
  assert.deepEqual(Object.keys(bundled).sort(), Object.keys(api).sort());
  assert.ok(readdirSync(folder).includes('session.js'));
});
