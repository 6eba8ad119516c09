import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import type { Register } from '../../src/vfio/registers/register-map.js';
import { field, map, register } from './register-fixture.js';
import { KeptOutput, lastData, memfdSession, sramBench } from './session-fixture.js';

const script = { prefixes: false };
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-restore-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'kept.json');

/** A session with registers of its own; writes are noted in order. */
function described(...registers: readonly Register[]): ReturnType<typeof memfdSession> {
  const made = memfdSession();
  const device = made.session.device ?? assert.fail();
  device.mmap = false;
  device.registers.add(map('unit', registers));
  return made;
}

/** 'read 4', 'write 0': what the transport was asked for, forgotten then. */
function taken({ transport }: ReturnType<typeof memfdSession>): string[] {
  return transport.calls.splice(0).map(({ operation, offset }) => `${operation} ${offset}`);
}

/** Registers of the simulated bank that store what is written, with the bits that do. */
const stored: readonly [name: string, offset: number, width: 8 | 16 | 32 | 64, mask: bigint][] = [
  ['RW', 0x08, 32, 0xffffffffn],
  ['CTRL', 0x0c, 32, 0xf07n],
  ['WIDE', 0x38, 64, 0xffffffffffffffffn],
  ['R8', 0x40, 8, 0xffn],
  ['R16', 0x42, 16, 0xffffn],
  ['R32', 0x44, 32, 0xffffffffn],
  ['R64', 0x48, 64, 0xffffffffffffffffn],
  ['RATE', 0x10c, 32, 0xffffffffn],
];

test('whatever was there comes back, by one write for each register that differs, and nothing else changes', async (t) => {
  const { device, run, output } = await sramBench(t);
  const bank = device.region('region1');
  const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const values = fc.tuple(...stored.map(() => word));
  const put = (all: readonly bigint[]): void => {
    for (const [nth, [, offset, width, mask]] of stored.entries()) {
      const value = (all[nth] ?? 0n) & mask;
      bank.write(width, offset, width === 64 ? value : Number(value));
    }
  };
  const got = (): bigint[] => stored.map(([, offset, width, mask]) => BigInt(bank.read(width, offset)) & mask);
  for (const one of [1, 2, 3]) bank.write32(0x50, one);
  await fc.assert(
    fc.asyncProperty(values, values, fc.array(fc.nat(stored.length - 1)), async (before, then, kept) => {
      put(before);
      const wanted = got();
      await run(`snapshot ${file} region1 --replace`);
      put(then.map((value, nth) => (kept.includes(nth) ? (before[nth] ?? 0n) : value)));
      bank.write32(0x0c, bank.read32(0x0c) & ~0x20);
      const differing = got().filter((value, nth) => value !== wanted[nth]).length;
      const quiet = [0x10, 0x14, 0x18, 0x1c, 0x2c].map((offset) => bank.read32(offset));
      const [reads, writes] = [bank.read32(0x68), bank.read32(0x6c)];
      output.take();
      await run(`restore ${file}`);
      assert.deepEqual([bank.read32(0x68) - reads, bank.read32(0x6c) - writes], [stored.length + 2, differing]);
      assert.deepEqual(got(), wanted);
      assert.deepEqual(
        [0x10, 0x14, 0x18, 0x1c, 0x2c].map((offset) => bank.read32(offset)),
        quiet,
      );
      assert.equal(bank.read32(0x54), 3, 'the FIFO has its words');
      await run(`diff ${file}`);
      const { places } = lastData(output) as { places: { name: string }[] };
      const names = new Set(stored.map(([name]) => `region1.${name}`));
      assert.deepEqual(
        places.filter(({ name }) => names.has(name)),
        [],
      );
    }),
    { numRuns: 8 },
  );
});

test('what a write acts on, and what can only be written, stays, with the reason', async (t) => {
  const { run, output } = await sramBench(t);
  await run(`snapshot ${file} region1 --replace; poke RW 7`);
  output.take();
  await run(`restore ${file}`);
  const text = output.take();
  assert.match(text, /region1\.RW +0x00000007 +0x00000000\n/);
  for (const line of [
    'not restored: region1.W1C: w1c: writing does not bring a value back',
    'not restored: region1.ONCE: only the first write after a reset counts',
    'not restored: region1.FIFO: FIFO: reading it changes something else',
    'the config space stays as it is; naming it restores it: restore FILE config',
  ])
    assert.ok(text.includes(line), `${line} in ${text}`);
});

