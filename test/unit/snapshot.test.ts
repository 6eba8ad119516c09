import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { Device } from '../../src/vfio/device.js';
import { RegisterSet } from '../../src/vfio/registers/register-set.js';
import { KeptBytes } from '../../src/vfio/snapshot/kept-bytes.js';
import { cellPlan } from '../../src/vfio/snapshot/plan.js';
import { difference, intersection, type Range } from '../../src/vfio/snapshot/ranges.js';
import type { Snapshot } from '../../src/vfio/snapshot/format.js';
import { field, map, register } from './register-fixture.js';
import { lastData, memfdSession, sramBench } from './session-fixture.js';

const script = { prefixes: false };
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-snap-'));
after(() => rmSync(folder, { recursive: true }));

/** What the journal has of accesses from `sequence` on: 'read region1+0x8 32', a block cell by cell. */
function accesses(device: Device, sequence: number): string[] {
  return [...device.journal.entries(sequence)].flatMap((entry) => {
    // A refused cell of a block has an entry of its own, beside the block's.
    if (!('offset' in entry) || ('fault' in entry && entry.fault !== undefined)) return [];
    const { space, offset, width } = entry;
    const text = (at: number): string => `${entry.kind.split('-')[0]} ${space}+0x${at.toString(16)} ${width}`;
    if (!('stride' in entry)) return [text(offset)];
    return Array.from({ length: entry.count }, (_, nth) => text(offset + nth * entry.stride));
  });
}

function kept(path: string): Snapshot {
  return JSON.parse(readFileSync(path, 'utf8')) as Snapshot;
}

test('bytes that are kept are those that were put, and no others', () => {
  const word = fc.record({
    cell: fc.integer({ min: 0, max: 4000 }),
    width: fc.constantFrom(8, 16, 32, 64),
    value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    times: fc.integer({ min: 1, max: 900 }),
  });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      const bytes = new KeptBytes();
      const model = new Map<number, number>();
      for (const { cell, width, value, times } of words) {
        const step = width / 8;
        const cut = BigInt.asUintN(width, value);
        bytes.put(cell * step, width, cut, times);
        for (let at = 0; at < times * step; at += 1)
          model.set(cell * step + at, Number((cut >> BigInt(8 * (at % step))) & 0xffn));
      }
      const known = bytes.ranges();
      assert.equal(
        known.reduce((sum, [start, end]) => sum + end - start, 0),
        model.size,
      );
      const one = new Uint8Array(1);
      for (const [start, end] of known) {
        for (let at = start; at < end; at += 1) {
          assert.ok(bytes.read(at, one));
          assert.equal(one[0], model.get(at));
        }
        assert.equal(bytes.read(end, one), false);
        const all = new Uint8Array(end - start);
        assert.ok(bytes.read(start, all));
        assert.equal(bytes.word(start - (start % 8), 64) === undefined, start % 8 !== 0 || end - start < 8);
      }
    }),
    { numRuns: 50 },
  );
});

test('intersections and differences of ranges are those of their bytes', () => {
  const ranges = fc
    .uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 12 })
    .map((cuts) => cuts.toSorted((a, b) => a - b))
    .map((cuts) => cuts.flatMap((cut, nth): Range[] => (nth % 2 === 1 ? [[cuts[nth - 1] ?? 0, cut]] : [])));
  const bytesOf = (list: readonly Range[]): number[] =>
    list.flatMap(([start, end]) => Array.from({ length: end - start }, (_, nth) => start + nth));
  fc.assert(
    fc.property(ranges, ranges, (a, b) => {
      const [left, right] = [bytesOf(a), new Set(bytesOf(b))];
      assert.deepEqual(
        bytesOf(intersection(a, b)),
        left.filter((byte) => right.has(byte)),
      );
      assert.deepEqual(
        bytesOf(difference(a, b)),
        left.filter((byte) => !right.has(byte)),
      );
    }),
  );
});

