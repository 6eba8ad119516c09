import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { complete } from '../../src/repl/completion.js';
import { commandModules } from '../../src/repl/commands/index.js';
import { attachNode, givenTree } from '../../src/repl/device-node.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { Device } from '../../src/vfio/device.js';
import { json } from '../../src/views/sinks/json.js';
import { blobOf, type MadeNode, makeBlob, makeTree, treeOf, writeNode } from './device-trees.js';
import { FakeMachine } from './fake-machine.js';
import { type PlatformFacts, PlatformTransport } from './platform-transport.js';
import { KeptOutput } from './session-fixture.js';

const registry = new Registry(commandModules);
await registry.loadAll();

interface Bench {
  readonly session: Session;
  readonly output: KeptOutput;
  readonly machine: FakeMachine;
  readonly folder: string;
  /** Runs a line and gives what it shows. */
  readonly run: (line: string) => Promise<string>;
}

/** A session on a made-up machine, with a folder for files. */
function bench(t: TestContext): Bench {
  const machine = new FakeMachine();
  const output = new KeptOutput();
  const session = new Session(registry, output);
  session.roots = machine.roots;
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-dt-'));
  t.after(() => {
    session.closeAll();
    machine.remove();
    rmSync(folder, { recursive: true });
  });
  const run = async (line: string): Promise<string> => {
    await session.execute(line, { prefixes: false });
    return output.take();
  };
  return { session, output, machine, folder, run };
}

/** The value and note of the field of that label. */
function field(text: string, label: string): string | undefined {
  const line = text.split('\n').find((each) => each.trimStart().startsWith(`${label}:`));
  return line?.slice(line.indexOf(`${label}:`) + label.length + 1).trim();
}

const board: MadeNode = {
  '#address-cells': [1],
  '#size-cells': [1],
  'interrupt-parent': [1],
  '/aliases': { dma7: '/soc/dma@7e101300' },
  '/gic': { phandle: [1], compatible: 'arm,gic-400', 'interrupt-controller': true, '#interrupt-cells': [3] },
  '/cru': { phandle: [2], '#clock-cells': [1], '#reset-cells': [1] },
  '/smmu': { phandle: [3], '#iommu-cells': [1] },
  '/soc': {
    '#address-cells': [1],
    '#size-cells': [1],
    ranges: [0x7e000000, 0xfe000000, 0x1000000],
    '/dma@7e101300': {
      compatible: ['acme,dma2', 'acme,dma'],
      reg: [0x7e101300, 0x100, 0x7e102000, 0x1000],
      'reg-names': ['ctrl', 'descriptor ring'],
      interrupts: [0, 80, 4, 0, 81, 1],
      'interrupt-names': ['rx-done', 'error'],
      clocks: [2, 5],
      'clock-names': 'core',
      iommus: [3, 0x42],
      'acme,channels': [8],
    },
  },
};

const dma: PlatformFacts = { name: 'fe101300.dma', regions: [0x100, 0x1000], irqs: ['level', 'edge'] };

/** Puts the board's tree and its DMA engine into the machine, and opens the engine as `open` does. */
async function openDma({ session, machine }: Bench, facts: PlatformFacts = dma): Promise<PlatformTransport> {
  const base = join(machine.roots.sys, 'firmware/devicetree/base');
  writeNode(makeTree(board).root, base);
  machine.device({ bus: 'platform', name: facts.name, driver: 'vfio-platform', group: '3' });
  symlinkSync(join(base, 'soc/dma@7e101300'), join(machine.roots.sys, 'devices/platform', facts.name, 'of_node'));
  const transport = new PlatformTransport(facts);
  const device = new Device(transport);
  session.adopt(device);
  await attachNode(session, device, await givenTree(session));
  return transport;
}

test('opening a platform device makes the names of its node those of spaces and interrupts, and warns', async (t) => {
  const here = bench(t);
  const { session, output, run } = here;
  const transport = await openDma(here);
  assert.deepEqual(output.notices, [
    'fe101300.dma: the device tree calls region1 "descriptor ring"; here it is descriptor_ring: it cannot be typed as it is written',
    'fe101300.dma: warning: clocks are listed (core) and no driver is left that would enable them: a read may hang the bus',
  ]);
  assert.deepEqual(transport.touched, []);
  assert.deepEqual(session.spaceNames, ['region0', 'ctrl', 'region1', 'descriptor_ring']);
  assert.match(await run('peek ctrl 0x10'), /^region0\+0x10: 0x00000000/);
  assert.match(await run('peek descriptor_ring+0x20'), /^region1\+0x20/);
  assert.deepEqual(transport.touched, ['read 0+16', 'read 1+32']);
  await assert.rejects(async () => run('irq wait rx-done --timeout 1ms'), /interrupt irq0 .*it is off/);
});

