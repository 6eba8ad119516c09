import assert from 'node:assert/strict';
import { test } from 'node:test';
import { regOf } from '../../src/vfio/devicetree/address.js';
import { attach, attachmentOf } from '../../src/vfio/devicetree/attach.js';
import { interruptsOf } from '../../src/vfio/devicetree/interrupt.js';
import { type DeviceFacts, matchDevice } from '../../src/vfio/devicetree/match.js';
import { Device } from '../../src/vfio/device.js';
import { systemRoots } from '../../src/vfio/bus/roots.js';
import { type MadeNode, makeTree, nodeAt } from './device-trees.js';
import { type PlatformFacts, PlatformTransport } from './platform-transport.js';

const gic: MadeNode = {
  phandle: [1],
  compatible: 'arm,gic-400',
  'interrupt-controller': true,
  '#interrupt-cells': [3],
};

function board(device: MadeNode): ReturnType<typeof makeTree> {
  return makeTree({
    '#address-cells': [1],
    '#size-cells': [1],
    'interrupt-parent': [1],
    '/gic': gic,
    '/soc': {
      '#address-cells': [1],
      '#size-cells': [1],
      ranges: [0x7e000000, 0xfe000000, 0x1000000],
      '/dma@7e101300': device,
    },
  });
}

const twoRegions = {
  reg: [0x7e101300, 0x100, 0x7e102000, 0x1000],
  interrupts: [0, 80, 4, 0, 81, 1],
};

const none: DeviceFacts = {
  name: 'fe101300.dma',
  bus: 'platform',
  regions: [],
  irqs: [],
  resources: [],
  linuxIrqs: [],
};

function matched(device: MadeNode, facts: Partial<DeviceFacts>): ReturnType<typeof matchDevice> {
  const tree = board(device);
  const node = nodeAt(tree, '/soc/dma@7e101300');
  return matchDevice({ ...none, ...facts }, regOf(node), interruptsOf(tree, node)?.entries ?? []);
}

test('regions by order and size; the address in the name counts for the first', () => {
  const regions = [
    { index: 0, size: 0x100 },
    { index: 1, size: 0x1000 },
  ];
  assert.deepEqual(matched(twoRegions, { regions }).regions, [
    { index: 0, entry: 0, evidence: "address (the device's name) and size" },
    { index: 1, entry: 1, evidence: 'order and size' },
  ]);
  assert.equal(matched(twoRegions, { regions, name: 'dma' }).regions[0]?.evidence, 'order and size');
});

test('an address that the kernel tells outweighs the order', () => {
  const regions = [{ index: 0, size: 0x1000 }];
  const resource = { index: 0, start: 0xfe102000n, size: 0x1000n, source: 'sysfs resource' } as const;
  const found = matched(twoRegions, { regions, resources: [resource] });
  assert.deepEqual(found.regions, [{ index: 0, entry: 1, evidence: 'address and size (sysfs resource)' }]);
  assert.deepEqual(found.unmatchedRegs, [{ entry: 0, why: 'no region of VFIO fits it' }]);
  const elsewhere = { ...resource, start: 0x1000n };
  assert.deepEqual(matched(twoRegions, { regions, resources: [elsewhere] }).regions, [
    { index: 0, evidence: 'no entry of reg is at 0x1000 (sysfs resource)' },
  ]);
  const larger = [{ index: 0, size: 0x2000 }];
  assert.deepEqual(matched(twoRegions, { regions: larger, resources: [resource] }).regions, [
    {
      index: 0,
      entry: 1,
      evidence: 'address (sysfs resource)',
      doubt: "VFIO's region has 0x2000 bytes, reg 1 has 0x1000",
    },
  ]);
  const iomem = { ...resource, source: '/proc/iomem' } as const;
  assert.deepEqual(matched(twoRegions, { regions: [{ index: 3, size: 0x1000 }], resources: [iomem] }).regions, [
    { index: 3, entry: 1, evidence: 'address and size (/proc/iomem)' },
  ]);
});

test('what does not fit is not matched, and says why', () => {
  assert.deepEqual(matched(twoRegions, { regions: [{ index: 0, size: 0x40 }] }).regions, [
    { index: 0, evidence: "VFIO's region has 0x40 bytes, reg 0 has 0x100" },
  ]);
  assert.deepEqual(matched(twoRegions, { regions: [{ index: 5, size: 0x1000 }] }).regions, [
    { index: 5, entry: 1, evidence: 'size alone' },
  ]);
  const alike = { reg: [0x7e101300, 0x100, 0x7e102000, 0x100] };
  assert.deepEqual(matched(alike, { regions: [{ index: 2, size: 0x100 }] }).regions, [
    { index: 2, evidence: '2 entries of reg have its size' },
  ]);
  assert.deepEqual(matched({}, { regions: [{ index: 0, size: 0x100 }] }).regions, [
    { index: 0, evidence: 'no entry of reg is left for it' },
  ]);
  // The kernel makes resources up to the first entry that leads nowhere.
  const broken = { reg: [0x1000, 4, 0x7e102000, 0x100] };
  assert.deepEqual(matched(broken, {}).unmatchedRegs, [
    { entry: 0, why: 'no entry of ranges of /soc holds 0x1000' },
    { entry: 1, why: 'the kernel stops at reg 0, which it cannot translate' },
  ]);
  assert.deepEqual(matched(twoRegions, { bus: 'amba', regions: [{ index: 0, size: 0x100 }] }).unmatchedRegs, [
    { entry: 1, why: 'an AMBA device has one region' },
  ]);
});