test('a plan has every byte once, registers at their own widths, and no cell over what must not be read', () => {
  const placed = fc.record({
    at: fc.integer({ min: 0, max: 31 }),
    width: fc.constantFrom(8, 16, 32, 64),
    readEffect: fc.constantFrom(undefined, 'clear' as const),
    access: fc.constantFrom('rw' as const, 'ro' as const, 'wo' as const, 'reserved' as const),
  });
  fc.assert(
    fc.property(
      fc.array(placed, { maxLength: 12 }),
      fc.constantFrom(8, 16, 32, 64),
      fc.boolean(),
      (list, width, ownWidths) => {
        const registers = new RegisterSet();
        const taken = new Set<number>();
        const chosen = list.flatMap(({ at, width: own, readEffect, access }, nth) => {
          const offset = at * 8;
          const bytes = Array.from({ length: own / 8 }, (_, byte) => offset + byte);
          if (bytes.some((byte) => taken.has(byte))) return [];
          for (const byte of bytes) taken.add(byte);
          return [register(`R${nth}`, offset, { width: own, access, ...(readEffect && { readEffect }) })];
        });
        registers.add(map('some', chosen));
        const size = 256 + 5;
        const plan = cellPlan('region0', { width, registers, ranges: [[0, size]], ownWidths });
        const covered = new Uint8Array(size);
        const cells = plan.runs.flatMap(({ offset, width: bits, count }) =>
          Array.from({ length: count }, (_, nth) => ({ offset: offset + (nth * bits) / 8, bits })),
        );
        for (const { offset, bits } of cells) {
          assert.equal(offset % (bits / 8), 0);
          for (let byte = 0; byte < bits / 8; byte += 1) covered[offset + byte] = (covered[offset + byte] ?? 0) + 1;
        }
        for (const { start, end } of plan.gaps)
          for (let at = start; at < end; at += 1) covered[at] = (covered[at] ?? 0) + 1;
        assert.ok(covered.every((times) => times === 1));
        for (const one of chosen) {
          const { offset, width: bits, readEffect, access } = one;
          const end = offset + bits / 8;
          const over = cells.filter((cell) => cell.offset < end && cell.offset + cell.bits / 8 > offset);
          const unread = readEffect !== undefined || access === 'wo' || access === 'reserved';
          if (unread) assert.deepEqual(over, []);
          else if (ownWidths) assert.deepEqual(over, [{ offset, bits }]);
        }
      },
    ),
  );
});

test('a snapshot reads each place once, at its own width, and nothing that must not be read', async (t) => {
  const { device, run, output } = await sramBench(t);
  const bank = device.region('region1');
  for (const word of [1, 2, 3]) bank.write32(0x50, word);
  const before = bank.read32(0x68);
  const from = device.journal.recorded;
  await run(`snapshot ${folder}/once.json region1`);
  const made = accesses(device, from).filter((access) => access.includes('region1'));
  assert.equal(new Set(made).size, made.length);
  assert.equal(bank.read32(0x68) - before, made.length - 7, 'those that watch do not count themselves');
  for (const [access, there] of [
    ['read region1+0x8 32', true],
    ['read region1+0x38 64', true],
    ['read region1+0x40 8', true],
    ['read region1+0x42 16', true],
    ['read region1+0x48 64', true],
    ['read region1+0x20 32', false],
    ['read region1+0x24 32', false],
    ['read region1+0x28 32', false],
    ['read region1+0x50 32', false],
  ] as const)
    assert.equal(made.includes(access), there, access);
  assert.ok(made.every((access) => access.startsWith('read')));
  assert.equal(bank.read32(0x54), 3, 'the FIFO has its words');
  assert.match(output.take(), /not read: region1 0x50\.\.0x54: FIFO: reading it changes something else/);
});

test('the file has words, registers by name, interrupts, mappings and ids; a dry run writes none', async (t) => {
  const { run, output } = await sramBench(t);
  await run(`snapshot ${folder}/none.json region1 -n`);
  assert.match(output.take(), /would read region1\+0x0 \(32 bits\), 8 cells\n/);
  assert.throws(() => kept(`${folder}/none.json`), /ENOENT/);
  await run(`poke WIDE 0x123456789abcdef0; irq enable msix 2; dma alloc ring 8K; snapshot ${folder}/all.json`);
  const { version, device, regions, irqs, mappings, registers } = kept(`${folder}/all.json`);
  assert.equal(version, 2);
  assert.deepEqual([device.ids?.pci?.vendor, device.ids?.pci?.device, device.profile], [0x1234, 0x11e9, 'sram']);
  assert.equal(registers?.values['region1.WIDE'], '0x123456789abcdef0');
  assert.equal(registers?.values['region1.FIFO'], undefined);
  assert.equal(registers?.values['config.VENDOR_ID'], '0x1234');
  const msix = irqs.find(({ name }) => name === 'msix');
  assert.deepEqual([msix?.enabled, msix?.states, msix?.signals], [2, ['armed'], '0x0']);
  const [mapping] = mappings ?? [];
  assert.deepEqual([mapping?.name, mapping?.prot], ['ring', 'rw']);
  const config = regions.find(({ name }) => name === 'config');
  assert.deepEqual([config?.blocks.length, config?.missing], [1, []], 'a config space is 32-bit words');
});

