import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { Device } from '../../src/vfio/device.js';
import { pwrite } from '../../src/vfio/sys/libc.js';
import { MemfdTransport } from './memfd-transport.js';
import { KeptOutput, memfdSession } from './session-fixture.js';

const output = new KeptOutput();
const session = new Session(new Registry(commandModules), output);
after(() => session.closeAll());
await session.open('sim:sram');

/** Runs a line on sim:sram. @returns what it shows. */
async function shown(line: string): Promise<string> {
  await session.execute(line, { prefixes: false });
  return output.take();
}

function accesses(): number {
  return [...(session.device?.journal.entries() ?? [])].filter(({ kind }) => kind !== 'command' && kind !== 'error')
    .length;
}

/** Runs a line that is refused with `message`, shows nothing and makes no access. */
async function refused(line: string, message: RegExp): Promise<void> {
  const before = accesses();
  await assert.rejects(async () => session.execute(line, { prefixes: false }), message, line);
  assert.equal(output.take(), '', line);
  assert.equal(accesses(), before, line);
}

test('a value that is wider than the access is refused, and never compared or written in part', async () => {
  for (const line of [
    'expect.b region0 0x8000 == 0x100',
    'wait.b region0 0x8000 == 0x100 --timeout 1s',
    'find.b region0 0x8000..0x8010 0x100',
    'find.b region0 0x8000..0x8010 0:0x100',
    'fill.b region0 0x8000..0x8010 0x100',
  ]) {
    await refused(line, /does not fit 8 bits/);
  }
});

test('a comparison with bits outside its mask is refused: it would hold for another value', async () => {
  for (const line of [
    'expect region0 0x8000 == 0x2:0x1',
    'wait region0 0x8000 == 0x2:0x1',
    'find region0 0x8000..0x8010 0x2:0x1',
  ]) {
    await refused(line, /0x2 has bits outside the mask 0x1/);
  }
  assert.match(await shown('expect region0 0x8000 == 0x0:0x1'), /0x00000000/);
});

test('an empty text is found nowhere, at once', async () => {
  await refused('find region0 0..0x100 --text ""', /--text is empty/);
});

test('a fill that goes past the end is refused as a write, also where nothing can be read', async () => {
  await refused('fill region4 0 1000000000000 0', /write region4\+0x0 .*go past the end/);
});

test('text is found across cells and across pieces of a search, and not in cells that could not be read', async () => {
  const { session: memory, output: found, transport } = memfdSession(0x40000);
  const text = Buffer.from('needle');
  for (const at of [0, 13, 0x7ffd, 0x8000 + 3, 0x3fffa]) pwrite(transport.fd, text, at);
  await memory.execute('find region0 --text needle', { prefixes: false });
  assert.deepEqual(found.take().match(/0x[0-9a-f]+(?= )/g), ['0x0', '0xd', '0x7ffd', '0x8003', '0x3fffa']);
  memory.closeAll();
  // The last page of this one faults; what cannot be read holds zeros in the answer's bytes.
  const half = new MemfdTransport(0x3000, {}, 0x1000);
  pwrite(half.fd, Buffer.from('x'), 0xfff);
  const kept = new KeptOutput();
  const holes = new Session(new Registry(commandModules), kept);
  holes.adopt(new Device(half));
  await holes.execute('find.b region0 --text "x\\x00"', { prefixes: false });
  assert.match(kept.take(), /^not found\n/);
  await holes.execute('find.b region0 0 4K --text "x"', { prefixes: false });
  assert.match(kept.take(), /region0\+0xfff/);
  holes.closeAll();
});
