import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/errors.js';
import { UsageError } from '../../src/repl/usage-error.js';
import { pwrite } from '../../src/vfio/sys/libc.js';
import { MemfdTransport } from './memfd-transport.js';
import { KeptOutput, memfdSession } from './session-fixture.js';

const output = new KeptOutput();
const session = new Session(new Registry(commandModules), output);
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-misuse-'));
after(() => {
  session.closeAll();
  rmSync(folder, { recursive: true });
});
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

/** Runs a line that fails with `message` behind the reads it makes. */
async function refusedAfter(line: string, message: RegExp): Promise<void> {
  await assert.rejects(async () => session.execute(line, { prefixes: false }), message, line);
  assert.equal(output.take(), '', line);
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

test('a value that is wider by its sign only is met with what it is in that width', async () => {
  const hint = async (line: string): Promise<string | undefined> => {
    const error: unknown = await shown(line).catch((failed: unknown) => failed);
    assert.ok(error instanceof VfioError, line);
    return error.details.hint;
  };
  assert.equal(await hint('poke region0 0x8000 -1'), 'in 32 bits it is 0xffffffff');
  assert.equal(await hint('poke.b region0 0x8000 ~0x80'), 'in 8 bits it is 0x7f');
  assert.equal(await hint('fill.w region0 0x8000 4B -2'), 'in 16 bits it is 0xfffe');
  assert.match((await hint('poke region0 0x8000 0x1ffffffff')) ?? '', /^use a wider access/);
  assert.match(await shown('poke.q region0 0x9000 -1'), /<- 0xffffffffffffffff$/m);
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

test('a mask that is wider than the access is refused, and a write that cannot be made reads nothing first', async () => {
  await refused('poke.b region0 0x8000 -1', /0xffffffffffffffff does not fit 8 bits/);
  await refused('poke region0 0x8000 0:0x100000000', /the mask 0x100000000 does not fit 32 bits/);
  await refused('poke region3 0 1:1', /region3 is read-only|the region is read-only/);
  await refused('save region0 0..0x10 /dev/null --fill 0x100000000', /does not fit 32 bits/);
});

test('what is no plain file is written to and not replaced, and no pipe is waited for', async () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  await refused(`save region0 0..16 ${pipe}`, /ENXIO: nobody reads that pipe/);
  await refused(`snapshot ${pipe} region1`, /ENXIO/);
  await refused(`record ${pipe}`, /ENXIO/);
  await refused(`load ${pipe} region0 0x8000`, /it is no plain file/);
  await refused(`dma map ${pipe} --prot r`, /it is no regular file/);
  await refused(`dt --dtb ${pipe}`, /it is no plain file/);
  await refused(`regs load ${pipe}`, /it is no plain file/);
  await refused(`iommu verify --tables ${pipe}`, /it is no plain file/);
  await refused('iommu verify --tables /dev/zero', /it is no plain file/);
  assert.ok(statSync(pipe).isFIFO());
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  assert.match(await shown(`save region0 0..16 ${pipe}`), /16 bytes saved/);
  const got = Buffer.alloc(32);
  assert.equal(readSync(reader, got), 16);
  closeSync(reader);
  const device = join(folder, 'full');
  if (process.getuid?.() === 0) execFileSync('mknod', [device, 'c', '1', '7']);
  else symlinkSync('/dev/full', device);
  await refusedAfter(`save region0 0..16 ${device}`, /ENOSPC: no space left/);
  await refusedAfter(`snapshot ${device} region2`, /ENOSPC: no space left/);
  assert.ok(statSync(device).isCharacterDevice());
});

test('a file behind a link is replaced and the link stays; its rights stay; nothing else is left in the folder', async () => {
  const [target, link] = [join(folder, 'kept', 'target.bin'), join(folder, 'kept', 'link.bin')];
  mkdirSync(join(folder, 'kept'));
  writeFileSync(target, 'old', { mode: 0o600 });
  symlinkSync(target, link);
  await shown(`save region0 0..16 ${link} --replace`);
  assert.ok(lstatSync(link).isSymbolicLink());
  assert.equal(readFileSync(target).length, 16);
  assert.equal(statSync(target).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(folder, 'kept')), ['link.bin', 'target.bin']);
});

test('files that cannot be had are told apart, in words', async () => {
  await refused(`save region0 0..16 ${folder}`, /EISDIR: it is a folder/);
  await refused(`save region0 0..16 ${folder}/none/x`, /ENOENT: there is no such file or folder/);
  await refused(`snapshot ${folder}/none/x region1`, /ENOENT: there is no such file or folder/);
  await refused(`save region0 0..16 /${'a/'.repeat(5000)}`, /ENAMETOOLONG: name too long/);
  await refused(`load ${folder}/none region0 0`, /ENOENT: there is no such file or folder/);
  await refused(`load ${folder} region0 0`, /it is no plain file/);
});

test('a recording can be run again: prefixes in full, mistakes as comments, scripts as one line, up to the last command', async () => {
  const [file, inner] = [join(folder, 'recorded.vfio'), join(folder, 'inner.vfio')];
  writeFileSync(inner, 'poke region0 $1 0x77\n');
  const typed = { prefixes: true };
  const own = new Session(new Registry(commandModules), output);
  const device = await own.open('sim:sram');
  await own.execute('$base = 0x9000; use region1', typed);
  await own.execute(`record ${file} --note "first\\e[2J"`, typed);
  await own.execute('use region0; mw.b $base 0x5a', typed);
  await assert.rejects(async () => own.execute('peek region0 1', typed));
  await own.execute('pee region0 $base', typed);
  await assert.rejects(async () => own.execute('wait region0 $base == 1 --timeout 1ms', typed));
  await assert.rejects(async () => own.execute('peek regoin0 0', typed));
  await own.execute(`run ${inner} 0x9004; peek? ; = device.region(0).write16(0x9008, 0x1234)`, typed);
  own.closeAll();
  assert.ok(device.gate.lost);
  output.take();
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  assert.ok(
    lines.every((line) => /^[\x20-\x7e]*$/.test(line)),
    'nothing in it moves a cursor',
  );
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('#')),
    [
      '$base = 0x9000',
      'use region1',
      'use region0',
      'poke.b $base 0x5a',
      'peek region0 $base',
      `run ${inner} 0x9004`,
      'peek?',
      '= device.region(0).write16(0x9008, 0x1234)',
    ],
  );
  assert.deepEqual(
    lines.filter((line) => line.startsWith('# failed')),
    ['# failed: peek region0 1', '# failed: wait region0 $base == 1 --timeout 1ms'],
  );
  const again = new Session(new Registry(commandModules), output);
  await again.open('sim:sram');
  await again.execute(`run ${file}`, { prefixes: false });
  output.take();
  assert.equal(again.device?.region(0).read32(0x9000), 0x5a);
  assert.equal(again.device?.region(0).read32(0x9004), 0x77);
  assert.equal(again.device?.region(0).read16(0x9008), 0x1234);
  again.closeAll();
});