test('bits that ones clear are written as zeros, and what only shows is not given back', async () => {
  const flags = register('FLAGS', 0, {
    fields: [
      field('ERR', [8, 8], { writeEffect: 'w1c' }),
      field('LEVEL', [7, 4], { access: 'ro' }),
      field('ON', [0, 0]),
    ],
  });
  const made = described(flags);
  const { session, output } = made;
  const region = session.device?.region(0) ?? assert.fail();
  region.write32(0, 0x121);
  await session.execute(`snapshot ${file} --replace`, script);
  region.write32(0, 0x150);
  taken(made);
  output.take();
  await session.execute(`restore ${file} --verify`, script);
  assert.deepEqual(taken(made), ['read 0', 'write 0', 'read 0']);
  const [done] = lastData(output)['written'] as { old: string; written: string; readBack: string }[];
  assert.deepEqual([done?.old, done?.written], ['0x150', '0x1']);
  assert.match(output.take(), /region0\.FLAGS +0x00000150 +0x00000001 +ON 0 -> 1\n/);
  session.closeAll();
});

test('registers are written in the order of the profile, those alone, and others by their name', async () => {
  const made = described(register('A', 0), register('B', 4), register('C', 8), register('D', 12));
  const { session } = made;
  const device = session.device ?? assert.fail();
  const profile = join(folder, 'unit.json');
  writeFileSync(profile, JSON.stringify({ name: 'unit', restore: ['C', 'region0.A'] }));
  await session.useProfile(device, profile);
  await session.execute(`snapshot ${file} --replace; fill region0 0..16 1`, script);
  taken(made);
  await session.execute(`restore ${file}`, script);
  assert.deepEqual(taken(made), ['read 8', 'write 8', 'read 0', 'write 0']);
  await session.execute(`fill region0 0..16 2; restore ${file} B C`, script);
  assert.deepEqual(taken(made).slice(4), ['read 8', 'write 8', 'read 4', 'write 4']);
  session.closeAll();
});

test('a dry run says what would be written and touches nothing; a read-only session refuses', async () => {
  const made = described(register('A', 0), register('B', 4, { access: 'ro' }), register('W', 8, { access: 'wo' }));
  const { session, output } = made;
  await session.execute(`snapshot ${file} --replace; poke A 5`, script);
  taken(made);
  output.take();
  await session.execute(`restore ${file} -n --verify`, script);
  assert.equal(
    output.take(),
    'would read region0.A, and where it differs write 0x00000000, and read it back\n' +
      'not restored: region0.W: W can only be written: what a read brings is not its value\n1 register can only be read\n',
  );
  session.options.set('readonly', true);
  await assert.rejects(async () => session.execute(`restore ${file}`, script), /the session is read-only/);
  assert.deepEqual(taken(made), []);
  session.closeAll();
});

test('a register that does not answer is told, and the others are restored', async () => {
  const made = described(register('A', 0), register('B', 4), register('C', 8));
  const { session, output, transport } = made;
  await session.execute(`snapshot ${file} --replace; fill region0 0..12 3`, script);
  const { VfioError } = await import('../../src/vfio/errors.js');
  const write = transport.write.bind(transport);
  transport.write = (region, offset, from) => {
    if (offset === 4) throw new VfioError({ kind: 'access', operation: 'pwrite', errno: 'EIO', why: 'no' });
    write(region, offset, from);
  };
  output.take();
  await assert.rejects(async () => session.execute(`restore ${file}`, script), /restore region0\.B.*EIO/);
  assert.match(
    output.take(),
    /region0\.B +0x00000003 +failed +EIO: the access was refused\n[\s\S]*2 registers written/,
  );
  assert.equal(session.device?.region(0).read32(8), 0);
  session.closeAll();
});