test('interrupts by order, held against their trigger and what the kernel has mapped', () => {
  const irqs = [
    { index: 0, automasked: true },
    { index: 1, automasked: true },
    { index: 2, automasked: false },
  ];
  const linuxIrqs = [{ irq: 45, hwirq: 112, chip: 'GICv2' }];
  assert.deepEqual(matched(twoRegions, { irqs, linuxIrqs }).irqs, [
    { index: 0, entry: 0, evidence: 'order and trigger, Linux irq 45 (GICv2 112)' },
    { index: 1, entry: 1, evidence: 'order', doubt: 'VFIO masks it like a level, the tree says edge rising' },
    { index: 2, evidence: 'the node has 2 interrupts' },
  ]);
  assert.deepEqual(matched(twoRegions, { irqs: irqs.slice(0, 1) }).unmatchedInterrupts, [
    { entry: 1, why: 'VFIO has no interrupt of that index' },
  ]);
});

function opened(
  facts: PlatformFacts,
  node: MadeNode,
): { device: Device; transport: PlatformTransport; attached: ReturnType<typeof attach> } {
  const transport = new PlatformTransport(facts);
  const device = new Device(transport);
  const tree = board(node);
  return { device, transport, attached: attach(device, tree, nodeAt(tree, '/soc/dma@7e101300'), systemRoots) };
}

test("the tree's names are names of regions and interrupts, and nothing is touched for it", () => {
  const { device, transport, attached } = opened(
    { name: 'fe101300.dma', regions: [0x100, 0x1000], irqs: ['level', 'edge'] },
    { ...twoRegions, 'reg-names': ['ctrl', 'ring'], 'interrupt-names': ['rx-done', 'error'] },
  );
  assert.equal(device.findSpace('ctrl'), device.region(0));
  assert.equal(device.findSpace('ring'), device.region(1));
  assert.equal(device.irqs.find('rx-done').index, 0);
  assert.equal(device.irqs.find('error').index, 1);
  assert.deepEqual(attached.names, [
    { of: 'region0', name: 'ctrl' },
    { of: 'region1', name: 'ring' },
    { of: 'irq0', name: 'rx-done' },
    { of: 'irq1', name: 'error' },
  ]);
  assert.equal(attachmentOf(device), attached);
  attached.detach();
  assert.equal(device.findSpace('ctrl'), undefined);
  assert.throws(() => device.irqs.find('rx-done'), /no such interrupt/);
  assert.equal(attachmentOf(device), undefined);
  device.close();
  assert.deepEqual(transport.touched, []);
});

test('names that cannot be typed, are taken or the language has are changed, and it is told', () => {
  const regions = [0x10, 0x10, 0x10, 0x10, 0x10, 0x10];
  const reg = regions.flatMap((size, index) => [0x7e000000 + index * 0x100, size]);
  const { device, attached } = opened(
    { name: 'x', regions, irqs: ['edge', 'edge'] },
    {
      reg,
      'reg-names': ['config', 'a b', 'ctrl', 'ctrl', '0', 'région.x'],
      interrupts: [0, 1, 1, 0, 2, 1],
      'interrupt-names': ['irq1', 'tx'],
    },
  );
  assert.deepEqual(attached.names, [
    { of: 'region0', name: 'config_0', written: 'config', why: 'the language has a space or interrupt of that name' },
    { of: 'region1', name: 'a_b', written: 'a b', why: 'it cannot be typed as it is written' },
    { of: 'region2', name: 'ctrl' },
    { of: 'region3', name: 'ctrl_3', written: 'ctrl', why: 'the name is another one of region2' },
    { of: 'region4', name: '_0', written: '0', why: 'it cannot be typed as it is written' },
    { of: 'region5', name: 'r_gion_x', written: 'région.x', why: 'it cannot be typed as it is written' },
    { of: 'irq0', name: 'irq1_0', written: 'irq1', why: 'the language has a space or interrupt of that name' },
    { of: 'irq1', name: 'tx' },
  ]);
  assert.equal(device.findSpace('ctrl_3'), device.region(3));
  device.close();
});

test('a region whose size is not that of its entry gets no name', () => {
  const { device, attached } = opened(
    { name: 'x', regions: [0x40, 0x1000], irqs: [] },
    { ...twoRegions, 'reg-names': ['ctrl', 'ring'] },
  );
  assert.deepEqual(attached.names, [{ of: 'region1', name: 'ring' }]);
  assert.equal(device.findSpace('ctrl'), undefined);
  device.close();
});

test('another node takes the place of the one before, names and all', () => {
  const { device } = opened({ name: 'x', regions: [0x100] }, { ...twoRegions, 'reg-names': ['old'] });
  const tree = board({ ...twoRegions, 'reg-names': ['new'] });
  attach(device, tree, nodeAt(tree, '/soc/dma@7e101300'), systemRoots);
  assert.equal(device.findSpace('old'), undefined);
  assert.equal(device.findSpace('new'), device.region(0));
  device.close();
});
