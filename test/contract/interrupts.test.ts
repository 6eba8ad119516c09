import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/errors.js';
import { openDevice } from '../../src/vfio/open.js';

const RAISE = 0x60;
const ACKNOWLEDGE = 0x64;
const BUS_MASTER = 4;
const SRAM_DOORBELL = 0x100;

async function open(t: TestContext, name: string): Promise<Device> {
  const device = await openDevice(name);
  t.after(() => device.close());
  const { config } = device;
  if (config) config.write16(4, config.read16(4) | BUS_MASTER);
  return device;
}

function refusal(kind: VfioError['kind'], body: () => unknown): VfioError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof VfioError && error.kind === kind, String(error));
    return error;
  }
  assert.fail('nothing was refused');
}

const soon = { timeoutMs: 20_000 };
/** Long enough for a signal that is on its way, for showing that none is. */
const quietMs = 100;

async function silent(device: Device, name: string): Promise<void> {
  const waited = device.irqs.find(name).wait({ timeoutMs: quietMs, fresh: true });
  await assert.rejects(waited, (error: unknown) => error instanceof VfioError && error.kind === 'timeout');
}

test('edu by INTx: fires once, stays masked while asserted, fires again after unmask, silent after acknowledge', async (t) => {
  const device = await open(t, 'sim:edu');
  const regs = device.region('region0');
  const { intx } = device.irqs;
  intx.enable();
  assert.equal(intx.state(), 'armed');
  regs.write32(RAISE, 1);
  await intx.wait(soon);
  assert.equal(intx.state(), 'pending');
  await silent(device, 'intx');
  intx.unmask();
  await intx.wait(soon);
  assert.equal(intx.state(), 'pending');
  regs.write32(ACKNOWLEDGE, 1);
  intx.unmask();
  await silent(device, 'intx');
  assert.equal(intx.state(), 'armed');
  assert.equal(intx.vectors[0]?.count, 2n);
});

test('edu by MSI: each raise is one signal, and its event has its time and place in the journal', async (t) => {
  const device = await open(t, 'sim:edu');
  const regs = device.region('region0');
  using msi = device.irqs.msi;
  msi.enable();
  regs.write32(RAISE, 1);
  const event = await msi.wait(soon);
  assert.deepEqual([event.irq, event.vector, event.count, event.software], [msi, 0, 1n, 0n]);
  regs.write32(ACKNOWLEDGE, 1);
  const kinds = [...device.journal.entries()].toSorted((a, b) => a.time - b.time).map((entry) => entry.kind);
  assert.deepEqual(kinds.slice(-4), ['irq-control', 'write', 'irq', 'write']);
});

test('a software trigger is marked as such, in the event, the journal and the statistics', async (t) => {
  const device = await open(t, 'sim:sram');
  const { msix } = device.irqs;
  msix.enable(4);
  msix.trigger(3);
  const event = await msix.wait({ ...soon, vector: 3 });
  assert.equal(event.software, 1n);
  const statistics = msix.vectors[3]?.statistics(event.timeNs);
  assert.deepEqual([statistics?.count, statistics?.software, statistics?.latency.count], [1n, 1n, 1]);
  assert.ok([...device.journal.entries()].some((entry) => 'text' in entry && entry.text === 'msix[3] (software)'));
});

test('what cannot be is refused with what to do first', async (t) => {
  const device = await open(t, 'sim:sram');
  const { msi, msix } = device.irqs;
  refusal('unsupported', () => msix.trigger());
  refusal('unsupported', () => msix.enable(33));
  refusal('unsupported', () => msix.enable(0));
  msix.enable(2);
  assert.equal(refusal('busy', () => msi.enable()).details.hint, 'irq disable msix');
  assert.match(refusal('unsupported', () => msix.enable(8)).details.hint ?? '', /irq disable msix; irq enable msix 8/);
  refusal('absent', () => msix.trigger(2));
  refusal('unsupported', () => msix.mask());
  refusal('unsupported', () => (msix.rearm = 'auto'));
  assert.match(refusal('absent', () => device.irqs.find('irq7')).details.hint ?? '', /msi, msix/);
  device.readOnly = true;
  refusal('readonly', () => msix.trigger());
  device.readOnly = false;
  msix.disable();
  msi.enable();
  assert.equal(msi.vectors.length, 4);
});

