import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { HeadlessScreen } from './tui-fixture.js';

/** A screen that has room for two panes, and a folder of layouts of its own. */
async function opened(t: TestContext): Promise<{ screen: HeadlessScreen; layouts: string }> {
  const config = mkdtempSync(join(tmpdir(), 'vfiodbg-layouts-'));
  const before = process.env['XDG_CONFIG_HOME'];
  process.env['XDG_CONFIG_HOME'] = config;
  const screen = await HeadlessScreen.open('sim:sram', 80, 24);
  t.after(() => {
    screen.close();
    if (before === undefined) delete process.env['XDG_CONFIG_HOME'];
    else process.env['XDG_CONFIG_HOME'] = before;
    rmSync(config, { recursive: true });
  });
  await screen.until((text) => text.includes('00000000: '));
  return { screen, layouts: join(config, 'vfiodbg', 'layouts') };
}

test('a layout comes back with its panes, and those in sight that were', async (t) => {
  const { screen, layouts } = await opened(t);
  await screen.enter("pane add 'dump region0 0x8040 32B' --name window");
  await screen.until((text) => text.includes('00008040: '));
  await screen.enter('layout save bench');
  assert.match(readFileSync(join(layouts, 'bench.json'), 'utf8'), /"line": "dump region0 0x8040 32B"/);
  await screen.enter('pane remove window');
  await screen.enter('layout save bench');
  await screen.until((text) => text.includes('--replace replaces it'));
  assert.match(readFileSync(join(layouts, 'bench.json'), 'utf8'), /window/);
  await screen.enter('layout save bench --replace');
  assert.doesNotMatch(readFileSync(join(layouts, 'bench.json'), 'utf8'), /window/);
  await screen.enter("pane add 'dump region0 0x8040 32B' --name window");
  await screen.until((text) => text.includes('00008040: '));
  await screen.enter('layout save bench --replace');
  await screen.enter('pane remove window');
  await screen.enter('pane remove iommu');
  await screen.until((shown) => !shown.includes('00008040: '));
  await screen.enter('layout load bench');
  const text = await screen.until((shown) => shown.includes('00008040: '));
  assert.match(text, /^.*hidden: F2 memory/);
});

test('a layout that is not there, or is none, is told with what to do and changes nothing', async (t) => {
  const { screen, layouts } = await opened(t);
  await screen.enter('layout load bench');
  await screen.until((text) => text.includes('there is no layout "bench"') && text.includes('layout save NAME'));
  mkdirSync(layouts, { recursive: true });
  writeFileSync(join(layouts, 'bench.json'), '{"format":"vfiodbg-layout","version":1,"panes":[{"pane":"command"}]}');
  writeFileSync(
    join(layouts, 'writes.json'),
    JSON.stringify({
      format: 'vfiodbg-layout',
      version: 1,
      panes: [{ pane: 'command', name: 'w', line: 'poke region0 0 1', every: 500 }],
    }),
  );
  await screen.enter('layout load bench');
  await screen.until((text) => text.includes('panes.0'));
  await screen.enter('layout load other');
  await screen.until((text) => text.includes('there are bench, writes'));
  await screen.enter('layout load writes');
  await screen.until((text) => /error: .*poke/.test(text));
  assert.match(screen.text, /F1 registers/);
});
