import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { ExpectationError, UsageError } from '../../src/repl/usage-error.js';
import { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/errors.js';
import { memoryAt } from '../../src/vfio/sys/libc.js';
import { DmaTransport } from './dma-transport.js';
import { KeptOutput } from './session-fixture.js';

const folder = mkdtempSync('/dev/shm/vfiodbg-test-');
after(() => rmSync(folder, { recursive: true }));

function open(): { transport: DmaTransport; device: Device; session: Session; run: (line: string) => Promise<string> } {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  const transport = new DmaTransport();
  const device = new Device(transport);
  session.adopt(device);
  return {
    transport,
    device,
    session,
    run: async (line) => {
      await session.execute(line, { prefixes: false });
      return output.take();
    },
  };
}

/** Changes a byte as the device would, behind this program's back. */
function deviceWrites(transport: DmaTransport, mapping: bigint, offset: number, value: number): void {
  const made = transport.made.get(mapping);
  assert.ok(made !== undefined);
  new Uint8Array(memoryAt(made.address + offset, 1))[0] = value;
}

describe('the dma commands', () => {
  test('make a space that every command of spaces works on', async () => {
    const { run, session } = open();
    assert.equal(await run('dma alloc ring 64K'), 'ring: 64 KiB at IOVA 0x100000..0x110000, rw\n');
    assert.equal(
      await run('poke.q ring 0 0x100000; peek ring 0'),
      'ring+0x0: <- 0x0000000000100000\nring+0x0: 0x00100000\n',
    );
    assert.match(await run('dump ring 0 16B'), /^00000000: 00 00 10 00/);
    assert.match(await run('fill ring 0x100..0x200 0xdeadbeef'), /64 cells of 32 bits/);
    assert.match(await run('find ring 0..4K 0xdeadbeef --limit 1'), /ring\+0x100 +0xdeadbeef/);
    assert.match(await run('compare ring 0x100..0x180 ring 0x180'), /32 cells are the same/);
    const file = join(folder, 'ring.bin');
    await run(`save ring 0x100..0x200 ${file}; load ${file} ring 0x1000`);
    assert.match(await run('peek iova 0x101000'), /iova\+0x101000: 0xdeadbeef/);
    assert.match(await run('expect ring 0x10fc == 0xdeadbeef'), /0xdeadbeef/);
    await assert.rejects(run('peek iova 0x200000'), /0xf0000 past the end of ring/);
    await assert.rejects(run('peek iova 0x20000000000000'), /is no offset|past the end/);
    session.closeAll();
  });

  test('show what the device changed, and fail where a guard is not intact and that was asked for', async () => {
    const { run, session, transport } = open();
    await run('dma alloc ring 4K --guard --iova 0x200000');
    assert.equal(await run('dma check ring'), 'ring: nothing has changed\n');
    assert.equal(session.last, 0n);
    deviceWrites(transport, 0x1ff000n, 0x1010, 0x77);
    assert.equal(
      await run('dma check ring --intact'),
      'place      bytes  where   old  new\nring+0x10      1  buffer  00   77\nring: 1 byte in 1 run changed\n',
    );
    assert.equal(session.last, 1n);
    deviceWrites(transport, 0x1ff000n, 0xfff, 0);
    await assert.rejects(run('dma check ring --intact'), ExpectationError);
    deviceWrites(transport, 0x1ff000n, 0xfff, 1);
    const told = await run('dma check ring');
    assert.match(told, /^ring-0x1 +1 +guard in front +00 +01$/m);
    assert.match(told, /the device wrote outside of the buffer/);
    assert.match(await run('log dma --last 1'), /the device has changed 1 byte of ring/);
    session.closeAll();
  });

  test('unmap and free by name, several at once, or all', async () => {
    const { run, session, transport } = open();
    await run('dma alloc a 4K; dma alloc b 4K; dma alloc c 4K');
    assert.equal(await run('dma unmap b a'), 'b, a: unmapped\n');
    assert.match(await run('maps'), /kept, but not mapped: a, b/);
    assert.equal(await run('dma map b --prot r'), 'b: 4 KiB at IOVA 0x100000..0x101000, r\n');
    assert.equal(transport.made.get(0x100000n)?.writable, false);
    assert.equal(await run('dma unmap --all'), 'c, b: unmapped\n');
    assert.equal(await run('dma free --all'), 'c, b, a: freed\n');
    assert.equal(await run('dma free --all'), 'there are no buffers\n');
    await assert.rejects(run('dma free a'), /there is no such DMA buffer/);
    for (const line of ['dma free', 'dma unmap', 'dma free a --all']) await assert.rejects(run(line), UsageError);
    session.closeAll();
  });

  test('map files by their names', async () => {
    const { run, session } = open();
    const file = join(folder, 'my-fw.v2.bin');
    writeFileSync(file, Buffer.alloc(4096, 0x41));
    assert.equal(await run(`dma map ${file}`), 'my-fw: 4 KiB at IOVA 0x100000..0x101000, r\n');
    assert.match(await run('peek my-fw 0'), /0x41414141/);
    assert.match(await run(`dma map ${file} --name second --prot rw --low`), /^second: .*, rw$/m);
    await run('dma unmap second');
    await assert.rejects(run('dma map second --name third'), UsageError);
    await assert.rejects(run(`dma map ${folder}/nothing`), /no such file/);
    session.closeAll();
  });

  test('say in a dry run what they would do, and do nothing', async () => {
    const { run, session, transport, device } = open();
    assert.equal(
      await run('dma alloc ring 64K --guard -n'),
      'would map ring, 72 KiB at IOVA 0x10f000..0x121000, rw, guards of 4 KiB included\n',
    );
    await run('dma alloc real 4K');
    const before = device.dma.find('real').mapping;
    assert.equal(await run('dma free real -n'), 'would unmap real, 4 KiB at IOVA 0x100000..0x101000\n');
    assert.match(await run('dma check real -n'), /would compare real/);
    assert.equal(device.dma.find('real').mapping, before);
    assert.equal(transport.made.size, 1);
    await assert.rejects(run('dma alloc ring 100 -n'), /not whole pages/);
    session.closeAll();
  });

  test('are refused where the session is read-only, but for looking', async () => {
    const { run, session } = open();
    await run('dma alloc ring 4K');
    session.options.set('readonly', true);
    for (const line of [
      'dma alloc x 4K',
      'dma free ring',
      'dma unmap ring',
      'dma map ring',
      'dma enable',
      'poke ring 0 1',
    ]) {
      await assert.rejects(run(line), (error) => error instanceof VfioError && error.kind === 'readonly', line);
    }
    assert.match(await run('peek ring 0; dma check ring; maps'), /nothing has changed/);
    session.closeAll();
  });

  test('know that a device without a config space has no bus master switch', async () => {
    const { run, session } = open();
    assert.match(await run('dma enable'), /is no PCI device: it needs no permission/);
    session.closeAll();
  });
});
