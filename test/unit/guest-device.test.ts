import assert from 'node:assert/strict';
import { test } from 'node:test';
import { regOf } from '../../src/vfio/devicetree/address.js';
import type { DtNode } from '../../src/vfio/devicetree/node.js';
import type { DeviceTree } from '../../src/vfio/devicetree/tree.js';
import { crosvmOverlay } from '../../src/vfio/guest/crosvm.js';
import { guestDevice } from '../../src/vfio/guest/guest-device.js';
import type { GuestDevice } from '../../src/vfio/guest/guest-node.js';
import { qemuPlatform } from '../../src/vfio/guest/qemu.js';
import type { GuestDescription } from '../../src/vfio/profile/description.js';
import { type MadeNode, makeTree, nodeAt, treeNames, treeOf } from './device-trees.js';
import { assertGolden } from './golden.js';

function exported(tree: DeviceTree, node: DtNode, guest: GuestDescription = {}): GuestDevice {
  return guestDevice({ tree, node, guest, isAmba: false });
}

function overlay(device: GuestDevice): string {
  return crosvmOverlay({ device, sysfs: '/sys/bus/platform/devices/x', file: 'x.dts', isAmba: false });
}

/** The lines that a source may be made of: nodes, properties, comments. Nothing of a tree's text may make others. */
const grammar = new RegExp(
  [
    String.raw`^(?:/dts-v1/;|/plugin/;|\t*/ \{|\t*\};|)$`,
    String.raw`^\t*(?:[A-Za-z_][A-Za-z0-9_]*: )?[A-Za-z0-9,._+-]+(?:@[A-Za-z0-9,._+-]+)? \{$`,
    String.raw`^\t*[A-Za-z0-9,._+?#-]+(?: = VALUE(?:, VALUE)*)?;$`,
  ]
    .join('|')
    .replaceAll('VALUE', String.raw`(?:"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\.)*"|<[&A-Za-z0-9_ ]*>|\[[0-9a-f ]*\])`),
);

