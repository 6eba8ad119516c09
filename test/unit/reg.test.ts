import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { UsageError } from '../../src/repl/usage-error.js';
import type { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/errors.js';
import { body } from '../../src/vfio/profile/shipped/sram.js';
import { registerMapOf } from '../../src/vfio/registers/map-format.js';
import { json } from '../../src/views/sinks/json.js';
import { field, map, register } from './register-fixture.js';
import { KeptOutput } from './session-fixture.js';

interface Bench {
  readonly session: Session;
  readonly device: Device;
  readonly output: KeptOutput;
  /** Runs a line; what it showed, and the accesses that it made: 'read c', 'write c 1'. */
  readonly run: (line: string) => Promise<{ readonly text: string; readonly accesses: readonly string[] }>;
  /** The failure of a line that must make no access. */
  readonly refused: (line: string) => Promise<VfioError | UsageError>;
  /** What the simulator itself counted: reads and writes of region1. */
  readonly counts: () => readonly [reads: number, writes: number];
}

async function bench(t: TestContext): Promise<Bench> {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  t.after(() => session.closeAll());
  const device = await session.open('sim:sram');
  const bank = device.region('region1');
  const accessesSince = (sequence: number): string[] =>
    [...device.journal.entries(sequence)].flatMap((entry) => {
      if ('stride' in entry) return [`${entry.kind} ${entry.offset.toString(16)} x ${entry.count}`];
      // Where an access is refused, config space is asked why.
      if (!('offset' in entry) || entry.space === 'config') return [];
      return [
        `${entry.kind} ${entry.offset.toString(16)}${entry.kind === 'write' ? ` ${entry.value?.toString(16)}` : ''}`,
      ];
    });
  const run: Bench['run'] = async (line) => {
    const before = device.journal.recorded;
    await session.execute(line, { prefixes: false });
    return { text: output.take(), accesses: accessesSince(before) };
  };
  return {
    session,
    device,
    output,
    run,
    async refused(line) {
      const before = device.journal.recorded;
      try {
        await run(line);
      } catch (error) {
        assert.deepEqual(accessesSince(before), [], `${line} touched the device`);
        if (error instanceof VfioError || error instanceof UsageError) return error;
        throw error;
      }
      return assert.fail(`${line} was not refused`);
    },
    counts: () => [bank.read32(0x68), bank.read32(0x6c)],
  };
}

test('reg reads a register once and takes it apart', async (t) => {
  const { run, session } = await bench(t);
  const { text, accesses } = await run('reg region1.ctrl');
  assert.deepEqual(accesses, ['read c']);
  assert.equal(session.last, 0x428n);
  assert.equal(
    text,
    `region1.CTRL (region1+0xc): 0x00000428
    [11:8]  SPEED  rw   0x4  FAST
    [5]     ERR    w1c    1
    [4]     GO     wo     -
    [3]     READY  ro     1
    [2:1]   MODE   rw   0x0
    [0]     EN     rw     0
`,
  );
});

test('reg marks what is not as it was last seen, by whatever command, and what is not as a reset leaves it', async (t) => {
  const { run } = await bench(t);
  await run('peek region1 0xc');
  await run('poke region1 0xc 0x801');
  assert.doesNotMatch((await run('reg CTRL')).text, /\*|was/, 'what was written is what is expected');
  await run('reg RW');
  // The device changes a register by itself: EVENT sets bits of W1C.
  await run('reg W1C');
  await run('poke EVENT 0xf0000');
  const { text } = await run('reg W1C RW');
  assert.match(text, /^region1\.W1C \(region1\+0x10\): 0x000fffff, was 0x0000ffff, reset 0x0000ffff\n/);
  assert.match(text, /RW \(region1\+0x8\): 0x00000000\n/);
  const brief = (await run('poke EVENT 0x100000; reg W1C RW --brief')).text;
  assert.match(brief, /\n\* +region1\.W1C +0x001fffff +was 0x000fffff/);
  assert.match(brief, /\n +region1\.RW/);
  await run('reg CTRL; poke CTRL.SPEED 8; poke CTRL.SPEED 1');
  assert.match((await run('reg CTRL')).text, /SPEED +rw +0x1 +SLOW, reset 0x4 FAST/);
});

test('a fault is an answer in its row; what a read would change is skipped, until it is forced', async (t) => {
  const { run, device, counts } = await bench(t);
  device.registers.add(
    map('holes', [register('HOLE', 0x44, { space: 'region1', width: 16 }), register('GHOST', 0, { space: 'region9' })]),
  );
  const [reads] = counts();
  const { text, accesses } = await run('reg FIFO RC RS WO HOLE GHOST ID');
  assert.deepEqual(accesses, ['read 44', 'read 0'], 'a refused read is in the journal as well');
  assert.equal(counts()[0] - reads, 2);
  assert.match(text, /FIFO .*: skipped: FIFO: reading it changes something else \(--force reads it\)/);
  assert.match(text, /WO .*: skipped: WO can only be written/);
  assert.match(text, /HOLE .*: unreadable: /);
  assert.match(text, /GHOST .*: unreadable: the device has no region9/);
  assert.match(text, /ID .*: 0x4d415253/);
  assert.deepEqual((await run('reg RC --force')).accesses, ['read 20']);
});

test('a profile can warn of a register whose map says nothing', async (t) => {
  const { run, device } = await bench(t);
  device.registers.addCautions([{ space: 'region1', start: 8, end: 12, reason: 'RW: reading it hangs the bus' }]);
  const { text, accesses } = await run('reg RW');
  assert.deepEqual(accesses, []);
  assert.match(text, /skipped: RW: reading it hangs the bus/);
});

test('many registers are read a piece at a time, each once, and JSON has every one', async (t) => {
  const { run, device, session, output } = await bench(t);
  device.registers.add(
    map(
      'many',
      Array.from({ length: 200 }, (_, nth) => register(`M[${nth}]`, 0x1000 + 4 * nth)),
    ),
  );
  const { accesses } = await run('reg M --brief');
  assert.equal(accesses.length, 200);
  assert.equal(new Set(accesses).size, 200);
  await session.execute('reg M[3] CTRL', { prefixes: false });
  const [view] = output.views.splice(0);
  assert.ok(view);
  const shown = JSON.parse(json(view)) as { registers: { name: string; fields: object[] }[] };
  assert.deepEqual(
    shown.registers.map(({ name }) => name),
    ['M[3]', 'CTRL'],
  );
  assert.deepEqual(shown.registers[1]?.fields[0], {
    name: 'SPEED',
    high: 11,
    low: 8,
    access: 'rw',
    value: 4,
    valueName: 'FAST',
  });
});

test('reg without a name says how many there would be; an unknown one is met with near ones', async (t) => {
  const { refused } = await bench(t);
  assert.match((await refused('reg')).message, /which registers/);
  const error = await refused('reg CTRK');
  assert.ok(error instanceof UsageError);
  assert.match(error.hint ?? '', /CTRL/);
});

test('set changes its fields and no other: one read, one write, ones that act are not written back', async (t) => {
  const { run, device } = await bench(t);
  const { text, accesses } = await run('set CTRL EN=1 SPEED=turbo');
  assert.deepEqual(accesses, ['read c', 'write c 809'], 'ERR and GO are not written back');
  assert.equal(
    text,
    `region1.CTRL (region1+0xc): 0x00000428 -> (0x801:0xf01) -> 0x00000809
  [11:8]  SPEED  0x4 FAST -> 0x8 TURBO
  [0]     EN     0 -> 1
  ERR as zeros, which leaves it as it is (w1c)
  GO as after a reset: 0x00000000
`,
  );
  assert.equal(device.region('region1').read32(0xc), 0x829, 'ERR is still set');
  await run('set CTRL ERR=1');
  assert.equal(device.region('region1').read32(0xc), 0x809, 'and is cleared when it is asked for');
});

test('poke of a field is set of one field; poke of a register with a mask leaves what acts alone as well', async (t) => {
  const { run, device } = await bench(t);
  assert.deepEqual((await run('poke CTRL.MODE 3')).accesses, ['read c', 'write c 40e']);
  assert.match(
    (await run('poke CTRL.EN 1')).text,
    /^region1\.CTRL\.EN \(region1\+0xc\): .*\n {2}\[0\] {2}EN {2}0 -> 1\n/,
  );
  assert.deepEqual((await run('poke CTRL 0x6:0x6')).accesses, ['read c', 'write c 40f']);
  assert.equal(device.region('region1').read32(0xc) & 0x20, 0x20);
  assert.deepEqual(
    (await run('poke region1 0xc 0x6:0x6')).accesses,
    ['read c', 'write c 42f'],
    'an offset is no register: its bits are written as they were read',
  );
});

test('nothing is read where the fields are all that can be written', async (t) => {
  const { run, device } = await bench(t);
  const apart = { space: 'region1', reset: 0x5an } as const;
  device.registers.add(
    map('fields', [
      register('PAIR', 8, { ...apart, fields: [field('HIGH', [31, 16]), field('LOW', [15, 0])] }),
      register('MIX', 8, {
        ...apart,
        fields: [
          field('FLAG', [9, 9], { writeEffect: 'w1c' }),
          field('STATUS', [7, 4], { access: 'ro' }),
          field('KEEP', [2, 2], { writeEffect: 'w0c' }),
          field('EN', [0, 0]),
        ],
      }),
    ]),
  );
  assert.deepEqual((await run('set PAIR HIGH=1 LOW=2')).accesses, ['write 8 10002']);
  const { text, accesses } = await run('set MIX EN=1');
  assert.deepEqual(accesses, ['write 8 5f'], 'read-only bits as after a reset, w0c as ones, w1c as zeros');
  assert.match(text, /: <- 0x0000005f\n {2}\[0\] {2}EN {2}<- 1\n/);
});

test('what can only be written is never read: last written, else as after a reset, else refused', async (t) => {
  const { run, refused, device } = await bench(t);
  const fields = [field('MODE', [7, 4], { access: 'wo' }), field('GO', [0, 0], { access: 'wo' })];
  const apart = { space: 'region1', access: 'wo', fields } as const;
  device.registers.add(map('wo', [register('CMD', 0x28, { ...apart, reset: 0x30n }), register('RAW', 0x8, apart)]));
  const first = await run('set CMD GO=1');
  assert.deepEqual(first.accesses, ['write 28 31']);
  assert.match(first.text, /MODE as after a reset: 0x00000030/);
  await run('poke CMD 0x70');
  const second = await run('set CMD GO=1');
  assert.deepEqual(second.accesses, ['write 28 71']);
  assert.match(second.text, /MODE as last seen: 0x00000070/);
  const error = await refused('set RAW GO=1');
  assert.match(error.message, /MODE can only be written: its value is not known/);
  assert.deepEqual((await run('set RAW GO=1 MODE=2')).accesses, ['write 8 21']);
  assert.deepEqual((await run('set RAW GO=0 --verify')).accesses, ['write 8 20', 'read 8']);
  await run('reset');
  assert.match((await run('set CMD GO=1')).text, /as after a reset/, 'a reset takes away what was written');
});

test('a register that a read changes is not read for set', async (t) => {
  const { run, refused, device } = await bench(t);
  const fields = [field('A', [7, 4]), field('B', [3, 0]), field('F', [8, 8], { access: 'ro', readEffect: 'clear' })];
  device.registers.add(map('effect', [register('EFF', 8, { space: 'region1', fields, readEffect: 'clear' })]));
  assert.match((await refused('set EFF A=1')).message, /EFF: reading it clears it, and B would have to be read/);
  assert.deepEqual((await run('set EFF A=1 B=2')).accesses, ['write 8 12']);
  assert.deepEqual((await run('set EFF A=3')).accesses, ['write 8 32'], 'B is known by now');
  assert.deepEqual((await run('set EFF A=1 --force')).accesses, ['read 8', 'write 8 12']);
});

test('set keeps to what the map allows, before anything reaches the device', async (t) => {
  const { run, refused, device } = await bench(t);
  device.registers.add(
    map('rules', [
      register('RULES', 8, {
        space: 'region1',
        fields: [
          field('KIND', [31, 28], { values: { A: 1, B: 2 }, constraint: { kind: 'enumerated' } }),
          field('LEVEL', [27, 20], { constraint: { kind: 'range', from: 2n, to: 9n } }),
          field('ID', [19, 16], { access: 'ro' }),
          field('STILL', [15, 12], { constraint: { kind: 'as-read' } }),
          field('EN', [0, 0]),
        ],
      }),
      register('STROBE', 0x18, {
        space: 'region1',
        fields: [field('ACK', [1, 1], { writeEffect: 'clear' }), field('EN', [0, 0])],
      }),
    ]),
  );
  assert.match((await refused('set RULES KIND=3')).message, /KIND may only be one of A, B, not 0x3/);
  assert.match((await refused('set RULES LEVEL=1')).message, /LEVEL may be 0x2 to 0x9/);
  assert.match((await refused('set RULES ID=1')).message, /ID is read-only/);
  assert.match((await refused('set RULES STILL=1')).message, /STILL is to be written as it is read/);
  assert.match((await refused('set RULES EN=2')).message, /does not fit/);
  assert.match((await refused('set STROBE EN=1')).message, /any write clears ACK/);
  assert.match((await refused('poke RULES.ID 1')).message, /ID is read-only/);
  assert.match((await refused('poke.b RULES 1:1')).message, /RULES has 32 bits/);
  assert.match((await refused('decode RULES.EN 1')).message, /EN is a field/);
  const behind = await refused('set RULES.EN=1');
  assert.ok(behind instanceof UsageError);
  assert.equal(behind.hint, 'RULES EN=1');
  assert.deepEqual((await run('set RULES KIND=B')).accesses, ['read 8', 'write 8 20000000']);
  assert.deepEqual((await run('set RULES KIND=3 --force')).accesses, ['read 8', 'write 8 30000000']);
  assert.deepEqual((await run('set STROBE EN=1 ACK=0')).accesses, ['write 18 1']);
});

test('a dry run of set says what it would read and write, and does neither', async (t) => {
  const { run } = await bench(t);
  const { text, accesses } = await run('set CTRL EN=1 --verify -n');
  assert.deepEqual(accesses, []);
  assert.equal(
    text,
    `would read region1+0xc (32 bits)
would write region1+0xc (32 bits) <- (what was read & 0xffffffce) | 0x00000001
would read region1+0xc (32 bits)
  ERR as zeros, which leaves it as it is (w1c)
  GO as after a reset: 0x00000000
`,
  );
  assert.deepEqual((await run('poke CTRL.EN 1 -n')).accesses, []);
  assert.deepEqual((await run('reg CTRL -n')).accesses, []);
});

test('the JavaScript of set does what set does', async (t) => {
  const { run, session, device } = await bench(t);
  const line = 'set CTRL EN=1 SPEED=8 --js';
  const code = (await run(line)).text.trim();
  await session.execute(`= ${code}`, { prefixes: false });
  assert.equal(device.region('region1').read32(0xc), 0x829);
});

test('decode needs no device, and touches none', async (t) => {
  const { run, session, refused, output } = await bench(t);
  const { text, accesses } = await run('decode CTRL 0xf0000800');
  assert.deepEqual(accesses, []);
  assert.match(text, /^region1\.CTRL \(region1\+0xc\): 0xf0000800, reset 0x00000428\n {4}\[31:28\] +\(no field\)/);
  assert.match(text, /SPEED +rw +0x8 +TURBO, reset 0x4 FAST/);
  assert.match((await refused('decode CTRL 0x100000000')).message, /does not fit/);
  session.closeAll();
  session.registers.add(registerMapOf(body.registers, { origin: 'sram' }));
  output.take();
  await session.execute('decode region1.CTRL 1', { prefixes: false });
  assert.equal(session.device, undefined);
  assert.match(output.take(), /EN +rw +1/);
});

test('no name of a map moves the cursor', async (t) => {
  const { run, device } = await bench(t);
  device.registers.add(
    map('hostile', [
      register('EVIL', 8, {
        space: 'region1',
        title: '\x1b[2J',
        fields: [field('\x1b]0;x\x07', [0, 0], { values: { '\x1b[31m': 0 } })],
      }),
    ]),
  );
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch((await run('reg EVIL')).text, /\x1b|\x07/);
});
