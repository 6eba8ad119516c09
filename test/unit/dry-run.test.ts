import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'node:test';
import { defineCommand } from '../../src/repl/command.js';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { Device } from '../../src/vfio/device.js';
import { MemfdTransport } from './memfd-transport.js';
import { KeptOutput } from './session-fixture.js';

const main = new URL('../../src/repl/main.js', import.meta.url).pathname;
const script = { prefixes: false };

/** The devices that a shipped script is for, by the beginning of its name; edu-registers only sets variables. */
const devices = { edu: 'sim:edu', pl031: 'sim:pl031', sram: 'sim:sram' } as const;

for (const name of readdirSync('scripts').filter((each) => each.endsWith('.vfio') && each !== 'edu-registers.vfio')) {
  test(`${name} goes to its end in a dry run`, () => {
    const device = Object.entries(devices).find(([stem]) => name.startsWith(stem))?.[1];
    assert.ok(device !== undefined, `no device is known for ${name}`);
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, '-n', '-x', `scripts/${name}`, device], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^would /m);
  });
}

/** A session with an edu, and what it shows for a line. */
async function eduSession(): Promise<{ session: Session; shows: (line: string) => Promise<string> }> {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  await session.open('sim:edu');
  return {
    session,
    async shows(line) {
      await session.execute(line, script);
      return output.take();
    },
  };
}

test('a buffer that a dry run would have made is known by its name and place, to the dry run alone', async (t) => {
  const { session, shows } = await eduSession();
  t.after(() => session.closeAll());
  const { journal } = session.requireDevice();
  const before = journal.recorded;
  session.options.set('dryrun', true);
  assert.equal(await shows('dma alloc ring 4K'), 'would map ring, 4 KiB at IOVA 0x100000..0x101000, rw\n');
  assert.equal(await shows('dma alloc other 4K'), 'would map other, 4 KiB at IOVA 0x101000..0x102000, rw\n');
  assert.equal(await shows('poke.q ring 8 5'), 'would write ring+0x8 (64 bits) <- 0x5\n');
  assert.equal(
    await shows('dump ring 0 16B; peek iova 0x101000'),
    'would read ring+0x0 (32 bits), 4 cells\nwould read iova+0x101000 (32 bits)\n',
  );
  await assert.rejects(shows('dma alloc ring 4K'), /the name ring is taken/);
  await assert.rejects(shows('dma alloc third 4K --iova 0x101000'), /0x101000/);
  assert.equal(
    await shows('dma unmap ring; dma map ring --iova 0x400000'),
    'would unmap ring, 4 KiB at IOVA 0x100000..0x101000\nwould map ring, 4 KiB at IOVA 0x400000..0x401000, rw\n',
  );
  assert.equal(
    await shows('dma free ring; dma alloc ring 8K --iova 0x400000'),
    'would unmap ring, 4 KiB at IOVA 0x400000..0x401000\nwould map ring, 8 KiB at IOVA 0x400000..0x402000, rw\n',
  );
  const made = [...journal.entries(before)].filter(({ kind }) => kind !== 'command' && kind !== 'error');
  assert.deepEqual(made, [], 'nothing was mapped, read or written');
  session.options.set('dryrun', false);
  const { dma } = session.requireDevice();
  assert.equal(dma.count, 0);
  assert.deepEqual(dma.buffers, []);
  await assert.rejects(async () => shows('peek ring 0'), /"ring"/);
  assert.match(await shows('dma alloc ring 4K'), /4 KiB at IOVA 0x100000/, 'its name and place are free');
});

test('buffers that were there are left alone by a dry run, whatever it would do to them', async (t) => {
  const { session, shows } = await eduSession();
  t.after(() => session.closeAll());
  await shows('dma alloc ring 4K');
  session.options.set('dryrun', true);
  assert.match(await shows('dma unmap ring'), /^would unmap ring/);
  assert.match(await shows('dma free ring'), /^would unmap ring/);
  session.options.set('dryrun', false);
  assert.match(await shows('peek ring 0'), /0x0/);
  assert.equal(session.requireDevice().dma.count, 1);
});

test('an interrupt that a dry run would have enabled can be masked, unmasked and disabled in it', async (t) => {
  const { session, shows } = await eduSession();
  t.after(() => session.closeAll());
  session.options.set('dryrun', true);
  await assert.rejects(async () => shows('irq mask intx'), /it is off/);
  assert.equal(
    await shows('irq enable intx; irq mask intx; irq unmask intx; irq trigger intx; irq disable intx'),
    'would enable intx, 1 vector\nwould mask intx\nwould unmask intx\nwould trigger intx\nwould disable intx\n',
  );
  await assert.rejects(async () => shows('irq mask intx'), /it is off/);
  await shows('irq enable intx');
  session.options.set('dryrun', false);
  session.options.set('dryrun', true);
  await assert.rejects(async () => shows('irq mask intx'), /it is off/, 'another dry run knows nothing of it');
});

test('-n behind one command leaves no names', async (t) => {
  const { session, shows } = await eduSession();
  t.after(() => session.closeAll());
  assert.match(await shows('dma alloc ring 4K -n'), /^would map ring/);
  await assert.rejects(async () => shows('peek ring 0'), /"ring"/);
});

test('a dry run says where it stopped following a command that does not end by itself', async (t) => {
  const endless = defineCommand({
    name: 'endless',
    group: 'session',
    summary: 'waits for ever',
    arguments: {},
    flags: {},
    effect: 'read',
    needs: 'device',
    examples: [{ line: 'endless', says: 'for the test' }],
    async run({ device, signal }): Promise<void> {
      device.region(0).read32(0);
      await pause(2 ** 31 - 1, undefined, { signal });
    },
  });
  const output = new KeptOutput();
  const module = { names: [['endless']] as const, load: () => Promise.resolve({ commands: [endless] }) };
  const session = new Session(new Registry([...commandModules, module]), output);
  session.adopt(new Device(new MemfdTransport(4096)));
  t.after(() => session.closeAll());
  await session.execute('endless -n', script);
  assert.equal(output.take(), 'would read region0+0x0 (32 bits)\nand so on: a dry run follows a command for 200 ms\n');
  await session.execute('peek region0 0 -n', script);
  assert.doesNotMatch(output.take(), /and so on/);
});
