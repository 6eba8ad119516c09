import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { field, map, register } from './register-fixture.js';
import { lastData, memfdSession, sramBench } from './session-fixture.js';

const script = { prefixes: false };
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-borrowed-'));
after(() => rmSync(folder, { recursive: true }));

/** A device that nobody describes, all of whose bytes are ones, and a snapshot of zeros of it with a map of these registers. */
async function undescribed(
  name: string,
  ...registers: Parameters<typeof map>[1]
): Promise<{
  made: ReturnType<typeof memfdSession>;
  file: string;
  taken: () => string[];
}> {
  const file = join(folder, `${name}.json`);
  const before = memfdSession();
  before.session.device?.registers.add(map('brought', registers));
  await before.session.execute(`snapshot ${file}`, script);
  before.session.closeAll();
  const made = memfdSession();
  const device = made.session.device ?? assert.fail();
  device.mmap = false;
  await made.session.execute('fill region0 0..64 0xffffffff', script);
  made.transport.calls.splice(0);
  made.output.take();
  const taken = (): string[] => made.transport.calls.splice(0).map(({ operation, offset }) => `${operation} ${offset}`);
  return { made, file, taken };
}

test('where the device has no map, those of the snapshot say what is written, and that is told', async (t) => {
  const { run, output } = await sramBench(t);
  const file = join(folder, 'sram.json');
  await run(`poke RW 0x1234; snapshot ${file} region1; close; open sim:sram --profile none`);
  await run('poke region1 8 7; poke region1 0x10 0');
  output.take();
  await run(`restore ${file} -n`);
  assert.match(output.take(), /no map of the device describes region1: .*\n[\s\S]*would read region1\.RW/);
  await run(`restore ${file}`);
  const text = output.take();
  assert.match(
    text,
    /^no map of the device describes region1: what may be written there is what those of the snapshot say/,
  );
  assert.match(text, /region1\.RW +0x00000007 +0x00001234/);
  assert.match(text, /not restored: region1\.FIFO: FIFO: reading it changes something else/);
  assert.match(text, /region1\.W1C: w1c/);
  await run(`poke region1 8 9; poke.b region1 0x40 1; restore ${file} R?`);
  const { written } = lastData(output) as { written: { name: string }[] };
  assert.deepEqual(written.map(({ name }) => name).toSorted(), ['region1.R8', 'region1.RW']);
  await assert.rejects(run(`restore ${file} NONE`), /there is no register "NONE"/);
});

test('what the profile of the device would not have had written is not written where only the snapshot knows it', async (t) => {
  const { run, output } = await sramBench(t);
  const file = join(folder, 'edu.json');
  await run(`close; open sim:edu; poke LIVE 1; poke DMA_SRC 0x40000; snapshot ${file} region0 --registers`);
  await run('close; open sim:edu --profile none');
  output.take();
  await run(`restore ${file}`);
  const { written } = lastData(output) as { written: { name: string }[] };
  assert.deepEqual(
    written.map(({ name }) => name),
    ['LIVE', 'STATUS', 'DMA_SRC', 'DMA_DST', 'DMA_COUNT'].map((name) => `region0.${name}`),
  );
});

test('kinds of access in the snapshot decide: exactly the accesses of what stores, and none to what acts', async () => {
  const { made, file, taken } = await undescribed(
    'kinds',
    register('PLAIN', 0),
    register('FLAGS', 4, { writeEffect: 'w1c' }),
    register('FIFO', 8, { readEffect: 'external' }),
    register('KEY', 12, { access: 'wo' }),
    register('LOW', 16, { fields: [field('EN', [0, 0])] }),
  );
  await made.session.execute(`restore ${file}`, script);
  assert.deepEqual(taken(), ['read 0', 'write 0', 'read 16', 'write 16']);
  made.session.closeAll();
});