function assertWellFormed(source: string): void {
  const plain = source.replaceAll(/\/\*[^]*?\*\//g, '');
  for (const line of plain.split('\n')) assert.match(line.trimEnd() === '' ? '' : line, grammar);
  assert.equal(plain.split('{').length, plain.split('}').length);
  assert.doesNotMatch(source, /[^\n\t\x20-\x7e]/);
}

test('overlays as they are written', () => {
  const parts = (
    [
      ['bcm2711-rpi-4-b', '/scb/ethernet@7d580000'],
      ['rk3399-rock-pi-4b', '/ethernet@fe300000'],
      ['p4080ds', '/soc@ffe000000/dma@101300'],
      ['qemu-virt', '/pl061@9030000'],
    ] as const
  ).map(([board, path]) => {
    const tree = treeOf(board);
    return overlay(exported(tree, nodeAt(tree, path)));
  });
  assertGolden('guest-overlays.dts', parts.join('\n'));
});

test('the node that QEMU would have had to make', () => {
  const tree = treeOf('zynqmp-zcu102-rev1.0');
  const node = nodeAt(tree, '/axi/ethernet@ff0e0000');
  const source = qemuPlatform(exported(tree, node), 'ff0e0000.ethernet', ['xlnx,zynqmp-gem'], false);
  assertWellFormed(source);
  assertGolden('guest-qemu.dts', source);
});

for (const board of treeNames) {
  test(`every device of ${board} can be written out, with the addresses that it has`, () => {
    const tree = treeOf(board);
    let devices = 0;
    for (const node of tree.nodes()) {
      const entries = node.property('compatible') === undefined ? [] : (regOf(node)?.entries ?? []);
      const [first] = entries;
      if (first === undefined || !('cpu' in first.translated)) continue;
      devices += 1;
      const device = exported(tree, node);
      assertWellFormed(overlay(device));
      const addresses = entries.map(({ translated }) => ('cpu' in translated ? translated.cpu : undefined));
      assert.deepEqual(
        device.regions.map(({ address }) => address),
        addresses.slice(0, device.regions.length),
        node.path,
      );
    }
    assert.ok(devices > 0);
  });
}

/** A tree with one device of these properties, and what they may refer to. */
function machine(device: MadeNode, more: MadeNode = {}): { tree: DeviceTree; node: DtNode } {
  const tree = makeTree({
    '#address-cells': [2],
    '#size-cells': [2],
    'interrupt-parent': [1],
    '/gic@1000': {
      phandle: [1],
      compatible: 'arm,gic-v3',
      'interrupt-controller': true,
      '#interrupt-cells': [3],
      reg: [0, 0x1000, 0, 0x1000],
    },
    '/osc': { phandle: [2], compatible: 'fixed-clock', '#clock-cells': [0], 'clock-frequency': [24_000_000] },
    '/pll': { phandle: [3], compatible: 'vendor,pll', '#clock-cells': [1] },
    '/half': {
      phandle: [4],
      compatible: 'fixed-factor-clock',
      '#clock-cells': [0],
      'clock-div': [2],
      'clock-mult': [1],
      clocks: [2],
    },
    '/device@2000': { compatible: 'vendor,device', reg: [0, 0x2000, 0, 0x100], ...device },
    ...more,
  });
  return { tree, node: nodeAt(tree, '/device@2000') };
}

function valueIn({ properties }: GuestDevice, name: string): string | undefined {
  return properties.find((property) => property.name === name)?.value;
}

test('a number that names a node of the host is never left as a number', () => {
  const { tree, node } = machine(
    {
      phandle: [7],
      'interrupt-controller': true,
      '#interrupt-cells': [2],
      '#size-cells': [0],
      'gpio-ranges': [7, 0, 0, 58],
      'snps,mtl-rx-config': [8],
      'fsl,stop-mode': [3, 0x10, 4],
      '/rx-queues-config': { phandle: [8], 'snps,rx-queues-to-use': [5] },
    },
    {},
  );
  const device = exported(tree, node);
  assert.equal(valueIn(device, 'gpio-ranges'), '<&device 0x0 0x0 0x3a>');
  assert.equal(valueIn(device, 'snps,mtl-rx-config'), '<&device_1_rx_queues_config>');
  assert.equal(valueIn(device, 'fsl,stop-mode'), undefined);
  assert.match(device.left.find(({ what }) => what === 'fsl,stop-mode')?.why ?? '', /it refers to \/pll/);
  // What dtc warns of otherwise: a controller without the first, cells of a node below which nothing has an address.
  assert.deepEqual([valueIn(device, '#address-cells'), valueIn(device, '#size-cells')], ['<0x0>', undefined]);
  assertWellFormed(overlay(device));
});

test('clocks get fixed rates: the one of the tree, the one that it has set, or the one of the profile', () => {
  const { tree, node } = machine({
    clocks: [2, 3, 7, 3, 8, 3, 9, 4],
    'clock-names': ['osc', 'set', 'known', 'unknown', 'half'],
    'assigned-clocks': [3, 7],
    'assigned-clock-rates': [100_000_000],
  });
  const device = exported(tree, node, { clocks: [{ name: 'known', hertz: '50000000' }] });
  assert.deepEqual(
    device.clocks.map(({ name, hertz }) => [name, hertz]),
    [
      ['device-osc', 24_000_000n],
      ['device-set', 100_000_000n],
      ['device-known', 50_000_000n],
      ['device-half', 12_000_000n],
    ],
  );
  assert.equal(valueIn(device, 'clocks'), '<&device_osc>, <&device_set>, <&device_known>, <&device_half>');
  assert.equal(valueIn(device, 'clock-names'), '"osc", "set", "known", "half"');
  assert.match(device.left.map(({ what }) => what).join(), /clocks \(unknown\)/);
});

test('a clock that the profile knows is there though the host has none, as an AMBA driver needs it', () => {
  const { tree, node } = machine({});
  const device = exported(tree, node, { clocks: [{ name: 'apb_pclk', hertz: 24_000_000 }] });
  assert.equal(valueIn(device, 'clocks'), '<&device_apb_pclk>');
});

test('what refers to the host is left out, what refers to the device itself stays', () => {
  const { tree, node } = machine({
    phandle: [9],
    'phy-handle': [10],
    resets: [3, 1],
    'reset-names': 'core',
    'pinctrl-0': [3],
    'vdd-supply': [2],
    'reset-gpios': [3, 1, 0],
    iommus: [3],
    'vendor,width': [4],
    'vendor,mode': 'fast',
    'dma-coherent': true,
    status: 'disabled',
    '/mdio': {
      '#address-cells': [1],
      '#size-cells': [0],
      '/phy@1': { phandle: [10], reg: [1], 'vendor,mac': [9] },
      '/phy@2': { reg: [2], status: 'disabled' },
    },
  });
  const device = exported(tree, node);
  const names = device.properties.map(({ name }) => name);
  assert.deepEqual(names, ['compatible', 'phy-handle', 'vendor,width', 'vendor,mode', 'dma-coherent']);
  const [mdio] = device.children;
  assert.equal(mdio?.children.length, 1);
  assert.equal(valueIn(device, 'phy-handle'), `<&${mdio.children[0]?.label}>`);
  const told = device.left.map(({ what }) => what);
  for (const what of ['resets', 'pinctrl-0', 'vdd-supply', 'reset-gpios', 'iommus', 'mdio/phy@2'])
    assert.ok(told.includes(what), what);
  assert.ok(!told.includes('status'));
});

test('what lies on a bus of the device is a device of its own', () => {
  const { tree, node } = machine({ ranges: true, '/child@0': { reg: [0, 0, 0, 4] } });
  const device = exported(tree, node);
  assert.deepEqual(device.children, []);
  assert.match(device.left[0]?.why ?? '', /a device of its own/);
});

test("what a profile says of guests comes before the rules and the host's node", () => {
  const { tree, node } = machine({ 'vendor,speed': [1], 'vendor,secret': [2], 'wakeup-source': true });
  const device = exported(tree, node, {
    compatible: ['other,device', '8250'],
    drop: ['vendor,secret'],
    properties: {
      'vendor,speed': '0x2',
      'vendor,wide': '0x100000000',
      'vendor,names': ['a', 'b"c'],
      'vendor,flag': true,
    },
  });
  assert.deepEqual(Object.fromEntries(device.properties.map(({ name, value }) => [name, value])), {
    compatible: '"other,device", "8250"',
    'wakeup-source': '',
    'vendor,speed': '<0x2>',
    'vendor,wide': '<0x1 0x0>',
    'vendor,names': '"a", "b\\"c"',
    'vendor,flag': '',
  });
});

test("the order is VFIO's, and what VFIO does not give is told", () => {
  const { tree, node } = machine({
    reg: [0, 0x2000, 0, 0x100, 0, 0x3000, 0, 0x200],
    'reg-names': ['a', 'b'],
    interrupts: [0, 5, 4, 0, 6, 1],
  });
  const match = (index: number, entry: number) => ({ index, entry, evidence: '' });
  const device = guestDevice({
    tree,
    node,
    guest: {},
    isAmba: false,
    sizes: [{ index: 0, size: 0x200 }],
    matching: {
      regions: [match(0, 1)],
      irqs: [match(0, 1), match(1, 0)],
      unmatchedRegs: [{ entry: 0, why: 'no region of VFIO fits it' }],
      unmatchedInterrupts: [],
    },
  });
  assert.deepEqual(device.regions, [{ name: 'b', address: 0x3000n, size: 0x200n }]);
  assert.deepEqual(device.interrupts, [
    { spi: 6, flags: 1 },
    { spi: 5, flags: 4 },
  ]);
  assert.ok(device.left.some(({ what, why }) => what === 'entry 0 of reg' && why === 'no region of VFIO fits it'));
});

test('a tree of somebody who means ill makes no other source than ours', () => {
  const evil = '"; }; /include/ "/etc/passwd"; x { y = "\n*/ /dts-v1/;';
  const { tree, node } = machine({
    compatible: evil,
    'reg-names': evil,
    'interrupt-names': evil,
    interrupts: [0, 1, 4],
    clocks: [2],
    'clock-names': evil,
    [evil]: [1],
    'vendor,text': evil,
    [`/${evil.replaceAll('/', '')}`]: { compatible: 'x' },
    '/child': { [evil]: true, text: evil },
    ...Object.fromEntries(Array.from({ length: 400 }, (_, nth) => [`/many${nth}`, { a: [nth] }])),
    'vendor,large': new Uint8Array(8192),
  });
  const device = exported(tree, node);
  assertWellFormed(overlay({ ...device, path: evil, origin: evil }));
  assertWellFormed(qemuPlatform(device, evil, [evil], true));
  assert.ok(device.left.some(({ what, why }) => what === 'vendor,large' && /8192 bytes/.test(why)));
});
