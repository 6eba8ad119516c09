import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interruptMapOf, interruptsOf } from '../../src/vfio/devicetree/interrupt.js';
import { idMapOf, referencesIn, referencesOf } from '../../src/vfio/devicetree/reference.js';
import type { DeviceTree } from '../../src/vfio/devicetree/tree.js';
import { iommuLink, powerWarnings } from '../../src/vfio/devicetree/warning.js';
import { type MadeNode, makeTree, nodeAt, treeNames, treeOf } from './device-trees.js';

/** Each interrupt of a node as one line: name, meaning, trigger, where; or what is wrong. */
function lines(tree: DeviceTree, path: string): string[] {
  const found = interruptsOf(tree, nodeAt(tree, path));
  const entries = (found?.entries ?? []).map(({ name, decoded, controller, maps, problem }) =>
    problem === undefined
      ? [name, decoded?.text, decoded?.trigger, `at ${controller}`, ...maps.map((map) => `through ${map}`)]
          .filter((part) => part !== undefined)
          .join(' ')
      : `! ${problem}`,
  );
  return found?.problem === undefined ? entries : [...entries, `! ${found.problem}`];
}

function linesOf(root: MadeNode, path = '/d'): string[] {
  return lines(makeTree(root), path);
}

test('every interrupt and every reference of every board is resolved', () => {
  let interrupts = 0;
  let references = 0;
  for (const board of treeNames) {
    const tree = treeOf(board);
    for (const node of tree.nodes()) {
      const found = interruptsOf(tree, node);
      assert.equal(found?.problem, undefined, `${board} ${node.path}`);
      for (const { problem, controller, decoded } of found?.entries ?? []) {
        assert.equal(problem, undefined, `${board} ${node.path}`);
        assert.ok(controller !== undefined && decoded !== undefined);
        assert.ok(!decoded.text.startsWith('cells'), `${board} ${node.path}: ${decoded.text} at ${controller}`);
        interrupts += 1;
      }
      assert.equal(interruptMapOf(tree, node)?.problem, undefined, `${board} ${node.path}`);
      for (const { problem, property, target, cells } of referencesOf(tree, node)) {
        assert.equal(problem, undefined, `${board} ${node.path} ${property}`);
        assert.ok(target !== undefined || cells.length === 0);
        references += 1;
      }
    }
  }
  assert.ok(interrupts > 800 && references > 2700, `${interrupts} interrupts, ${references} references`);
});

test('interrupts of real boards, as their data sheets have them', () => {
  const known = [
    [
      'bcm2711-rpi-4-b',
      '/soc/serial@7e201000',
      ['SPI 121 (INTID 153) level high at /soc/interrupt-controller@40041000'],
    ],
    [
      'bcm2711-rpi-4-b',
      '/scb/pcie@7d500000',
      [
        'pcie SPI 147 (INTID 179) level high at /soc/interrupt-controller@40041000',
        'msi SPI 148 (INTID 180) level high at /soc/interrupt-controller@40041000',
      ],
    ],
    ['p4080ds', '/soc@ffe000000/dma@101300/dma-channel@0', ['32 level high at /soc@ffe000000/pic@40000']],
    ['p4080ds', '/soc@ffe000000/spi@110000', ['53 level high at /soc@ffe000000/pic@40000']],
    [
      'p4080ds',
      '/soc@ffe000000/iommu@20000',
      ['24 level high at /soc@ffe000000/pic@40000', '16, error 30 level high at /soc@ffe000000/pic@40000'],
    ],
    [
      'juno-r2',
      '/bus@8000000/motherboard-bus@8000000/iofpga-bus@300000000/rtc@170000',
      ['SPI 68 (INTID 100) level high at /interrupt-controller@2c010000 through /bus@8000000'],
    ],
    ['rk3399-rock-pi-4b', '/pmu_a53', ['PPI 7 (INTID 23) level low at /interrupt-controller@fee00000']],
    ['qemu-virt', '/pl031@9010000', ['SPI 2 (INTID 34) level high at /intc@8000000']],
    [
      'qemu-virt',
      '/timer',
      [
        'PPI 13 (INTID 29) level high at /intc@8000000',
        'PPI 14 (INTID 30) level high at /intc@8000000',
        'PPI 11 (INTID 27) level high at /intc@8000000',
        'PPI 10 (INTID 26) level high at /intc@8000000',
      ],
    ],
    ['qemu-riscv-virt', '/soc/serial@10000000', ['source 10 level high at /soc/plic@c000000']],
    ['qemu-riscv-virt-aia', '/soc/serial@10000000', ['10 level high at /soc/aplic@d000000']],
  ] as const;
  for (const [board, path, expected] of known) assert.deepEqual(lines(treeOf(board), path), expected, path);
});

