import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { HeadlessScreen } from './tui-fixture.js';

/** Registers of sram that tell what arrived at it, and what reading would change. */
const READS = 0x68;
const RC = 0x20;
const FIFO = 0x50;
const FIFO_LEVEL = 0x54;

async function opened(t: TestContext, device?: string): Promise<HeadlessScreen> {
  const screen = await HeadlessScreen.open(device, 132, 43);
  t.after(() => screen.close());
  return screen;
}

function read(screen: HeadlessScreen, offset: number): number {
  const { device } = screen.session;
  assert.ok(device);
  return device.region('region1').read32(offset);
}

test('the device itself says that panes have read nothing whose read has an effect', async (t) => {
  const screen = await opened(t, 'sim:sram');
  const bank = screen.session.device?.region('region1');
  bank?.write32(FIFO, 0x11);
  bank?.write32(FIFO, 0x22);
  for (const place of ['RC', 'FIFO', 'region1+0x20', 'region1 0x50 4'])
    await screen.enter(`pane add 'peek ${place}' --every 50ms`);
  await screen.enter("pane add 'dump region1 0..0x80' --every 50ms --name bank");
  await screen.until((text) => text.includes('reading it'));
  await sleep(500);
  assert.equal(read(screen, FIFO_LEVEL), 2, 'nothing was taken out of the FIFO');
  assert.equal(read(screen, RC), 0x00c0_ffee, 'nothing was cleared');
});

test('a pane that is hidden makes no access: the device counts none', async (t) => {
  const screen = await opened(t, 'sim:sram');
  await screen.until((text) => text.includes('> ID') && text.includes('0x4d415253'));
  const before = read(screen, READS);
  while (read(screen, READS) <= before) await sleep(20);
  screen.press('\u001b');
  await screen.until((text) => text.includes('Tab next'));
  screen.press('4z');
  await screen.until((text) => text.includes('hidden: F1 registers'));
  await sleep(100);
  const hidden = read(screen, READS);
  await sleep(1200);
  assert.equal(read(screen, READS), hidden);
});

test('what a profile cautions about is not read, and the pane says why', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-caution-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const profile = join(folder, 'careful.json');
  const cautions = [{ space: 'region1', reason: 'reading it hangs the bus' }];
  writeFileSync(profile, JSON.stringify({ match: [{ pci: '1234:11e9' }], cautions }));
  const screen = await opened(t);
  await screen.session.open('sim:sram', { profile });
  const before = read(screen, READS);
  await screen.enter("pane add 'peek region1 0' --every 50ms");
  await screen.until((text) => text.includes('reading it hangs the bus'));
  await sleep(300);
  assert.equal(read(screen, READS), before);
});

test('a hole is told in the pane that looks into it; the others and the prompt go on', async (t) => {
  const screen = await opened(t, 'sim:sram');
  await screen.enter("pane add 'peek region1 0x200' --every 50ms --name hole");
  await screen.until((shown) => /│error: read region1\+0x200/.test(shown) && shown.includes('00000000: 53 52 41 4d'));
  await screen.enter('peek region0 0x0');
  await screen.until((shown) => shown.includes('0x4d415253'));
});