test('a snapshot opens as a device with its values, registers and reasons', async (t) => {
  const { run, output, session } = await sramBench(t);
  await run(`set CTRL EN=1 SPEED=FAST; poke R8 0x5a; poke R64 0x1122334455667788; irq enable msi 2`);
  await run(`snapshot ${folder}/opens.json`);
  await run(`open snapshot:${folder}/opens.json`);
  output.take();
  await run('reg CTRL; peek R8; peek R64; expect CTRL SPEED=FAST; config');
  const text = output.take();
  assert.match(text, /SPEED .*FAST/);
  assert.match(text, /R8 .*0x5a\n/);
  assert.match(text, /R64 .*0x1122334455667788\n/);
  assert.match(text, /1234:11e9/);
  await run('info');
  assert.match(output.take(), /mapped access: no +a snapshot has values/);
  await run('reg RC FIFO; irq; peek.b region1 0x49');
  assert.match(output.take(), /msix[\s\S]*0x77\n/);
  await assert.rejects(async () => run('peek region1 0x20'), /not in the snapshot \(RC: reading it clears it\)/);
  await assert.rejects(async () => run('peek region1 0x200'), /not in the snapshot \(EIO/);
  await assert.rejects(async () => run('poke CTRL 1'), /read-only|looked at/);
  session.close();
});

test('a snapshot of version 1 is read as ever', async (t) => {
  const { run, output } = await sramBench(t);
  const path = join(folder, 'v1.json');
  const old = {
    format: 'vfiodbg-snapshot',
    version: 1,
    taken: '2026-01-01T00:00:00.000Z',
    device: { name: 'sim:sram', via: 'vfio-user', flags: 2, regionCount: 9, irqCount: 5 },
    regions: [
      {
        index: 1,
        name: 'region1',
        flags: 3,
        size: 4096,
        width: 32,
        blocks: [{ offset: 0, words: ['0x4d415253', '0x10000', '0x7', '0x428'] }],
        missing: [{ start: 16, end: 4096, reason: 'EIO: no' }],
      },
    ],
    irqs: [{ index: 2, flags: 9, count: 32 }],
  };
  writeFileSync(path, JSON.stringify(old));
  await run(`diff ${path}`);
  const found = lastData(output);
  assert.deepEqual([found['compared'], found['differ'], found['states']], [16, 1, []]);
  assert.match(output.take(), /region1\.RW +0x00000007 +0x00000000\n/);
  await run(`restore ${path} RW`);
  await run(`open snapshot:${path}`);
  output.take();
  await run('peek region1 0xc');
  assert.match(output.take(), /0x00000428/);
  await assert.rejects(async () => run('peek region1 0x10'), /not in the snapshot \(EIO: no\)/);
});

test('diff of two files makes no access; with one the device is read where that is harmless', async (t) => {
  const { run, output, device } = await sramBench(t);
  await run(`snapshot ${folder}/a.json region1; irq enable msix 1; dma alloc ring 4K; set CTRL EN=1 SPEED=TURBO`);
  await run(`poke R16 0xbeef; snapshot ${folder}/b.json region1`);
  const from = device.journal.recorded;
  await run(`diff ${folder}/a.json ${folder}/b.json`);
  assert.deepEqual(accesses(device, from), []);
  const { places, states } = lastData(output) as { places: { name: string }[]; states: { what: string }[] };
  const names = places.map(({ name }) => name);
  for (const name of ['region1.CTRL', 'region1.R16']) assert.ok(names.includes(name), names.join());
  assert.deepEqual(
    states.map(({ what }) => what),
    ['msix', 'mapping ring'],
  );
  assert.match(output.take(), /region1\.CTRL +0x00000428 +0x00000829 +SPEED FAST -> TURBO, EN 0 -> 1\n/);
  const bank = device.region('region1');
  bank.write32(0x50, 7);
  await run(`diff ${folder}/b.json`);
  assert.equal(bank.read32(0x54), 1, 'the FIFO has its word');
  const made = accesses(device, from);
  assert.ok(!made.some((access) => /0x(20|24|28|50|58|100) /.test(access) && access.startsWith('read')), made.join());
  const now = (lastData(output)['places'] as { name: string }[]).map(({ name }) => name);
  assert.deepEqual(now, ['region1.FIFO_LEVEL', 'region1.LAST_WRITE', 'region1.READS', 'region1.WRITES']);
});

test('what only one of two snapshots has is told with the reason', async (t) => {
  const { run, output } = await sramBench(t);
  await run(`snapshot ${folder}/one.json region1 region3; snapshot ${folder}/two.json region1`);
  output.take();
  await run(`diff ${folder}/two.json ${folder}/one.json`);
  assert.match(output.take(), /only in .*one\.json: region3 0x0\.\.0x1000; not in .*two\.json: it was not read/);
  await assert.rejects(async () => run(`diff ${folder}/nope.json`), /there is no such file/);
});

test('of a large region registers are taken, and a snapshot of them opens', async () => {
  const { session, output } = memfdSession(2 ** 28);
  session.device?.registers.add(map('far', [register('FAR', 0x0f00_0000, { fields: [field('EN', [0, 0])] })]));
  await session.execute(`poke FAR 0x31; snapshot ${folder}/large.json`, script);
  assert.match(output.take(), /region0 is larger than 1 MiB: only its registers; name it to have all/);
  await session.execute(`open snapshot:${folder}/large.json`, script);
  output.take();
  await session.execute('peek region0 0x0f000000', script);
  assert.match(output.take(), /0x00000031/);
  await assert.rejects(async () => session.execute('peek region0 0', script), /no map describes it/);
  session.closeAll();
});

test('a snapshot of one region opens with the maps that the device had, and with the profile of its kind', async (t) => {
  const { session, run, device, output } = await sramBench(t);
  device.registers.add(map('mine', [register('MINE', 0x44, { space: 'region1', title: 'mine' })]));
  device.registers.add(map('elsewhere', [register('GONE', 0, { space: 'region3' })]));
  device.registers.add({ ...map('sram', [register('OTHER', 8, { space: 'region1' })]), origin: 'corrected' });
  await run(`poke region1 0x44 0x5a; poke region1 8 7; snapshot ${folder}/one.json region1 --replace`);
  output.take();
  await run(`open snapshot:${folder}/one.json`);
  assert.deepEqual(
    session.registers.maps.map(({ name }) => name),
    ['sram', 'mine'],
    'no map of a region that is not there',
  );
  assert.equal(session.device?.profile?.name, 'sram');
  output.take();
  await run('peek MINE; peek OTHER; peek regs 8');
  assert.match(output.take(), /MINE.*0x0000005a\n.*OTHER.*0x00000007\n.*0x00000007/);
  await run(`close; open snapshot:${folder}/one.json --profile sram; reg CTRL`);
  assert.match(output.take(), /EN +rw/, "the profile that was named has its own map's word");
  await run('reg MINE');
  await run(`close; open snapshot:${folder}/one.json --profile none`);
  assert.deepEqual(session.registers.maps, []);
});

test('a comparison of much can be interrupted, and tells only the first of many places', async (t) => {
  const { session, run, output } = await sramBench(t);
  const words = (from: number): { offset: number; words: string[] }[] =>
    Array.from({ length: 3000 }, (_, nth) => ({
      offset: from + nth * 16,
      words: ['0x1*2', `0x${(nth + from).toString(16)}`],
    }));
  const missing = [
    { start: 32, end: 48, reason: 'second' },
    { start: 12, end: 16, reason: 'first' },
  ];
  const file = (name: string, blocks: object[]): void => {
    const region = { index: 0, name: 'region0', flags: 3, size: 2 ** 26, width: 32, missing, blocks };
    const device = { name: 'x', via: 'cdev', flags: 2, regionCount: 1, irqCount: 0 };
    writeFileSync(
      `${folder}/${name}.json`,
      JSON.stringify({ format: 'vfiodbg-snapshot', version: 2, taken: '', device, regions: [region], irqs: [] }),
    );
  };
  file('many', words(0));
  file('more', words(4));
  await run(`diff ${folder}/many.json ${folder}/more.json --limit 3`);
  const found = lastData(output) as Record<string, unknown[]> & { differ: number; oneSidedCount: number };
  assert.deepEqual([found['places']?.length, found['oneSided']?.length], [3, 3]);
  assert.deepEqual([found.differ, found.oneSidedCount], [2999, 6000]);
  const text = output.take();
  assert.match(text, /5997 more stretches that only one has; --limit 30 shows more/);
  assert.match(text, /region0 0x0\.\.0x4; not in .*more\.json: it was not read/);
  file('wide', [{ offset: 0, words: ['0x1*1000000'] }]);
  file('wider', [{ offset: 0, words: ['0x2*1000000'] }]);
  const running = run(`diff ${folder}/wide.json ${folder}/wider.json`);
  setImmediate(() => session.interrupt());
  await assert.rejects(running, /interrupted/);
});