test('dt shows what each property means and how it matches VFIO', async (t) => {
  const here = bench(t);
  const transport = await openDma(here);
  const text = await here.run('dt');
  assert.match(text, /^\/soc\/dma@7e101300\n/);
  assert.equal(field(text, 'tree'), 'the running kernel');
  assert.equal(field(text, 'aliases'), 'dma7');
  assert.equal(field(text, 'compatible'), 'acme,dma2, acme,dma');
  assert.equal(field(text, 'status'), 'okay');
  assert.equal(
    field(text, 'reg 0 ctrl'),
    "0xfe101300 size 0x100  region0, by address (the device's name) and size; 0x7e101300 on its bus",
  );
  assert.equal(
    field(text, 'reg 1 descriptor ring'),
    '0xfe102000 size 0x1000  region1, by order and size; 0x7e102000 on its bus',
  );
  assert.equal(
    field(text, 'interrupt 0 rx-done'),
    'SPI 80 (INTID 112), level high  irq0, by order and trigger; at /gic',
  );
  assert.equal(field(text, 'clocks core'), '/cru 0x5');
  assert.equal(field(text, 'iommus'), '/smmu 0x42');
  assert.equal(field(text, 'acme,channels'), '<0x8>');
  assert.match(field(text, 'warning') ?? '', /clocks are listed \(core\)/);
  assert.deepEqual(transport.touched, []);
});

test('evidence of the kernel: AMBA resources, interrupts that are enabled', async (t) => {
  const here = bench(t);
  const { machine } = here;
  await openDma(here, { ...dma, bus: 'amba', regions: [0x100] });
  // As drivers/amba/bus.c prints it.
  machine.file(
    'sys',
    'devices/platform/fe101300.dma/resource',
    '\t00000000fe101300\t00000000fe1013ff\t0000000000000200\n',
  );
  // vfio_amba.c calls it by the peripheral's ID.
  machine.file('sys', 'devices/platform/fe101300.dma/id', '00041080\n');
  machine.file('sys', 'kernel/irq/45/actions', 'other,vfio-irq[45](vfio-amba-00041080)\n');
  machine.file('sys', 'kernel/irq/45/hwirq', '112\n');
  machine.file('sys', 'kernel/irq/45/chip_name', 'GICv2\n');
  const text = await here.run('dt');
  assert.match(field(text, 'reg 0 ctrl') ?? '', /region0, by address and size \(sysfs resource\)/);
  assert.match(field(text, 'reg 1 descriptor ring') ?? '', /no region: an AMBA device has one region/);
  assert.match(field(text, 'interrupt 0 rx-done') ?? '', /irq0, by order and trigger, Linux irq 45 \(GICv2 112\)/);
});

test('dt takes a path, a device, an alias and the name of a node', async (t) => {
  const here = bench(t);
  await openDma(here);
  for (const name of ['/soc/dma@7e101300', 'fe101300.dma', 'dma7', 'dma@7e101300', 'dma', '/soc/dma']) {
    assert.match(await here.run(`dt ${name}`), /^\/soc\/dma@7e101300\n[^]*region0, by address/, name);
  }
  assert.match(await here.run('dt /soc'), /ranges: +0x7e000000 size 0x1000000 is 0xfe000000 above/);
  assert.match(await here.run('dt /'), /^\/\n/);
  await assert.rejects(async () => here.run('dt /soc/dma@7e101301'), /it has no such node/);
  await assert.rejects(async () => here.run('dt ""'), /the node has no name/);
});

test('--json has it as data', async (t) => {
  const here = bench(t);
  await openDma(here);
  await here.session.execute('dt', { prefixes: false });
  const [view] = here.output.views;
  assert.ok(view !== undefined);
  const data = JSON.parse(json(view)) as { fields: Record<string, unknown> };
  assert.deepEqual(data.fields['reg'], [
    {
      index: 0,
      name: 'ctrl',
      bus: '0x7e101300',
      size: '0x100',
      cpu: '0xfe101300',
      hops: [
        { bus: '/soc', address: '0x7e101300' },
        { bus: '/', address: '0xfe101300' },
      ],
    },
    {
      index: 1,
      name: 'descriptor ring',
      bus: '0x7e102000',
      size: '0x1000',
      cpu: '0xfe102000',
      hops: [
        { bus: '/soc', address: '0x7e102000' },
        { bus: '/', address: '0xfe102000' },
      ],
    },
  ]);
  assert.deepEqual((data.fields['device'] as { irqs: unknown }).irqs, [
    { index: 0, entry: 0, evidence: 'order and trigger' },
    { index: 1, entry: 1, evidence: 'order and trigger' },
  ]);
});

