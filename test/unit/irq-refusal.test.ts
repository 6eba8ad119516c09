import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../../src/vfio/device.js';
import { entryText, isAbout } from '../../src/repl/journal-text.js';
import { VfioError } from '../../src/vfio/errors.js';
import { errnoName, eventfd, eventfdAdd, close } from '../../src/vfio/sys/libc.js';
import type { DeviceInfo, IrqAction, IrqData, IrqInfo } from '../../src/vfio/transport/transport.js';
import { MemfdTransport } from './memfd-transport.js';

/** A platform device with one level interrupt, whose SET_IRQS can be made to fail. */
class LevelTransport extends MemfdTransport {
  override readonly info: DeviceInfo = { flags: 0, bus: 'platform', resettable: false, regionCount: 1, irqCount: 1 };
  readonly actions: IrqAction[] = [];
  refuses: ((action: IrqAction, data: IrqData) => boolean) | undefined;
  /** The eventfd that the interrupt signals. */
  signal = -1;

  constructor() {
    super(4096);
  }

  override irqInfo(): IrqInfo {
    return { index: 0, flags: 7, eventfd: true, maskable: true, automasked: true, noResize: false, count: 1 };
  }

  override setIrqs(
    _index?: number,
    action: IrqAction = 'trigger',
    _start?: number,
    _count?: number,
    data: IrqData = { type: 'none' },
  ): void {
    if (this.refuses?.(action, data) === true) {
      throw new VfioError({ kind: 'lost', operation: action, why: 'the server has hung up' });
    }
    this.actions.push(action);
    if (action === 'trigger' && data.type === 'eventfds') this.signal = data.fds[0] ?? -1;
  }
}

function levelDevice(): { opened: Device; transport: LevelTransport; reports: string[] } {
  const transport = new LevelTransport();
  const device = new Device(transport);
  const reports: string[] = [];
  device.irqs.onReport((text) => reports.push(text));
  return { opened: device, transport, reports };
}

test('a re-arm that is refused is told, and ends re-arming', async () => {
  const { opened, transport, reports } = levelDevice();
  using device = opened;
  const irq = device.irqs.find('irq0');
  irq.enable();
  transport.refuses = (action) => action === 'unmask';
  irq.rearm = 'auto';
  eventfdAdd(transport.signal);
  await irq.wait({ timeoutMs: 20_000 });
  assert.equal(irq.rearm, 'manual');
  assert.equal(irq.state(), 'pending');
  assert.match(reports.join('\n'), /irq0 .*re-armed.*the server has hung up/);
});

test('a storm in a session that has become read-only is masked all the same', async () => {
  const { opened, transport, reports } = levelDevice();
  using device = opened;
  const irq = device.irqs.find('irq0');
  device.irqs.guard = { signals: 2, withinMs: 1000 };
  irq.enable();
  irq.rearm = 'auto';
  device.readOnly = true;
  eventfdAdd(transport.signal, 3n);
  await irq.wait({ count: 3, timeoutMs: 20_000 });
  device.irqs.drain();
  assert.equal(irq.state(), 'masked');
  assert.equal(transport.actions.at(-1), 'mask');
  assert.match(reports.join('\n'), /interrupt storm: irq0/);
  const told = [...device.journal.entries()].filter((entry) => isAbout(entry, ['irq'])).map(entryText);
  assert.deepEqual(
    [told[1], told.some((text) => text.startsWith('interrupt storm: irq0'))],
    ['irq0: re-arming is auto', true],
    'log irq shows who masked it',
  );
  device.readOnly = false;
});

test('an interrupt that a storm silenced and the user masked is heard again after its unmask', async () => {
  const { opened, transport } = levelDevice();
  using device = opened;
  const irq = device.irqs.find('irq0');
  device.irqs.guard = { signals: 2, withinMs: 1000 };
  irq.enable();
  eventfdAdd(transport.signal, 3n);
  await irq.wait({ count: 3, timeoutMs: 20_000 });
  device.irqs.drain();
  assert.equal(irq.state(), 'masked');
  irq.mask();
  irq.unmask();
  eventfdAdd(transport.signal);
  await irq.wait({ timeoutMs: 5000 });
});

test('an eventfd that VFIO does not let go of is closed once', () => {
  const { opened, transport } = levelDevice();
  using device = opened;
  const irq = device.irqs.find('irq0');
  irq.enable();
  irq.rearm = 'auto';
  transport.refuses = (action, data) => action === 'unmask' && data.type === 'eventfds';
  try {
    irq.rearm = 'manual';
  } catch (error) {
    if (!(error instanceof VfioError)) throw error;
  }
  // Takes the number that has become free.
  const other = eventfd();
  transport.refuses = undefined;
  irq.disable();
  const used = eventfdAdd(other.value);
  assert.equal(used.errno, 0, errnoName(used.errno));
  close(other.value);
});

test('a trigger of an interrupt that is masked leaves no mark on what the device signals next', async () => {
  const { opened, transport } = levelDevice();
  using device = opened;
  const irq = device.irqs.find('irq0');
  irq.enable();
  eventfdAdd(transport.signal);
  await irq.wait({ timeoutMs: 20_000 });
  assert.equal(irq.state(), 'pending');
  // vfio-platform's handler drops it while the line is masked: no signal comes.
  assert.throws(() => irq.trigger(), /masked/);
  irq.unmask();
  eventfdAdd(transport.signal);
  const event = await irq.wait({ timeoutMs: 20_000 });
  assert.equal(event.software, 0n);
});

test('the events of a device end when it is closed, and when they are aborted while one is looked at', async () => {
  const { opened: device, transport } = levelDevice();
  const irq = device.irqs.find('irq0');
  irq.enable();
  const aborting = new AbortController();
  let seen = 0;
  const first = (async () => {
    for await (const { count } of device.irqs.events({ signal: aborting.signal })) {
      seen += Number(count);
      aborting.abort();
    }
  })();
  const second = (async () => {
    for await (const { count } of device.irqs.events()) seen += Number(count);
  })();
  await new Promise(setImmediate);
  eventfdAdd(transport.signal);
  await irq.wait({ timeoutMs: 20_000 });
  await first;
  device.close();
  await second;
  assert.equal(seen, 2);
});

test('a wait whose device is closed ends, and the process with it', async () => {
  const { opened: device } = levelDevice();
  const irq = device.irqs.find('irq0');
  irq.enable();
  const waiting = irq.wait();
  device.close();
  await assert.rejects(waiting, /it was disabled/);
  // What gives the pump back runs once the wait has ended.
  await new Promise(setImmediate);
});
