import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { HeadlessScreen } from './tui-fixture.js';

async function opened(t: TestContext, device: string | undefined): Promise<HeadlessScreen> {
  const screen = await HeadlessScreen.open(device, 160, 43);
  t.after(() => screen.close());
  await screen.until((text) => text.includes(device === undefined ? 'vfiodbg>' : '00000000: '));
  return screen;
}

function statusOf(text: string): string {
  return text.split('\n')[0] ?? '';
}

test('the status line has the device, the way in, bus mastering, and what is switched off', async (t) => {
  const screen = await opened(t, 'sim:sram');
  assert.equal(statusOf(screen.text), 'sim:sram | vfio-user | bus mastering off');
  await screen.enter('dma enable');
  await screen.until((text) => statusOf(text).includes('| bus mastering on'));
  await screen.enter('option readonly on');
  await screen.until((text) => statusOf(text).includes('| read-only'));
});

test('without a device it says how one is opened', async (t) => {
  const screen = await opened(t, undefined);
  assert.match(statusOf(screen.text), /^no device: open DEVICE/);
});

test('a vector that the storm guard masks stands there until it is unmasked', async (t) => {
  const screen = await opened(t, 'sim:sram');
  await screen.enter('irq storm 1; irq enable msix 4');
  assert.doesNotMatch(statusOf(screen.text), /storm:/);
  await screen.enter('irq trigger msix 2; irq trigger msix 2');
  await screen.until((text) => statusOf(text).includes('| storm: msix 2 masked; irq unmask re-arms'));
  await screen.enter('irq unmask msix 2');
  await screen.until((text) => !statusOf(text).includes('storm: msix 2 masked'));
});

test('DMA faults are counted there, those too that came before the screen opened', async (t) => {
  const screen = await opened(t, 'sim:sram');
  const journal = screen.session.device?.journal;
  journal?.note('dma-fault', 'write of 0xdead0000: no mapping');
  await screen.until((text) => statusOf(text).includes('| 1 DMA fault: iommu faults'));
  await screen.session.open('sim:edu');
  await screen.until((text) => statusOf(text).startsWith('sim:edu') && !statusOf(text).includes('DMA fault'));
  screen.session.device?.journal.note('dma-fault', 'one');
  screen.session.device?.journal.note('dma-fault', 'another');
  await screen.until((text) => statusOf(text).includes('| 2 DMA faults: iommu faults'));
  await screen.session.open('sim:sram');
  await screen.until((text) => statusOf(text).startsWith('sim:sram') && statusOf(text).includes('| 1 DMA fault:'));
});

test('at 80 columns an answer has room in it, and the bottom line always has the key that shows the others', async (t) => {
  const screen = await HeadlessScreen.open('sim:sram', 80, 24);
  t.after(() => screen.close());
  await screen.until((text) => text.includes('00000000: '));
  screen.press('\u001b');
  await screen.until((text) => text.includes('Tab next'));
  assert.match(screen.text, /^sim:sram \| vfio-user \| bus mastering off \|/);
  for (const pane of ['1', '2', '3', '4']) {
    screen.press(pane);
    await screen.until((text) => text.trimEnd().endsWith('? keys'));
  }
  screen.press('e');
  const text = await screen.until((shown) => shown.includes('e works in'));
  assert.match(text, /^sim:sram \| e works in the registers pane: edit the field, or a register without…\n/);
});

test('on a narrow screen a register has its value in sight, and names give way to it', async (t) => {
  const screen = await HeadlessScreen.open('sim:edu', 40, 12);
  t.after(() => screen.close());
  await screen.until((text) => text.includes('region0>'));
  screen.press('\u001b');
  await screen.until((text) => text.includes('Tab next'));
  screen.press('1');
  await screen.until((text) => /│> ID +0x0 {2}0x010000ed +│/.test(text));
});
