import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { VfioError } from '../../src/vfio/errors.js';
import { serve } from '../../src/vfio/sim/serve.js';
import { close } from '../../src/vfio/sys/libc.js';
import { connect, listen } from '../../src/vfio/sys/socket.js';
import { VfioUserTransport } from '../../src/vfio/transport/vfio-user.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-serve-'));
/** Servers that still run: a test that fails leaves its own behind. */
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

const module = new URL('../../src/vfio/sim/serve.js', import.meta.url).href;

/** Serves `model` at `path` in another process, as `vfiodbg serve` does; resolves when clients can come. */
async function server(model: string, path: string): Promise<ChildProcess> {
  const source = `
    import { serve } from '${module}';
    const stop = new AbortController();
    process.once('SIGTERM', () => stop.abort());
    await serve('${model}', '${path}', { signal: stop.signal, listening: () => console.log('listening') });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  child.once('close', () => children.delete(child));
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return child;
}

async function terminate(child: ChildProcess): Promise<number | null> {
  child.kill('SIGTERM');
  return new Promise((resolve) => child.once('close', resolve));
}

function identify(path: string): number {
  const device = VfioUserTransport.connect(path);
  const into = Buffer.alloc(4);
  device.read(device.regionInfo(0), 0, into);
  device.close();
  return into.readUInt32LE();
}

/** The failure that serving at `path` ends in, without a client ever coming. */
async function refusal(model: string, path: string): Promise<VfioError> {
  const error: unknown = await serve(model, path, { signal: AbortSignal.timeout(10_000) }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof VfioError, String(error));
  return error;
}

test('clients come one after the other, each to a fresh device; SIGTERM ends it and removes the socket', async () => {
  const path = join(folder, 'edu.sock');
  const child = await server('edu', path);
  const first = VfioUserTransport.connect(path);
  const into = Buffer.from('12345678', 'hex');
  first.write(first.regionInfo(0), 4, into);
  first.close();
  const second = VfioUserTransport.connect(path);
  second.read(second.regionInfo(0), 4, into);
  assert.equal(into.readUInt32LE(), 0);
  second.close();
  assert.equal(await terminate(child), 0);
  assert.equal(existsSync(path), false);
});

test('1,000 clients leave no descriptor behind, whatever they left unfinished', async () => {
  const path = join(folder, 'sram.sock');
  const child = await server('sram', path);
  /** How much the server has open with one client there: it answers one only when it is through with those before. */
  const open = (): number => {
    const device = VfioUserTransport.connect(path);
    const count = readdirSync(`/proc/${child.pid}/fd`).length;
    device.close();
    return count;
  };
  open();
  const before = open();
  for (let i = 0; i < 1000; i++) {
    if (i % 10 === 0) assert.equal(identify(path), 0x4d415253);
    else close(connect(path, 5000).value);
  }
  assert.equal(open(), before);
  await terminate(child);
});

test('a socket that somebody listens on is not taken away, one that a dead server left is', async () => {
  const path = join(folder, 'taken.sock');
  const listener = listen(path).value;
  assert.deepEqual((await refusal('edu', path)).details.kind, 'busy');
  close(listener);
  assert.equal(existsSync(path), true);
  const child = await server('edu', path);
  assert.equal(identify(path), 0x010000ed);
  await terminate(child);
});

test('where no socket can be made, the error says why and the file stays', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, 'mine');
  for (const [path, kind] of [
    [file, 'busy'],
    [join(folder, 'absent', 'x.sock'), 'absent'],
    [join(file, 'x.sock'), 'absent'],
    [join(folder, 'x'.repeat(120)), 'limit'],
  ] as const) {
    assert.equal((await refusal('edu', path)).kind, kind, path);
  }
  assert.equal(existsSync(file), true);
});

test('an unknown model is refused with the names of those there are', async () => {
  assert.match(
    (await refusal('foo', join(folder, 'foo.sock'))).message,
    /no simulated device 'foo'; there are edu, pl031, sram/,
  );
  assert.equal((await refusal('srma', join(folder, 'foo.sock'))).details.hint, 'vfiodbg sim:sram', 'the nearest');
});

test('a service that was aborted before it began leaves nothing', async () => {
  const path = join(folder, 'never.sock');
  await serve('edu', path, { signal: AbortSignal.abort() });
  assert.equal(existsSync(path), false);
});