test('a blob in place of the tree that the kernel has', async (t) => {
  const here = bench(t);
  const { session, output, folder, run } = here;
  const file = join(folder, 'p4080ds.dtb');
  writeFileSync(file, blobOf('p4080ds'));
  await assert.rejects(async () => run('dt /soc'), /the running kernel has none/);
  const text = await run(`dt ffe101300.dma --dtb ${file}`);
  assert.match(text, /^\/soc@ffe000000\/dma@101300\n/);
  assert.match(field(text, 'reg 0') ?? '', /^0xffe101300 size 0x4/);
  assert.match(
    await run(`dt tree /soc@ffe000000 --depth 1 --dtb ${file}`),
    /\n {2}dma@101300 +0xffe101300 +fsl,eloplus-dma\n/,
  );
  // With the option every command has it, and a device is found by its name.
  session.options.setText('dtb', file);
  session.adopt(new Device(new PlatformTransport({ name: 'ffe101300.dma', regions: [4] })));
  await attachNode(session, session.requireDevice(), await givenTree(session));
  assert.deepEqual(output.notices.splice(0), []);
  assert.match(field(await run('dt'), 'reg 0') ?? '', /region0, by address \(the device's name\) and size/);
  session.adopt(new Device(new PlatformTransport({ name: 'ffe101301.dma', regions: [4] })));
  await attachNode(session, session.requireDevice(), await givenTree(session));
  assert.match(
    output.notices.join(),
    /no node of .*p4080ds.dtb becomes a device of that name; dt use NODE says which it is/,
  );
  await assert.rejects(async () => run('dt'), /find the node of ffe101301.dma.*becomes a device of that name/);
  assert.match(await run('dt use dma@100300'), /ffe101301.dma is \/soc@ffe000000\/dma@100300: it has no names/);
  assert.match(await run('dt'), /^\/soc@ffe000000\/dma@100300\n/);
  session.options.setText('dtb', join(folder, 'none.dtb'));
  await assert.rejects(async () => session.open('sim:edu'), /ENOENT: there is no such file/);
});

test('dt use gives a simulated device a node', async (t) => {
  const { session, run } = bench(t);
  await session.open('sim:pl031');
  await assert.rejects(async () => run('dt'), /no device of this machine/);
  assert.match(
    await run('dt use rtc0 --dtb scripts/pl031.dtb'),
    /^sim:pl031 is \/bus\/rtc@10000: rtc is region0, alarm is irq0\n/,
  );
  assert.match(await run('peek rtc 0xfe0'), /0x00000031/);
  assert.match(await run('irq enable alarm'), /irq0/);
});

test('what the tree holds cannot move the cursor, and is not taken for good', async (t) => {
  const { folder, run } = bench(t);
  const file = join(folder, 'evil.dtb');
  const evil: MadeNode = {
    '/\u001b[2Jx': {
      compatible: 'a\u001b]0;b\u0007',
      'reg\nnames': 'x',
      reg: [1, 2, 3],
      interrupts: [1],
      clocks: [9, 9],
    },
  };
  writeFileSync(file, makeBlob(evil));
  for (const line of [`dt tree --dtb ${file}`, `dt "/\\x1b[2Jx" --dtb ${file}`]) {
    const text = await run(line);
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f]/);
  }
  const text = await run(`dt "/\\x1b[2Jx" --dtb ${file}`);
  assert.match(field(text, 'reg') ?? '', /has 12 bytes, and an entry 8: 4 are left over/);
  assert.match(field(text, 'interrupts') ?? '', /no interrupt parent/);
  assert.match(field(text, 'clocks') ?? '', /no node has phandle 0x9/);
});