test('a PCI bridge turns the pins of each slot', () => {
  const tree = treeOf('qemu-virt');
  const map = interruptMapOf(tree, nodeAt(tree, '/pcie@10000000'));
  const pins = map?.entries.filter(({ unit }) => unit[0] === 0x1000).map(({ decoded }) => decoded?.number);
  assert.deepEqual(pins, [37, 38, 35, 36]);
});

const gic: MadeNode = {
  phandle: [1],
  compatible: 'arm,gic-400',
  'interrupt-controller': true,
  '#interrupt-cells': [3],
};

test('the interrupt parent is inherited, and interrupts-extended names its own', () => {
  const plain: MadeNode = { phandle: [2], 'interrupt-controller': true, '#interrupt-cells': [2] };
  const one: MadeNode = { phandle: [3], 'interrupt-controller': true, '#interrupt-cells': [1] };
  const root: MadeNode = {
    'interrupt-parent': [1],
    '/gic': gic,
    '/gpio': plain,
    '/pic': one,
    '/bus': {
      'interrupt-parent': [2],
      '/d': { interrupts: [7, 1, 8, 8], 'interrupt-names': ['rx', 'tx'] },
      '/e': { 'interrupts-extended': [1, 0, 5, 4, 3, 9, 2, 4, 2], interrupts: [99, 99] },
      '/f': { 'interrupt-parent': [3], interrupts: [6] },
    },
    '/d': { interrupts: [1, 9, 0xf08] },
  };
  assert.deepEqual(linesOf(root), ['PPI 9 (INTID 25, CPUs 0xf) level low at /gic']);
  assert.deepEqual(linesOf(root, '/bus/d'), ['rx 7 edge rising at /gpio', 'tx 8 level low at /gpio']);
  assert.deepEqual(linesOf(root, '/bus/e'), [
    'SPI 5 (INTID 37) level high at /gic',
    '9 at /pic',
    '4 edge falling at /gpio',
  ]);
  assert.deepEqual(linesOf(root, '/bus/f'), ['6 at /pic']);
});

test('cells by the kind of controller', () => {
  const atController = (compatible: string, cells: number, interrupts: readonly number[]): string[] =>
    linesOf({
      'interrupt-parent': [1],
      '/c': { phandle: [1], compatible, 'interrupt-controller': true, '#interrupt-cells': [cells] },
      '/d': { interrupts },
    });
  assert.deepEqual(atController('arm,gic-v3', 4, [0, 7, 1, 0]), ['SPI 7 (INTID 39) edge rising at /c']);
  assert.deepEqual(atController('arm,gic-v3', 3, [2, 7, 4]), ['ESPI 7 (INTID 4103) level high at /c']);
  assert.deepEqual(atController('arm,gic-v3', 3, [9, 7, 4]), ['cells 0x9 0x7 0x4 at /c']);
  assert.deepEqual(atController('fsl,mpic', 4, [20, 2, 0, 0]), ['20 level high at /c']);
  assert.deepEqual(atController('fsl,mpic', 4, [0, 2, 2, 0]), ['IPI 0 level high at /c']);
  assert.deepEqual(atController('fsl,mpic', 4, [16, 2, 1, 23]), ['16, error 23 level high at /c']);
  assert.deepEqual(atController('chrp,open-pic', 2, [20, 1]), ['20 level low at /c']);
  assert.deepEqual(atController('chrp,iic', 2, [4, 3]), ['IRQ 4 edge rising at /c']);
  assert.deepEqual(atController('mti,gic', 3, [0, 7, 4]), ['shared 7 level high at /c']);
  assert.deepEqual(atController('brcm,bcm2836-armctrl-ic', 2, [2, 25]), ['bank 2, 25 at /c']);
  // PAPR's second cell is no number of Linux's: 1 is a level.
  assert.deepEqual(atController('IBM,ppc-xicp', 2, [0x1200, 1]), ['source 0x1200 level low at /c']);
  assert.deepEqual(atController('ibm,power-ivpe', 2, [0x1200, 0]), ['source 0x1200 edge rising at /c']);
  assert.deepEqual(atController('IBM,vdevice', 2, [0x1100, 0]), ['source 0x1100 edge rising at /c']);
  assert.deepEqual(atController('acme,pic', 2, [5, 0x100]), ['cells 0x5 0x100 at /c']);
  assert.deepEqual(atController('acme,pic', 3, [1, 2, 3]), ['cells 0x1 0x2 0x3 at /c']);
});

