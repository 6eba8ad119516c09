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