test('a PCI device has the node of its host bridge', async (t) => {
  const here = bench(t);
  const { machine, run } = here;
  const base = join(machine.roots.sys, 'firmware/devicetree/base');
  writeNode(treeOf('qemu-virt').root, base);
  const bridge = join(machine.roots.sys, 'devices/platform/4010000000.pcie');
  const edu = join(bridge, 'pci0000:00/0000:00:02.0/0000:01:03.0');
  mkdirSync(edu, { recursive: true });
  symlinkSync(join(base, 'pcie@10000000'), join(bridge, 'of_node'));
  mkdirSync(join(machine.roots.sys, 'bus/pci/devices'), { recursive: true });
  symlinkSync(edu, join(machine.roots.sys, 'bus/pci/devices/0000:01:03.0'));
  writeFileSync(
    join(edu, 'resource'),
    `0x10000000 0x100fffff 0x40200\n0x0 0x0 0x0\n0x8000000000 0x8000003fff 0x14220c\n`,
  );
  const text = await run('dt 01:03.0');
  assert.equal(field(text, 'node of'), '4010000000.pcie  0000:01:03.0 has none of its own, and is behind it');
  assert.equal(field(text, 'PCI device'), '0000:01:03.0  requester ID 0x118');
  assert.equal(field(text, 'at the IOMMU'), '/smmuv3@9050000 0x118');
  assert.equal(field(text, 'at the MSI controller'), '/intc@8000000/its@8080000 0x118');
  assert.equal(field(text, 'region0'), '0x10000000 size 0x100000  in a memory 32 window of ranges');
  assert.equal(field(text, 'region2'), '0x8000000000 size 0x4000  in a memory 64 window of ranges');
  // INTA of device 3 becomes INTD of the bridge at 00:02.0.
  assert.match(field(text, 'INTA') ?? '', /^SPI 4 \(INTID 36\), level high/);
});

test('a PCI device with a node of its own: its own node, what the bridge means for it, and no names for BARs', async (t) => {
  const here = bench(t);
  const { machine, session, run } = here;
  const base = join(machine.roots.sys, 'firmware/devicetree/base');
  const cells = { '#address-cells': [3], '#size-cells': [2], device_type: 'pci' };
  const tree = makeTree({
    '#address-cells': [2],
    '#size-cells': [2],
    '/smmu': { phandle: [3], '#iommu-cells': [1] },
    '/pcie@40000000': {
      ...cells,
      ranges: [0x02000000, 0, 0x10000000, 0, 0x10000000, 0, 0x2eff0000],
      'iommu-map': [0, 3, 0x100, 0x10000],
      '/nic@1,0': { compatible: 'pci10ec,8168', reg: [0x800, 0, 0, 0, 0], 'reg-names': ['nic'] },
    },
  });
  writeNode(tree.root, base);
  const bridge = join(machine.roots.sys, 'devices/platform/40000000.pcie');
  const nic = join(bridge, 'pci0000:00/0000:00:01.0');
  mkdirSync(nic, { recursive: true });
  mkdirSync(join(machine.roots.sys, 'bus/pci/devices'), { recursive: true });
  symlinkSync(nic, join(machine.roots.sys, 'bus/pci/devices/0000:00:01.0'));
  symlinkSync(join(base, 'pcie@40000000/nic@1,0'), join(nic, 'of_node'));
  symlinkSync(join(base, 'pcie@40000000'), join(bridge, 'of_node'));
  writeFileSync(join(nic, 'resource'), '0x10000000 0x10000fff 0x40200\n');
  const transport = new PlatformTransport({ name: '0000:00:01.0', bus: 'pci', regions: [0x1000] });
  session.adopt(new Device(transport));
  const text = await run('dt');
  assert.match(text, /^\/pcie@40000000\/nic@1,0\n/);
  assert.equal(field(text, 'reg 0 nic'), 'PCI config 00:01.0 size 0x0');
  assert.equal(field(text, 'at the IOMMU'), '/smmu 0x108');
  assert.equal(field(text, 'region0'), '0x10000000 size 0x1000  in a memory 32 window of ranges');
  assert.doesNotMatch(text, /not matched/);
  await run('dt use /pcie@40000000/nic@1,0');
  assert.deepEqual(session.spaceNames.includes('nic'), false);
});

test('memory that is set aside for a device', async (t) => {
  const { folder, run } = bench(t);
  const file = join(folder, 'memory.dtb');
  const set: MadeNode = {
    '#address-cells': [1],
    '#size-cells': [1],
    '/reserved-memory': {
      '#address-cells': [1],
      '#size-cells': [1],
      ranges: true,
      '/fixed@80000000': { phandle: [1], reg: [0x80000000, 0x100000] },
      '/pool': { phandle: [2], size: [0x4000000] },
    },
    '/dsp': { 'memory-region': [1, 2], 'memory-region-names': ['code', 'pool'] },
  };
  writeFileSync(file, makeBlob(set));
  const text = await run(`dt /dsp --dtb ${file}`);
  assert.equal(field(text, 'memory-region code'), '/reserved-memory/fixed@80000000  0x80000000 size 0x100000');
  assert.equal(field(text, 'memory-region pool'), '/reserved-memory/pool  size 0x4000000, wherever the kernel puts it');
});