test('a controller in front of a GIC hands its cells on', () => {
  const root: MadeNode = {
    '/gic': gic,
    '/gpc': { phandle: [2], 'interrupt-controller': true, '#interrupt-cells': [3], 'interrupt-parent': [1] },
    '/d': { 'interrupt-parent': [2], interrupts: [0, 87, 4] },
  };
  assert.deepEqual(linesOf(root), ['SPI 87 (INTID 119) level high at /gpc']);
  const pins: MadeNode = {
    '/gic': gic,
    '/pio': {
      phandle: [2],
      'gpio-controller': true,
      'interrupt-controller': true,
      '#interrupt-cells': [3],
      'interrupt-parent': [1],
    },
    '/d': { 'interrupt-parent': [2], interrupts: [0, 11, 8] },
  };
  assert.deepEqual(linesOf(pins), ['bank 0, pin 11 level low at /pio'], 'pins are no interrupts of the GIC');
});

test('an interrupt-map is searched under its mask, and may lead to another', () => {
  const root: MadeNode = {
    '#address-cells': [1],
    '#size-cells': [1],
    '/gic': { ...gic, '#address-cells': [2] },
    '/outer': {
      phandle: [2],
      '#interrupt-cells': [1],
      '#address-cells': [0],
      'interrupt-map': [3, 1, 0, 0, 0, 40, 4, 9, 1, 0, 0, 0, 41, 1],
      'interrupt-map-mask': [0xf],
    },
    '/inner': {
      '#interrupt-cells': [1],
      '#address-cells': [1],
      '#size-cells': [1],
      'interrupt-map': [0x100, 1, 2, 3, 0x200, 1, 2, 0x19],
      'interrupt-map-mask': [0xf00, 7],
      'interrupt-parent': [3],
      phandle: [3],
      ranges: true,
      '/a': { reg: [0x110, 4], interrupts: [9] },
      '/b': { reg: [0x2ff, 4], interrupts: [1] },
      '/c': { reg: [0x300, 4], interrupts: [1] },
    },
  };
  assert.deepEqual(linesOf(root, '/inner/a'), ['SPI 40 (INTID 72) level high at /gic through /inner through /outer']);
  assert.deepEqual(linesOf(root, '/inner/b'), ['SPI 41 (INTID 73) edge rising at /gic through /inner through /outer']);
  assert.deepEqual(linesOf(root, '/inner/c'), ['! no entry of interrupt-map of /inner fits 0x300 0x1']);
});

test('what is broken is said', () => {
  assert.deepEqual(linesOf({ '/d': { interrupts: [1] } }), ['! /d has interrupts and no interrupt parent']);
  assert.deepEqual(linesOf({ 'interrupt-parent': [9], '/d': { interrupts: [1] } }), [
    '! interrupt-parent of /: no node has phandle 0x9',
  ]);
  assert.deepEqual(linesOf({ '/d': { interrupts: [1], 'interrupt-parent': [1], phandle: [1] } }), [
    '! the interrupt parents of /d lead in a circle, by way of /d',
  ]);
  assert.deepEqual(linesOf({ 'interrupt-parent': [1], '/gic': gic, '/d': { interrupts: [0, 1, 4, 0] } }), [
    'SPI 1 (INTID 33) level high at /gic',
    '! interrupts of /d has 4 cells, and /gic wants 3 for each: 1 are left over',
  ]);
  assert.deepEqual(
    linesOf({ 'interrupt-parent': [1], '/gic': gic, '/d': { interrupts: [0, 1, 4], 'interrupt-names': ['a', 'b'] } }),
    ['a SPI 1 (INTID 33) level high at /gic', '! interrupt-names of /d has 2 names for 1 interrupts'],
  );
  assert.deepEqual(linesOf({ '/gic': gic, '/d': { 'interrupts-extended': [1, 0] } }), [
    '! interrupts-extended of /d ends within an interrupt of /gic',
  ]);
  const circle: MadeNode = {
    '/a': { phandle: [1], '#interrupt-cells': [1], '#address-cells': [0], 'interrupt-map': [1, 2, 1] },
    '/b': { phandle: [2], '#interrupt-cells': [1], '#address-cells': [0], 'interrupt-map': [1, 1, 1] },
    '/d': { 'interrupt-parent': [1], interrupts: [1] },
  };
  assert.deepEqual(linesOf(circle), [
    '! it goes through more than 64 controllers: do their interrupt-maps lead in a circle?',
  ]);
});