test('waits take what came before them once, count several vectors together, and end by abort or by disable', async (t) => {
  const device = await open(t, 'sim:sram');
  const { msix } = device.irqs;
  msix.enable();
  const doorbell = device.region('region1');
  for (const vector of [1, 2, 1]) doorbell.write32(SRAM_DOORBELL, vector);
  assert.equal((await msix.wait({ ...soon, count: 3 })).count, 3n);
  await silent(device, 'msix');
  const controller = new AbortController();
  const aborted = msix.wait({ signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(aborted, /enough/);
  const ended = msix.wait();
  msix.disable();
  await assert.rejects(ended, /it was disabled/);
});

test('events can be iterated, in order, until the loop is left', async (t) => {
  const device = await open(t, 'sim:sram');
  const { msix } = device.irqs;
  msix.enable();
  const seen: number[] = [];
  const events = device.irqs.events();
  const first = events.next();
  for (const vector of [5, 6, 7]) device.region('region1').write32(SRAM_DOORBELL, vector);
  const { value } = await first;
  assert.ok(value);
  seen.push(value.vector);
  for await (const { vector } of events) {
    seen.push(vector);
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, [5, 6, 7]);
});

test('a storm is masked and reported once, its counts are kept, and unmask re-arms it', async (t) => {
  const device = await open(t, 'sim:sram');
  const { msix } = device.irqs;
  device.irqs.guard = { signals: 100, withinMs: 1000 };
  const reports: string[] = [];
  device.irqs.onReport((text) => reports.push(text));
  msix.enable(1);
  for (let i = 0; i < 150; i += 1) {
    msix.trigger(0);
    if (i % 10 === 0) await new Promise(setImmediate);
  }
  while (reports.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(reports[0] ?? '', /^interrupt storm: msix\[0\].*irq unmask msix/);
  assert.equal(msix.state(), 'masked');
  const masked = msix.vectors[0]?.count ?? 0n;
  assert.ok(masked > 100n && masked <= 150n);
  msix.unmask();
  assert.equal(msix.state(), 'armed');
  device.region('region1').write32(SRAM_DOORBELL, 0);
  await msix.wait({ ...soon, count: Number(masked) + 1 });
  assert.equal(reports.length, 1);
});

test('a level that is re-armed by itself counts every assertion, and stops where it is never acknowledged', async (t) => {
  const device = await open(t, 'sim:edu');
  const regs = device.region('region0');
  const { intx } = device.irqs;
  intx.enable();
  intx.rearm = 'auto';
  assert.ok(intx.resamples);
  const reports: string[] = [];
  device.irqs.onReport((text) => reports.push(text));
  regs.write32(RAISE, 1);
  while (reports.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(reports[0] ?? '', /still asserted.*irq rearm intx auto/);
  assert.deepEqual([intx.rearm, intx.state(), intx.resamples], ['manual', 'pending', false]);
  regs.write32(ACKNOWLEDGE, 1);
  intx.unmask();
  await silent(device, 'intx');
});

test("pl031's alarm is a level by the name irq0", async (t) => {
  const device = await open(t, 'sim:pl031');
  const regs = device.region('region0');
  const irq = device.irqs.find('irq0');
  assert.deepEqual([irq.info.maskable, irq.info.automasked, irq.info.count], [true, true, 1]);
  irq.enable();
  regs.write32(0x4, regs.read32(0x0) + 1);
  regs.write32(0x10, 1);
  regs.write32(0xc, 1);
  await irq.wait(soon);
  assert.equal(irq.state(), 'pending');
  irq.unmask();
  await irq.wait(soon);
  regs.write32(0x1c, 1);
  irq.unmask();
  await silent(device, 'irq0');
});
