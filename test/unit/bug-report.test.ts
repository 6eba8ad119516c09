import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { discreet } from '../../src/repl/bug-report/discreet.js';
import { kernelWords } from '../../src/repl/bug-report/machine.js';
import { commandModules } from '../../src/repl/commands/index.js';
import { Interrupted } from '../../src/repl/interrupted.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { VfioError } from '../../src/vfio/errors.js';
import type { JournalEntry } from '../../src/vfio/journal.js';
import { FakeMachine } from './fake-machine.js';
import { map, register } from './register-fixture.js';
import { KeptOutput, memfdSession } from './session-fixture.js';

const script = { prefixes: false };
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-report-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

function newFile(extension = 'md'): string {
  files += 1;
  return join(folder, `report-${files}.${extension}`);
}

interface Bench {
  readonly session: Session;
  readonly output: KeptOutput;
  readonly run: (line: string) => Promise<void>;
}

async function bench(t: TestContext, device?: string): Promise<Bench> {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  t.after(() => session.closeAll());
  if (device !== undefined) await session.open(device);
  return { session, output, run: async (line) => session.execute(line, script) };
}

/** 'region1+0x8 32': the cells that the journal says were read. */
function reads(entries: Iterable<JournalEntry>): string[] {
  return [...entries].flatMap((entry) => {
    if (!('offset' in entry)) return [];
    assert.match(entry.kind, /^read/);
    const { space, offset, width } = entry;
    const [count, stride] = 'stride' in entry ? [entry.count, entry.stride] : [1, 0];
    return Array.from({ length: count }, (_, nth) => `${space}+0x${(offset + nth * stride).toString(16)} ${width}`);
  });
}

/** The headings and fenced blocks of Markdown, as CommonMark has them (sections 4.2 and 4.5). */
function sections(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let heading = '';
  let fence: string | undefined;
  for (const line of text.split('\n')) {
    const marks = /^ {0,3}(`{3,})\s*(\S*)\s*$/.exec(line);
    if (fence !== undefined) {
      if (marks?.[2] === '' && (marks[1]?.length ?? 0) >= fence.length) fence = undefined;
      else found.set(heading, `${found.get(heading) ?? ''}${line}\n`);
    } else if (marks) fence = marks[1];
    else if (/^#{1,6} /.test(line)) {
      heading = line;
      found.set(heading, '');
    } else assert.match(line, /^(`[^`]+`|Written by [^\n]*|)$/, 'nothing of a device stands outside of a fence');
  }
  assert.equal(fence, undefined, 'every fence is closed');
  return found;
}

const ofPci = [
  '# vfiodbg report',
  '## Machine',
  '## Device',
  '## Checks',
  '## Regions',
  '## IOMMU and group',
  '## DMA faults',
  '## Device tree node',
  '## Profile',
  '## Register maps',
  '## Problems of the maps',
  '## Config space',
  '## Registers',
  '## Interrupts',
  '## Interrupt statistics',
  '## Mappings',
  '## Options',
  '## Log',
];

test('a report has a part for everything, each what its command answers', async (t) => {
  const { run, output } = await bench(t, 'sim:sram');
  const path = newFile();
  await run(`poke RW 0x77; irq enable msi; dma alloc ring 4K; report ${path}`);
  assert.match(output.take(), /report-\d+\.md: 17 parts, \d+ KiB; look through it before you give it away\n$/);
  const found = sections(readFileSync(path, 'utf8'));
  assert.deepEqual([...found.keys()], ofPci);
  const has = (part: string, what: RegExp): void => assert.match(found.get(`## ${part}`) ?? '', what);
  has('Machine', /^taken: 20\d\d-.*\nvfiodbg: +\d+\.\d+\.\d+\nnode: +v/);
  has('Device', /^sim:sram\n/);
  has('Regions', /region1 bar1 regs +0x1000/);
  has('Config space', /Region 1: +Memory at/);
  has('Registers', /region1\.RW \(region1\+0x8\): 0x00000077\n/);
  has('Registers', /region1\.FIFO \(region1\+0x50\): skipped: FIFO: reading it changes something else/);
  has('Interrupts', /msi +1 +4 of 4 +armed/);
  has('Mappings', /ring/);
  has('Device tree node', /^error: find the node of sim:sram\n +why: /);
  has('Log', /poke RW 0x77/);
  assert.doesNotMatch(found.get('## Log') ?? '', /read region1/, 'the log is that of before the reads');
  for (const command of ['irq', 'maps', 'regions', 'profile']) {
    await run(command);
    const heading = { irq: 'Interrupts', maps: 'Mappings', regions: 'Regions', profile: 'Profile' }[command];
    if (command === 'irq') output.take();
    else assert.equal(output.take(), found.get(`## ${heading}`));
  }
});

