import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Device } from '../../src/vfio/device.js';
import { openDevice } from '../../src/vfio/open.js';
import type { DeviceInfo, IrqAction, IrqData, IrqInfo } from '../../src/vfio/transport/transport.js';
import { MemfdTransport } from './memfd-transport.js';

const OPENINGS = 1000;

const source = (path: string): string => new URL(`../../src/${path}`, import.meta.url).href;
const openFiles = (): number => readdirSync('/proc/self/fd').length;
const threads = (): number => readdirSync('/proc/self/task').length;

/** Resolves when `done` holds; at most some seconds are granted. */
async function until(done: () => boolean, what: string): Promise<void> {
  for (const begun = performance.now(); !done();) {
    assert.ok(performance.now() - begun < 5000, what);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('a thousand openings, each with an interrupt that fires, leave no descriptor and no thread', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-lifetime-'));
  const path = join(folder, 'sram.sock');
  const program = `
    import { serve } from ${JSON.stringify(source('vfio/sim/serve.js'))};
    await serve('sram', '${path}', { signal: new AbortController().signal, listening: () => console.log('listening') });
  `;
  const server = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(server.stdout, 'data');
    const open = async (): Promise<void> => {
      using device = await openDevice(path);
      device.irqs.msix.enable(2);
      device.irqs.msix.trigger(1);
      await device.irqs.msix.wait({ timeoutMs: 5000 });
      assert.equal(device.region('region0').read32(0), 0x4d415253);
    };
    // The pump's thread takes its time to start, and stays while this device is open; what is made once is there after one more.
    const first = new Device(new IrqTransport());
    first.irqs.find(0).enable();
    await open();
    const before = { files: openFiles(), threads: threads() };
    for (let count = 0; count < OPENINGS; count += 1) await open();
    assert.deepEqual({ files: openFiles(), threads: threads() }, before);
    first.close();
    await until(() => threads() === before.threads - 1, "the pump's thread ends with the last device");
  } finally {
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
});

/** A device with one interrupt of four vectors, which knows how many are enabled. */
class IrqTransport extends MemfdTransport {
  override readonly info: DeviceInfo = { flags: 0, bus: 'platform', resettable: false, regionCount: 1, irqCount: 1 };
  enabled = 0;

  constructor() {
    super(0x1000);
  }

  override irqInfo(): IrqInfo {
    return { index: 0, flags: 1, eventfd: true, maskable: false, automasked: false, noResize: false, count: 4 };
  }

  override setIrqs(_index?: number, _action?: IrqAction, _start?: number, count = 0, data?: IrqData): void {
    this.enabled = data?.type === 'eventfds' ? count : 0;
  }
}

test('a crash of the pump disables the vectors of every device, and the next enable starts another', async () => {
  const [one, other] = [new IrqTransport(), new IrqTransport()];
  const before = threads();
  using first = new Device(one);
  using second = new Device(other);
  const reports: string[] = [];
  first.irqs.onReport((text) => reports.push(text));
  first.irqs.find(0).enable();
  second.irqs.find(0).enable(2);
  assert.deepEqual([one.enabled, other.enabled, threads()], [4, 2, before + 1]);

  const [vector] = first.irqs.find(0).vectors;
  const watched = new RegExp(`^tfd: *${vector?.fd} `, 'm');
  const set = readdirSync('/proc/self/fd').find((fd) => watched.test(infoOf(fd)));
  // Its epoll set is another file all at once: a failure that no test of the pump's own can tell from a bug in it.
  closeSync(Number(set));
  assert.equal(openSync('/dev/null', 'r'), Number(set));
  const { eventfdAdd } = await import('../../src/vfio/sys/libc.js');
  eventfdAdd(vector?.fd ?? -1);
  await until(() => reports.length > 0, 'the crash is told');
  assert.match(reports.join(), /pump has failed .*every interrupt is disabled/);
  assert.deepEqual([one.enabled, other.enabled], [0, 0]);
  assert.ok(!first.irqs.find(0).enabled && !second.irqs.find(0).enabled);
  await until(() => threads() === before, 'no thread stays');

  first.irqs.find(0).enable(1);
  assert.deepEqual([one.enabled, threads()], [1, before + 1]);
});

function infoOf(fd: string): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
  } catch {
    return '';
  }
}

/** A session of its own process that tells on standard error of every change to the device's interrupts. */
const watchedSession = (...args: readonly string[]): string => `
  import { writeSync } from 'node:fs';
  import { parseCommandLine } from ${JSON.stringify(source('repl/cli.js'))};
  import { runSession } from ${JSON.stringify(source('repl/front.js'))};
  import { VfioUserTransport } from ${JSON.stringify(source('vfio/transport/vfio-user.js'))};
  const { setIrqs } = VfioUserTransport.prototype;
  VfioUserTransport.prototype.setIrqs = function (index, action, start, count, data) {
    setIrqs.call(this, index, action, start, count, data);
    writeSync(2, \`irq \${index} \${action} \${count} \${data.type}\\n\`);
  };
  process.exit(await runSession(parseCommandLine(${JSON.stringify(args)})));
`;

for (const { name, signal, code } of [
  { name: 'Ctrl-C', signal: 'SIGINT', code: 130 },
  { name: 'SIGTERM', signal: 'SIGTERM', code: 143 },
  { name: 'a terminal that goes away', signal: 'SIGHUP', code: 129 },
  { name: 'its own end', signal: undefined, code: 0 },
] as const) {
  test(`${name} disables what is enabled, and leaves no process`, async () => {
    const last = signal === undefined ? 'echo waiting' : 'echo waiting; irq wait msix --timeout 60s';
    const session = watchedSession('-c', 'irq enable msix 4', '-c', last, 'sim:sram');
    const child = spawn(process.execPath, ['--input-type=module', '--eval', session], {
      timeout: 20_000,
      killSignal: 'SIGKILL',
    });
    let said = '';
    let changes = '';
    child.stderr.on('data', (piece: Buffer) => (changes += piece.toString()));
    child.stdout.on('data', (piece: Buffer) => {
      said += piece.toString();
      if (signal !== undefined && said.includes('waiting')) child.kill(signal);
    });
    const [ended, by] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    const end = by === signal && by !== null ? code : ended;
    assert.equal(end, code, `${ended} ${by} ${changes}`);
    const msix = changes.split('\n').filter((line) => line.startsWith('irq 2 '));
    assert.deepEqual(msix, ['irq 2 trigger 4 eventfds', 'irq 2 trigger 0 none']);
  });
}