test('what the tree says of the DMA of a device is shown of a node that nobody has opened, and devices of other buses have no name of the kernel', async (t) => {
  const { folder, run } = bench(t);
  const [pi, juno, pine] = ['bcm2711-rpi-4-b', 'juno-r2', 'sun50i-a64-pine64-plus'].map((name) => {
    const file = join(folder, `${name}.dtb`);
    writeFileSync(file, blobOf(name));
    return file;
  });
  const engine = await run(`dt /soc/dma-controller@7e007000 --dtb ${pi}`);
  assert.equal(field(engine, 'DMA window'), '0xc0000000 size 0x40000000 is 0x0 of memory  dma-ranges of /soc');
  assert.equal(field(engine, 'kernel device'), 'fe007000.dma-controller');
  const smmu = await run(`dt /iommu@2b500000 --dtb ${juno}`);
  assert.equal(field(smmu, 'DMA'), 'coherent  says /iommu@2b500000');
  assert.equal(field(smmu, 'warning'), undefined, 'an IOMMU is not translated by another');
  assert.equal(field(await run(`dt /soc/rsb@1f03400/pmic@3a3 --dtb ${pine}`), 'kernel device'), undefined);
  assert.equal(field(await run(`dt / --dtb ${pine}`), 'kernel device'), undefined);
});

test('an ACPI device has what sysfs knows', async (t) => {
  const { machine, run } = bench(t);
  const firmware = {
    'firmware_node/path': '\\_SB_.RTC0\n',
    'firmware_node/hid': 'LNRO0013\n',
    'firmware_node/status': '15\n',
  };
  machine.device({ bus: 'platform', name: 'LNRO0013:00', files: firmware });
  machine.device({ bus: 'platform', name: 'bare' });
  machine.file('proc', 'iomem', '00000000-00000000 : x\n09010000-09010fff : LNRO0013:00\n');
  const text = await run('dt LNRO0013:00');
  assert.equal(field(text, 'described by'), 'ACPI');
  assert.equal(field(text, 'path'), '\\_SB_.RTC0');
  assert.equal(field(text, '_HID'), 'LNRO0013');
  assert.equal(field(text, '_STA'), '0xf  present, enabled, shown, functioning');
  assert.equal(field(text, 'resource 0'), '0x9010000 size 0x1000  /proc/iomem');
  await assert.rejects(async () => run('dt bare'), /neither a device tree nor ACPI describes it/);
});

test('a device in use by its own driver is not warned about; one without iommus is told so', async (t) => {
  const here = bench(t);
  const { machine, run } = here;
  const base = join(machine.roots.sys, 'firmware/devicetree/base');
  writeNode(
    makeTree({
      ...board,
      '/bus@1': {
        '#address-cells': [1],
        '#size-cells': [1],
        ranges: true,
        '/uart@10': { compatible: 'acme,uart', reg: [0x10, 8], clocks: [2, 1] },
      },
    }).root,
    base,
  );
  machine.device({ bus: 'platform', name: '10.uart', driver: 'acme-uart' });
  symlinkSync(join(base, 'bus@1/uart@10'), join(machine.roots.sys, 'devices/platform/10.uart/of_node'));
  const text = await run('dt 10.uart');
  assert.doesNotMatch(text, /clocks are listed/);
  assert.match(
    field(text, 'warning') ?? '',
    /\/bus@1\/uart@10 has no iommus, so that no IOMMU translates it: if \/smmu/,
  );
});

test('Tab goes down the tree, and knows aliases, labels and devices', (t) => {
  const { session } = bench(t);
  session.options.setText('dtb', 'scripts/pl031.dtb');
  const texts = (line: string): string[] => {
    const completion = complete(line, session);
    assert.ok(!('load' in completion));
    return completion.candidates.map(({ text }) => text);
  };
  assert.deepEqual(texts('dt /b'), ['/bus/']);
  assert.deepEqual(texts('dt /bus/'), ['/bus/rtc@10000']);
  assert.deepEqual(texts('dt tree /i'), ['/interrupt-controller@8000000', '/iommu@9050000']);
  assert.deepEqual(texts('dt &'), ['&gic', '&smmu', '&pclk', '&rtc']);
  assert.deepEqual(texts('dt t'), ['tree']);
  // Devices of this machine may be called so too.
  assert.deepEqual(texts('dt rt').slice(0, 2), ['rtc0', 'rtc']);
  session.options.setText('dtb', 'nowhere.dtb');
  assert.deepEqual(texts('dt /'), []);
});