test('it reads the config space once, and each described register that may be read: nothing else', async (t) => {
  const { session, run } = await bench(t, 'sim:sram');
  const device = session.requireDevice();
  const bank = device.region('region1');
  for (const word of [1, 2, 3]) bank.write32(0x50, word);
  const [before, writes, from] = [bank.read32(0x68), bank.read32(0x6c), device.journal.recorded];
  session.last = 5n;
  await run(`report ${newFile()}`);
  const made = reads(device.journal.entries(from));
  const config = Array.from({ length: 1024 }, (_, word) => `config+0x${(word * 4).toString(16)} 32`);
  const left = new Set(['RC', 'RS', 'WO', 'RES', 'FIFO', 'EVENT', 'DOORBELL']);
  const registers = device.registers.registers.filter(({ space, name }) => space === 'region1' && !left.has(name));
  const described = registers.map(({ offset, width }) => `region1+0x${offset.toString(16)} ${width}`);
  assert.deepEqual(made.toSorted(), [...config, ...described].toSorted());
  const counted = registers.filter(({ offset }) => offset < 0x60 || offset >= 0x80);
  assert.equal(bank.read32(0x68) - before, counted.length, 'the device counts the same, but for its counters');
  assert.equal(bank.read32(0x6c), writes);
  assert.equal(bank.read32(0x54), 3, 'the FIFO has its words');
  assert.equal(session.last, 5n, '$_ is as it was');
});

test('of the config space what a map says must not be read is left out, and named', async (t) => {
  const { session, run, output } = await bench(t, 'sim:sram');
  const device = session.requireDevice();
  device.registers.add(map('vendor', [register('MBOX', 0xc, { space: 'config', readEffect: 'clear' })]));
  const from = device.journal.recorded;
  await run(`config; report ${newFile()}`);
  const made = reads(device.journal.entries(from)).filter((one) => one.startsWith('config'));
  assert.equal(made.length, 2 * 1023);
  assert.equal(made.includes('config+0xc 32'), false);
  assert.match(
    output.take(),
    /Latency: +unreadable\n[\s\S]*\nnot read: config 0xc\.\.0x10: MBOX: reading it clears it\n/,
  );
});

test('--no-read makes no access, and names what is left out', async (t) => {
  const { session, run, output } = await bench(t, 'sim:sram');
  const { journal } = session.requireDevice();
  const bank = session.requireDevice().region('region1');
  const before = bank.read32(0x68);
  const from = journal.recorded;
  const path = newFile();
  await run(`report ${path} --no-read`);
  assert.deepEqual(reads(journal.entries(from)), []);
  assert.equal(bank.read32(0x68), before);
  assert.match(output.take(), /\nnot read: config space: --no-read\nnot read: registers: --no-read\n$/);
  const found = sections(readFileSync(path, 'utf8'));
  const gone = new Set(['## Config space', '## Registers']);
  assert.deepEqual([...found.keys()], [...ofPci.filter((one) => !gone.has(one)), '## Not read']);
  assert.equal(found.get('## Not read'), 'config space: --no-read\nregisters: --no-read\n');
});

test('a dry run says what would be read and written, and does neither', async (t) => {
  const { session, run, output } = await bench(t, 'sim:sram');
  const { journal } = session.requireDevice();
  const [path, from] = [newFile(), journal.recorded];
  for (const line of [`report ${path} -n`, `option dryrun on; report ${path}`, `report ${path} --no-read`]) {
    await run(line);
    const text = output.take();
    assert.match(text, /would write .*\.md: machine, device, checks, .*, log\n$/, line);
    assert.equal(text.includes('would read config+0x0 (32 bits), 1024 cells'), !line.includes('no-read'), line);
    assert.equal(text.includes('would read region1+0x8 (32 bits)'), !line.includes('no-read'), line);
    assert.doesNotMatch(text, /region1\+0x50/);
  }
  assert.deepEqual(reads(journal.entries(from)), []);
  assert.deepEqual(readdirSync(folder).includes(path), false);
});