/** Each reference of a property as one line. */
function refs(root: MadeNode, property: string): string[] {
  const tree = makeTree(root);
  return (referencesIn(tree, nodeAt(tree, '/d'), property) ?? []).map(
    ({ name, target, cells, problem }) =>
      `${name ?? '-'} ${target?.path ?? '-'} [${cells.join()}]${problem ? ` ! ${problem}` : ''}`,
  );
}

test('references take as many cells as their provider says, and their names from the property beside it', () => {
  const nodes = {
    '/cru': { phandle: [1], '#clock-cells': [1], '#reset-cells': [2] },
    '/osc': { phandle: [2], '#clock-cells': [0] },
    '/none': { phandle: [3] },
  };
  const d = (properties: MadeNode): MadeNode => ({ ...nodes, '/d': properties });
  assert.deepEqual(refs(d({ clocks: [1, 7, 2, 0, 1, 8], 'clock-names': ['bus', 'osc', 'x', 'core'] }), 'clocks'), [
    'bus /cru [7]',
    'osc /osc []',
    'x - []',
    'core /cru [8]',
  ]);
  assert.deepEqual(refs(d({ resets: [1, 2, 3] }), 'resets'), ['- /cru [2,3]']);
  assert.deepEqual(refs(d({ resets: [1, 2] }), 'resets'), ['- /cru [2] ! /cru wants 2 cells, and 1 are there']);
  assert.deepEqual(refs(d({ clocks: [9, 1, 2] }), 'clocks'), [
    '- - [] ! no node has phandle 0x9, so what follows cannot be told apart',
  ]);
  assert.deepEqual(refs(d({ clocks: [3, 1] }), 'clocks'), [
    '- /none [] ! /none has no #clock-cells, so what follows cannot be told apart',
  ]);
  assert.deepEqual(refs(d({ 'vcc-supply': [3], 'pinctrl-0': [1, 9, 2] }), 'vcc-supply'), ['- /none []']);
  assert.deepEqual(refs(d({ 'pinctrl-0': [1, 9, 2], 'pinctrl-names': 'default' }), 'pinctrl-0'), [
    'default /cru []',
    'default - [] ! no node has phandle 0x9',
    'default /osc []',
  ]);
  assert.deepEqual(refs(d({ clocks: new Uint8Array([1, 2, 3]) }), 'clocks'), [
    '- - [] ! 3 bytes are no list of phandles',
  ]);
  assert.deepEqual(refs(d({ ngpios: [5] }), 'ngpios'), []);
  assert.deepEqual(refs(d({ 'gpio-ranges': [1, 0, 5, 30, 3, 0, 40, 2] }), 'gpio-ranges'), [
    '- /cru [0,5,30]',
    '- /none [0,40,2]',
  ]);
  assert.deepEqual(refs(d({ 'gpio-ranges': [1, 0] }), 'gpio-ranges'), [
    '- /cru [0] ! /cru wants 3 cells, and 1 are there',
  ]);
  assert.deepEqual(refs(d({ 'fsl,stop-mode': [1, 0x10, 3] }), 'fsl,stop-mode'), ['- /cru [16,3]']);
  assert.deepEqual(refs(d({ intf_mode: [9, 4] }), 'intf_mode'), [
    '- - [] ! no node has phandle 0x9, so what follows cannot be told apart',
  ]);
  const tree = makeTree(d({ 'iommu-map': [0, 1, 0, 0x100, 0x100, 1] }));
  assert.deepEqual(
    idMapOf(tree, nodeAt(tree, '/d'), 'iommu-map')?.map(({ target, problem }) => problem ?? target?.path),
    ['/cru', 'iommu-map of /d has 6 cells, and an entry 4: 2 are left out'],
  );
});