test('a snapshot of another kind of device, of none, and one without the register are refused', async (t) => {
  const { run, output, session } = await sramBench(t);
  await run(`snapshot ${file} region0 --replace`);
  output.take();
  await run(`poke RW 9; restore ${file}`);
  assert.match(output.take(), /not restored: .*region1\.RW.*: not in the snapshot/);
  await run('open sim:edu');
  await assert.rejects(async () => run(`restore ${file}`), /it is of 1234:11e9, and sim:edu is 1234:11e8/);
  const other = JSON.parse(readFileSync(file, 'utf8')) as { device: { ids?: unknown } };
  delete other.device.ids;
  writeFileSync(file, JSON.stringify(other));
  await run(`restore ${file}`);
  const bare = JSON.parse(readFileSync(file, 'utf8')) as { registers: { maps: unknown[] } };
  bare.registers.maps = [{ name: 'odd', origin: 'odd', description: 7 }];
  writeFileSync(file, JSON.stringify(bare));
  await run('close; open sim:edu --profile none');
  await assert.rejects(
    async () => run(`restore ${file}`),
    /no register map is loaded, and the .* the register map odd/,
  );
  session.closeAll();
  await assert.rejects(async () => run(`restore ${file}`), /no device is open/);
});

test('values that the map does not allow are not written', async () => {
  const made = described(
    register('LIMIT', 0, { constraint: { kind: 'range', from: 1n, to: 5n } }),
    register('MODE', 4, { fields: [field('M', [3, 0], { values: { A: 1 }, constraint: { kind: 'enumerated' } })] }),
  );
  const { session, output } = made;
  await session.execute(`snapshot ${file} --replace; fill region0 0..8 1`, script);
  output.take();
  await session.execute(`restore ${file}`, script);
  const text = output.take();
  assert.match(text, /not restored: region0\.LIMIT: LIMIT may be 0x1 to 0x5, not 0x0/);
  assert.match(text, /not restored: region0\.MODE: M may only be one of A, not 0x0/);
  session.closeAll();
});

test('a device that goes away half way: what was written until then is told, and what was not reached', async () => {
  const made = described(register('A', 0), register('B', 4), register('C', 8), register('D', 12));
  const { session, output, transport } = made;
  await session.execute(`snapshot ${file} --replace; fill region0 0..16 3`, script);
  const { VfioError } = await import('../../src/vfio/errors.js');
  const read = transport.read.bind(transport);
  transport.read = (region, offset, into) => {
    if (offset === 8) throw new VfioError({ kind: 'lost', operation: 'pread', errno: 'ENODEV', why: 'unplugged' });
    read(region, offset, into);
  };
  output.take();
  await assert.rejects(async () => session.execute(`restore ${file} --verify`, script), /unplugged|ENODEV/);
  const text = output.take();
  assert.match(text, /region0\.A +0x00000003 +0x00000000\n *region0\.B +0x00000003 +0x00000000\n/);
  assert.match(text, /2 registers written, 0 as they were already; 2 registers not reached: region0\.C, region0\.D\n/);
  session.closeAll();
});

test('a snapshot of another compatible is refused; what the order of a profile names and no map has is told', async (t) => {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  t.after(() => session.closeAll());
  const device = await session.open('sim:pl031');
  await session.execute(`snapshot ${file} --replace`, script);
  const copies = ['ours', 'theirs'].map((name) => {
    const copy = JSON.parse(readFileSync(file, 'utf8')) as { device: { ids: Record<string, unknown> } };
    copy.device.ids = { compatible: [`acme,${name}`, 'acme,clock'].slice(0, name === 'ours' ? 1 : 2) };
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(copy));
    return join(folder, `${name}.json`);
  });
  await session.execute(`open snapshot:${copies[1]}`, script);
  await assert.rejects(
    async () => session.execute(`restore ${copies[0]}`, script),
    /it is of acme,ours, and snapshot:.* is acme,theirs, acme,clock/,
  );
  await session.execute('close', script);
  const profile = join(folder, 'order.json');
  writeFileSync(
    profile,
    JSON.stringify({ name: 'order', includes: ['pl031'], restore: ['RTCMR', 'NOTHING', 'region9.X'] }),
  );
  await session.useProfile(device, profile);
  output.take();
  await session.execute(`restore ${file} --force`, script);
  assert.match(output.take(), /the profile's order has what no map has: NOTHING, region9\.X\n/);
});