test('a file that is there stays, unless --replace says otherwise; where nothing can be written, nothing is read', async (t) => {
  const { session, run } = await bench(t, 'sim:edu');
  const path = newFile();
  writeFileSync(path, 'work');
  const from = session.requireDevice().journal.recorded;
  for (const line of [`report ${path}`, `report ${path} -n`])
    await assert.rejects(run(line), /there is such a file.*/, line);
  await assert.rejects(run(`report ${folder}/none/x.md`), /there is no such file or folder/);
  assert.equal(readFileSync(path, 'utf8'), 'work');
  assert.deepEqual(reads(session.requireDevice().journal.entries(from)), []);
  await run(`report ${path} --replace; report /dev/null`);
  assert.match(readFileSync(path, 'utf8'), /^# vfiodbg report\n/);
});

test('as JSON it has what --json prints of each command', async (t) => {
  const { run } = await bench(t, 'sim:pl031');
  const path = newFile('json');
  await run(`report ${path}`);
  const report = JSON.parse(readFileSync(path, 'utf8')) as {
    format: string;
    version: number;
    machine: { fields: Record<string, string> };
    parts: { title: string; command: string; answers: { kind: string }[]; problem?: object }[];
  };
  assert.deepEqual([report.format, report.version], ['vfiodbg-report', 1]);
  assert.equal(report.machine.fields['node']?.startsWith(process.version), true);
  const registers = report.parts.find(({ title }) => title === 'Registers');
  assert.deepEqual([registers?.command, registers?.answers[0]?.kind], ['reg region0', 'registers']);
  assert.equal(
    report.parts.some(({ title }) => title === 'Config space'),
    false,
    'it is no PCI device',
  );
  assert.ok(report.parts.find(({ title }) => title === 'Device tree node')?.problem);
});

test('a register that does not answer, and a device that goes away half way, are told in their part', async () => {
  for (const kind of ['access', 'lost'] as const) {
    const { session, output, transport } = memfdSession();
    const device = session.device ?? assert.fail();
    device.mmap = false;
    device.registers.add(map('unit', [register('A', 0), register('B', 4), register('C', 8)]));
    const read = transport.read.bind(transport);
    transport.read = (region, offset, into) => {
      if (offset === 4) throw new VfioError({ kind, operation: 'pread', errno: 'EIO', why: 'the bus said no' });
      read(region, offset, into);
    };
    const path = newFile();
    await session.execute(`report ${path}`, script);
    const part = sections(readFileSync(path, 'utf8')).get('## Registers') ?? '';
    if (kind === 'access') assert.match(part, /A .*: 0x00000000\n.*B .*: .*EIO.*\n.*C .*: 0x00000000\n/);
    else assert.match(part, /^error: .*EIO\n +why: the bus said no\n/);
    assert.equal(/these end with an error: .*registers/.test(output.take()), kind === 'lost');
    session.closeAll();
  }
});

test('nothing in a report moves a cursor, ends its fence, or makes a heading', async (t) => {
  const { session, run } = await bench(t, 'sim:sram');
  const kept = newFile('json');
  await run(`snapshot ${kept} region1`);
  const evil = '\u001b[2J\n```\n# not a heading\n`````\n\u202e<script>';
  const snapshot = JSON.parse(readFileSync(kept, 'utf8')) as { device: { name: string } };
  snapshot.device.name = evil;
  writeFileSync(kept, JSON.stringify(snapshot));
  await session.open(`snapshot:${kept}`);
  session.requireDevice().registers.add(map(evil, [register('EVIL', 0xffc, { space: 'region1', title: evil })]));
  session.requireDevice().journal.note('note', evil);
  const [markdown, json] = [newFile(), newFile('json')];
  await run(`report ${markdown}; report ${json}`);
  const text = readFileSync(markdown, 'utf8');
  assert.doesNotMatch(text, /[^\n\P{C}]/u);
  const found = sections(text);
  assert.deepEqual(
    [...found.keys()],
    ofPci.filter((heading) => heading !== '## Config space'),
    'a snapshot of region1 has no config space',
  );
  assert.match(found.get('## Device') ?? '', /\\x1b\[2J\\n```\\n# not a heading/);
  assert.doesNotMatch(readFileSync(json, 'utf8'), /[^\n\P{C}]/u);
  assert.match(found.get('## Registers') ?? '', /^region1\.EVIL .*: 0x00000000 /m);
});

test('names of users and hosts, home folders and serial numbers are left out', async (t) => {
  assert.equal(
    kernelWords('quiet root=UUID=1-2 iommu=pt vfio-pci.ids=8086:10d3 a.key="top secret" dyndbg="file x +p" -- init=pw'),
    'quiet root=... iommu=pt vfio-pci.ids=8086:10d3 a.key=... dyndbg="file x +p"',
  );
  assert.equal(discreet('/home/ann/x.svd "/home/ann/y" /home/ann'), '~/x.svd "~/y" /home/ann');
  assert.equal(discreet(`${homedir()}/board.json`), '~/board.json');
  assert.equal(
    discreet('/dev/vfio/7 (ann:kvm, mode 0600), (root:root, mode 0666), (1000:kvm, mode 0600)'),
    '/dev/vfio/7 (USER:kvm, mode 0600), (root:root, mode 0666), (1000:kvm, mode 0600)',
  );
  const machine = new FakeMachine();
  t.after(() => machine.remove());
  machine.file('proc', 'cmdline', 'intel_iommu=on password=hunter2\n').file('proc', 'sys/kernel/osrelease', '6.12.9\n');
  const { session, run } = await bench(t, 'sim:sram');
  session.roots = machine.roots;
  const path = newFile();
  await run(`report ${path}`);
  const text = readFileSync(path, 'utf8');
  assert.match(text, /kernel: +6\.12\.9 /);
  assert.match(text, /command line: intel_iommu=on password=\.\.\.\n/);
  assert.match(text, /Serial: +left-out\n/);
  assert.doesNotMatch(text, /12-34-11/);
});

test('without a device it is of the machine; with one interrupt it leaves nothing behind', async (t) => {
  const { session, run } = await bench(t);
  const path = newFile();
  await run(`report ${path}`);
  assert.deepEqual(
    [...sections(readFileSync(path, 'utf8')).keys()],
    ['# vfiodbg report', '## Machine', '## Checks', '## Devices', '## IOMMU groups', '## Options'],
  );
  await session.open('sim:edu');
  const cut = newFile();
  const running = run(`report ${cut}`);
  session.interrupt();
  await assert.rejects(running, Interrupted);
  assert.equal(existsSync(cut), false);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.part')),
    [],
  );
});