test("a map of the device has the only word on its region, and its profile's cautions hold", async () => {
  const { made, file, taken } = await undescribed(
    'word',
    register('PLAIN', 0),
    register('OTHER', 4),
    register('THIRD', 8),
  );
  const { session, output } = made;
  const device = session.device ?? assert.fail();
  const stop = device.registers.addCautions([{ space: 'region0', start: 4, end: 8, reason: 'it hangs the bus' }]);
  await session.execute(`restore ${file}`, script);
  assert.deepEqual(taken(), ['read 0', 'write 0', 'read 8', 'write 8']);
  assert.match(output.take(), /not restored: region0\.OTHER: it hangs the bus/);
  stop();
  device.registers.add(map('own', [register('STATUS', 0, { writeEffect: 'w1c' })]));
  await session.execute(`restore ${file}`, script);
  assert.deepEqual(taken(), []);
  assert.doesNotMatch(output.take(), /those of the snapshot say|OTHER/);
  await assert.rejects(async () => session.execute(`restore ${file} OTHER`, script), /there is no register "OTHER"/);
  session.closeAll();
});

test('a snapshot that describes other things than the regions, or places past their end, has nothing written there', async () => {
  const { made, file, taken } = await undescribed('hostile', register('PLAIN', 0x20), register('FAR', 0x10));
  const { session, output } = made;
  interface Kept {
    regions: { index: number; name: string; size: number; blocks: object[]; missing: object[] }[];
    registers: { maps: { name: string; description: { space?: string; registers: { offset: unknown }[] } }[] };
  }
  const kept = JSON.parse(readFileSync(file, 'utf8')) as Kept;
  const [region] = kept.regions;
  const [first] = kept.registers.maps;
  if (region === undefined || first === undefined) assert.fail();
  kept.regions.push({ ...region, index: 9, name: 'ring' });
  region.size = 0x2000;
  region.blocks = [{ offset: 0, words: ['0x0*2048'] }];
  region.missing = [];
  const [plain, far] = first.description.registers;
  if (plain === undefined || far === undefined) assert.fail();
  far.offset = '0x1ff0';
  for (const space of ['ring', 'iova', 'region7'])
    kept.registers.maps.push({ ...first, name: space, description: { space, registers: [{ ...plain, offset: 0 }] } });
  writeFileSync(file, JSON.stringify(kept));
  await session.execute(`restore ${file}`, script);
  assert.deepEqual(taken(), ['read 32', 'write 32']);
  assert.match(output.take(), /not restored: region0\.FAR: past the end of region0/);
  session.closeAll();
});

test('a small snapshot that asks for more registers, or a longer order, than there can be is no work without end', async () => {
  const { made, file } = await undescribed('greedy', register('PLAIN', 0));
  const { session, output } = made;
  interface Kept {
    registers: { maps: { name: string; origin: string; description: unknown }[]; restore?: string[] };
  }
  const kept = JSON.parse(readFileSync(file, 'utf8')) as Kept;
  const all = { name: 'R', offset: 0, count: 200_000, stride: 4 };
  kept.registers.maps = Array.from({ length: 50 }, (_, nth) => ({
    name: `m${nth}`,
    origin: 'x',
    description: { name: `m${nth}`, registers: [all, { ...all, name: 'S' }] },
  }));
  writeFileSync(file, JSON.stringify(kept));
  kept.registers.restore = ['NONE'];
  writeFileSync(file, JSON.stringify(kept));
  await session.execute(`restore ${file} -n`, script);
  assert.match(output.take(), /would restore nothing/);
  kept.registers.restore = Array.from({ length: 20 }, (_, nth) => `*${nth}*`);
  writeFileSync(file, JSON.stringify(kept));
  await assert.rejects(
    async () => session.execute(`restore ${file} -n`, script),
    /the 20 patterns .* too many for 200000/,
  );
  session.closeAll();
});

test('two registers at one place: none is written by whose write the other would act', async () => {
  const { made, file, taken } = await undescribed(
    'twice',
    register('DATA', 0),
    register('CLEAR', 0, { writeEffect: 'w1c' }),
    register('PLAIN', 8),
  );
  await made.session.execute(`restore ${file}`, script);
  assert.deepEqual(taken(), ['read 8', 'write 8']);
  assert.match(made.output.take(), /not restored: region0\.DATA: a write acts on CLEAR, which is at the same place/);
  made.session.closeAll();
});
