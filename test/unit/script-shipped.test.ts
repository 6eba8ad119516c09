import assert from 'node:assert/strict';
import { readdirSync, readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { runScript } from '../../src/repl/script.js';
import { Session } from '../../src/repl/session.js';
import { KeptOutput } from './session-fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-shipped-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs a script on a simulated device. @returns what it shows. */
async function run(path: string, device: string, parameters: readonly string[]): Promise<string> {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  try {
    await session.open(device);
    await runScript(session, path, { parameters });
    return output.take();
  } finally {
    session.closeAll();
  }
}

for (const name of readdirSync('scripts').filter((each) => /\.(?:vfio|mjs)$/.test(each))) {
  const path = join('scripts', name);
  const device = /sim:\w+/.exec(readFileSync(path, 'utf8'))?.[0] ?? 'sim:edu';
  test(`${path} does on ${device} what it says`, async (t) => {
    t.mock.method(console, 'log', () => undefined);
    assert.doesNotMatch(await run(path, device, []), /undefined|NaN|\[object/);
  });
}

test('the soak test runs as many rounds as it is told', async () => {
  const rounds = (shown: string): number => shown.match(/^region0\.IRQ_RAISE \(region0\+0x60\): <- /gm)?.length ?? 0;
  assert.equal(rounds(await run('scripts/edu-soak.vfio', 'sim:edu', [])), 4);
  assert.equal(rounds(await run('scripts/edu-soak.vfio', 'sim:edu', ['2'])), 2);
});

test("README's script runs", async () => {
  const [, script = ''] = /```\n(# rounds\.vfio[^`]*)```/.exec(readFileSync('README.md', 'utf8')) ?? [];
  const path = join(folder, 'rounds.vfio');
  writeFileSync(path, script);
  const shown = await run(path, 'sim:edu', ['5']);
  assert.match(shown, /^0x5 gives 0x78$/m);
  assert.doesNotMatch(shown, /^0x3 gives/m, 'a round that is left out');
});

test("README's module runs", async () => {
  const [, code = ''] = /```js\n(export async function run[^`]*)```/.exec(readFileSync('README.md', 'utf8')) ?? [];
  const path = join(folder, 'readme.mjs');
  writeFileSync(path, code);
  assert.match(await run(path, 'sim:edu', []), /^done after \d+ entries/m);
});