test('what may hang is warned of, and what cannot is not', () => {
  const root: MadeNode = {
    '/cru': { phandle: [1], '#clock-cells': [1], '#reset-cells': [1], '#power-domain-cells': [1] },
    '/osc': { phandle: [2], '#clock-cells': [0], compatible: 'fixed-clock' },
    '/fixed': { clocks: [2] },
    '/gated': { clocks: [1, 3, 1, 4, 2], 'clock-names': ['bus', 'core', 'osc'], resets: [1, 9], 'reset-names': 'rst' },
    '/amba': { compatible: 'arm,primecell', clocks: [1, 3], 'clock-names': 'apb_pclk' },
    '/uart': { compatible: 'arm,primecell', clocks: [1, 2, 1, 3], 'clock-names': ['uartclk', 'apb_pclk'] },
    '/one': { 'power-domains': [1, 5] },
    '/two': { 'power-domains': [1, 5, 1, 6], 'power-domain-names': ['a', 'b'] },
    '/off': { status: 'disabled', '/below': {} },
  };
  const tree = makeTree(root);
  const warned = (path: string, bus = 'platform', runtime?: string): string[] =>
    powerWarnings(tree, nodeAt(tree, path), { bus, ...(runtime !== undefined && { runtime }) }).map(({ text }) => text);
  assert.deepEqual(warned('/fixed'), []);
  assert.deepEqual(warned('/gated'), [
    'clocks are listed (bus, core) and no driver is left that would enable them: a read may hang the bus',
    'resets are listed (rst) and no driver is left that would release them: in reset, a read may hang the bus',
  ]);
  assert.deepEqual(warned('/amba', 'amba'), []);
  assert.deepEqual(warned('/uart', 'amba'), [
    'clocks are listed (uartclk) and no driver is left that would enable them: the device may not run',
  ]);
  assert.match(warned('/uart').join(), /clocks are listed \(uartclk, apb_pclk\) .* a read may hang the bus/);
  const hangs = (path: string, bus: string): boolean[] =>
    powerWarnings(tree, nodeAt(tree, path), { bus }).map(({ mayHang }) => mayHang);
  assert.deepEqual(hangs('/uart', 'amba'), [false]);
  assert.deepEqual(hangs('/uart', 'platform'), [true]);
  assert.deepEqual(warned('/one', 'platform', 'active'), []);
  assert.match(
    warned('/one', 'platform', 'suspended').join(),
    /power-domains are listed \(cru\), and the device is suspended/,
  );
  assert.match(
    warned('/two', 'platform', 'active').join(),
    /power-domains are listed \(a, b\), and the kernel powers none/,
  );
  assert.match(warned('/off').join(), /status of the node is disabled/);
  assert.match(warned('/off/below').join(), /status of \/off, above the node, is disabled/);
});

test('why no IOMMU translates a device', () => {
  const board = {
    '/smmu': { phandle: [1], '#iommu-cells': [1] },
    '/off': { phandle: [2], '#iommu-cells': [1], status: 'disabled' },
    '/d': { iommus: [1, 0x8001] },
    '/e': {},
    '/f': { iommus: [2, 1] },
    '/g': { iommus: [9, 1] },
    '/pcie': { device_type: 'pci', 'iommu-map': [0, 1, 0, 0x10000] },
    '/pci': { device_type: 'pci' },
  };
  const tree = makeTree(board);
  const link = (path: string): string => {
    const found = iommuLink(tree, nodeAt(tree, path));
    return found.kind === 'none' ? found.why : found.iommus.map((node) => node.path).join();
  };
  assert.equal(link('/d'), '/smmu');
  assert.equal(link('/pcie'), '/smmu');
  assert.equal(link('/e'), '/e has no iommus');
  assert.equal(link('/pci'), '/pci has no iommu-map');
  assert.equal(link('/f'), 'the IOMMU /off is disabled');
  assert.match(link('/g'), /iommus of \/g: no node has phandle 0x9/);
  const bare = makeTree({ '/d': {} });
  const none = iommuLink(bare, nodeAt(bare, '/d'));
  assert.ok(none.kind === 'none');
  assert.equal(none.why, '/d has no iommus, and the tree has no IOMMU');
  const p4080 = treeOf('p4080ds');
  assert.equal(iommuLink(p4080, nodeAt(p4080, '/soc@ffe000000/dma@101300')).kind, 'linked');
});