test('a recording whose file takes no more ends, and nothing else does', async () => {
  await refused('record /dev/full', /ENOSPC/);
  assert.match(await shown('record'), /nothing is being recorded/);
  const pipe = join(folder, 'small');
  execFileSync('mkfifo', [pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  await shown(`record ${pipe}`);
  closeSync(reader);
  output.notices.length = 0;
  await shown('peek region0 0');
  assert.match(await shown('peek region0 0'), /0x4d415253/);
  assert.match(output.notices.join(), /the recording to .*small ended: EPIPE/);
  assert.match(await shown('record'), /nothing is being recorded/);
});

test('the JavaScript that --js prints makes the very accesses of its command; printing it makes none', async () => {
  const lines = [
    'peek region0 0',
    'peek.b region0 3',
    'peek.q region0 8 --allow-split',
    'peek.w region0 0 4 --stride 8',
    'peek config.COMMAND',
    'poke region0 0x8000 0x80000000:0xff000000 --verify',
    'poke.q region0 0x8000 0xffffffffffffffff',
    'poke.q region0 0x8000 1:3',
    'dump.b region0 0 16',
    'fill.w region0 0x8000 4 0x1234',
    'dump buffer 0 64B',
    'poke buffer 0x10 0x5a',
    'irq trigger msix 2',
    'irq wait msix 2 --timeout 1s',
    'irq disable msix',
    'reset',
  ];
  const entries = (of: Session, from: number): unknown[] =>
    [...(of.device?.journal.entries() ?? [])]
      .filter(({ kind }) => kind !== 'command')
      .slice(from)
      .map(({ sequence: _sequence, time: _time, ...what }) => what);
  const [one, other] = [0, 1].map(() => new Session(new Registry(commandModules), output)) as [Session, Session];
  for (const each of [one, other]) {
    await each.open('sim:sram');
    await each.execute('irq enable msix; dma alloc buffer 4K', { prefixes: false });
  }
  for (const line of lines) {
    const from = entries(one, 0).length;
    assert.equal(entries(other, 0).length, from);
    output.take();
    await other.execute(`${line} --js`, { prefixes: false });
    assert.equal(entries(other, from).length, 0, line);
    const code = output.take().trim();
    await one.execute(line, { prefixes: false });
    await other.execute(`= ${code}`, { prefixes: false });
    assert.deepEqual(entries(other, from), entries(one, from), `${line}: ${code}`);
  }
  one.closeAll();
  other.closeAll();
});

test('an option js prints, or refuses, what has an effect; it never does it', async () => {
  await shown('option js on');
  for (const line of [
    'wait region0 0 == 0',
    'expect region0 0 == 0',
    'save region0 0..16 /tmp/x',
    'load /tmp/x region0 0',
  ])
    await refused(line, /has no JavaScript that does the same/);
  const before = accesses();
  assert.equal(
    await shown('fill region0 0x8000 1 0x12'),
    "device.region('region0').writeBlock({ offset: 0x8000, width: 32, count: 1 }, Buffer.alloc(4, '12000000', 'hex'))\n",
  );
  assert.equal(accesses(), before);
  await shown('option js off');
});

test('a wrong second word is met with the right ones, wrong numbers with what they can be', async () => {
  await refused('irq enabel msi', /irq has no "enabel"/);
  await refused('irq s', /irq has no "s"/);
  const hint = async (line: string): Promise<string> => {
    try {
      await session.execute(line, { prefixes: false });
    } catch (error) {
      if (error instanceof UsageError) return error.hint ?? '';
      if (error instanceof VfioError) return error.details.hint ?? '';
      throw error;
    }
    return '';
  };
  assert.equal(await hint('irq enabel msi'), 'did you mean enable?');
  assert.equal(await hint('irq enable msi 0'), 'it is 1 or more');
  await shown('irq enable msix 2');
  assert.equal(await hint('irq trigger msix 5'), 'irq disable msix; irq enable msix 6');
  assert.equal(await hint('irq trigger msix 99'), 'the device has 32, counted from 0');
  await shown('irq disable');
});

test('waiting changes nothing, and is allowed in a read-only session', async () => {
  await shown('irq enable msix 1; irq trigger msix; option readonly on');
  assert.match(await shown('irq wait msix'), /msix\[0\] \(software\)|msix \(software\)/);
  await assert.rejects(async () => session.execute('irq trigger msix', { prefixes: false }), /read-only/);
  await shown('option readonly off; irq disable');
});

test('a command with followers takes no arguments of its own, or says so: a follower that is spelled wrong is told from them', async () => {
  const registry = new Registry(commandModules);
  const takers = commandModules.flatMap(({ takesArguments = [] }) => takesArguments);
  for (const { name, arguments: own } of await registry.loadAll())
    if (registry.subcommands(name).length > 0) assert.equal(Object.keys(own).length > 0, takers.includes(name), name);
});
