import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import type { Output } from '../../src/repl/output.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { Device } from '../../src/vfio/device.js';
import { pwrite } from '../../src/vfio/sys/libc.js';
import { MemfdTransport } from './memfd-transport.js';

const silent: Output = {
  show: () => undefined,
  notice: () => undefined,
  live: () => undefined,
  progress: () => undefined,
  flush: () => Promise.resolve(),
};

function scratch(t: TestContext, transport: MemfdTransport): { session: Session; folder: string } {
  const session = new Session(new Registry(commandModules), silent);
  session.adopt(new Device(transport));
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-save-'));
  t.after(() => {
    session.closeAll();
    rmSync(folder, { recursive: true });
  });
  return { session, folder };
}

const run = { prefixes: false };

test('a large region is saved in constant memory', async (t) => {
  const size = 2 ** 28;
  const transport = new MemfdTransport(size);
  pwrite(transport.fd, Buffer.from('first'), 0);
  pwrite(transport.fd, Buffer.from('last'), size - 4);
  const { session, folder } = scratch(t, transport);
  const file = join(folder, 'region.bin');
  // What the mapping itself makes resident is the device's memory, not the tool's.
  const anonymous = (): number =>
    Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
  const before = anonymous();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, anonymous())), 5);
  await session.execute(`save.q region0 ${file}`, run);
  clearInterval(timer);
  assert.equal(statSync(file).size, size);
  assert.ok(most - before < 48, `${Math.round(most - before)} MiB more than before`);
  const fd = openSync(file, 'r');
  const end = Buffer.alloc(5);
  readSync(fd, end, 0, 5, 0);
  assert.equal(end.toString('latin1'), 'first');
  readSync(fd, end, 0, 4, size - 4);
  assert.equal(end.toString('latin1', 0, 4), 'last');
  closeSync(fd);
});

test('cells that cannot be read end a save and leave no file, unless something stands for them', async (t) => {
  const { session, folder } = scratch(t, new MemfdTransport(0x3000, {}, 0x1000));
  const file = join(folder, 'region.bin');
  await assert.rejects(async () => session.execute(`save region0 ${file}`, run), /SIGBUS/);
  assert.deepEqual(readdirSync(folder), []);
  await session.execute(`save region0 ${file} --fill 0xa5a5a5a5`, run);
  const bytes = readFileSync(file);
  assert.equal(bytes.length, 0x3000);
  assert.deepEqual([bytes[0], bytes[0xfff], bytes[0x1000], bytes[0x2fff]], [0, 0, 0xa5, 0xa5]);
});

test('what is loaded is what was saved, and a file that does not fit writes nothing', async (t) => {
  const transport = new MemfdTransport(0x2000);
  pwrite(transport.fd, Buffer.from('0123456789abcdef'), 0);
  const { session, folder } = scratch(t, transport);
  const file = join(folder, 'piece.bin');
  await session.execute(`save region0 0..16 ${file}`, run);
  await session.execute(`load.w ${file} region0 0x1000`, run);
  assert.equal(session.device?.region(0).read32(0x100c), 0x66656463);
  await assert.rejects(async () => session.execute(`load ${file} region0 0x1ff4`, run), /go past the end/);
  assert.equal(session.device?.region(0).read32(0x1ff4), 0);
  await assert.rejects(async () => session.execute(`load ${folder}/none region0 0`, run), /no such file/);
});
