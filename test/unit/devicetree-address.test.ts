import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { rangesOf, regOf } from '../../src/vfio/devicetree/address.js';
import { deviceNameOf, nodeNamed } from '../../src/vfio/devicetree/device-name.js';
import { dmaOf } from '../../src/vfio/devicetree/dma.js';
import type { DtNode } from '../../src/vfio/devicetree/node.js';
import { type MadeNode, makeTree, nodeAt, treeFolder, treeNames, treeOf } from './device-trees.js';

/** The processor's addresses and the sizes of a node's reg; why not, where there is none. */
function places(node: DtNode): unknown[] {
  return (regOf(node)?.entries ?? []).map(({ translated, size }) =>
    'cpu' in translated ? [translated.cpu, size] : translated.untranslated,
  );
}

function placesAt(root: MadeNode, path: string): unknown[] {
  return places(nodeAt(makeTree(root), path));
}

test('every reg of every board is where an independent implementation finds it', () => {
  const expected = new Map<string, string[]>();
  for (const line of readFileSync(join(treeFolder, 'reg.txt'), 'utf8').trim().split('\n')) {
    const [board = '', ...rest] = line.split(' ');
    const lines = expected.get(board) ?? [];
    lines.push(rest.join(' '));
    expected.set(board, lines);
  }
  assert.deepEqual([...expected.keys()].sort(), [...treeNames].sort());
  for (const board of treeNames) {
    const found: string[] = [];
    for (const node of treeOf(board).nodes()) {
      const reg = regOf(node);
      // QEMU gives the bus of this one no cells: the kernel takes those further up.
      if (board !== 'qemu-ppce500' || !node.path.endsWith('/rtc@68'))
        assert.equal(reg?.problem, undefined, `${board} ${node.path}`);
      for (const { index, size, translated } of reg?.entries ?? []) {
        const cpu = 'cpu' in translated ? `0x${translated.cpu.toString(16)}` : '-';
        found.push(`${node.path} ${index} ${cpu} ${size === undefined ? '-' : `0x${size.toString(16)}`}`);
      }
    }
    assert.deepEqual(found.sort(), expected.get(board)?.sort(), board);
  }
});

test('the DMA engine of the first vfio-platform plans', () => {
  const tree = treeOf('p4080ds');
  const dma = nodeAt(tree, '/soc@ffe000000/dma@101300');
  assert.deepEqual(places(dma), [[0xf_fe10_1300n, 4n]]);
  assert.equal(deviceNameOf(dma), 'ffe101300.dma');
  assert.equal(nodeNamed(tree, 'ffe101300.dma'), dma);
  assert.deepEqual(places(nodeAt(tree, '/soc@ffe000000/dma@101300/dma-channel@80')), [[0xf_fe10_1180n, 0x80n]]);
});

test("a node's device is found by the name that the kernel gives it", () => {
  // As seen in /sys/bus/platform/devices of these boards.
  const known = [
    ['bcm2711-rpi-4-b', 'fe201000.serial', '/soc/serial@7e201000'],
    ['bcm2711-rpi-4-b', 'fd580000.ethernet', '/scb/ethernet@7d580000'],
    ['bcm2711-rpi-4-b', 'fd500000.pcie', '/scb/pcie@7d500000'],
    ['rk3399-rock-pi-4b', 'ff1a0000.serial', '/serial@ff1a0000'],
    ['sun50i-a64-pine64-plus', '1c28000.serial', '/soc/serial@1c28000'],
    ['meson-gxbb-odroidc2', 'c1108500.i2c', '/soc/bus@c1100000/i2c@8500'],
    ['qemu-virt', '9010000.pl031', '/pl031@9010000'],
    ['qemu-virt', 'a000000.virtio_mmio', '/virtio_mmio@a000000'],
    ['juno-r2', '1c010008.0.led', '/bus@8000000/motherboard-bus@8000000/iofpga-bus@300000000/apbregs@10000/led@8,0'],
    ['juno-r2', '1c010008.1.led', '/bus@8000000/motherboard-bus@8000000/iofpga-bus@300000000/apbregs@10000/led@8,1'],
    ['rk3399-rock-pi-4b', 'pmu_a53', '/pmu_a53'],
  ] as const;
  for (const [board, name, path] of known) {
    const tree = treeOf(board);
    assert.equal(deviceNameOf(nodeAt(tree, path)), name);
    assert.equal(nodeNamed(tree, name)?.path, path);
  }
  assert.equal(nodeNamed(treeOf('p4080ds'), 'ffe101300.dm'), undefined);
});

test('ranges: none, empty, several entries, several levels', () => {
  const device = { reg: [0x10, 0x8] };
  const cells = { '#address-cells': [1], '#size-cells': [1] };
  const at = (bus: MadeNode): unknown[] => placesAt({ ...cells, '/bus': { ...cells, ...bus, '/d': device } }, '/bus/d');
  assert.deepEqual(at({}), ['/bus has no ranges: its addresses mean nothing outside of it']);
  assert.deepEqual(at({ ranges: true }), [[0x10n, 8n]]);
  assert.deepEqual(at({ ranges: [0, 0x1000, 0x10, 0x10, 0x9000, 0x10] }), [[0x9000n, 8n]]);
  assert.deepEqual(at({ ranges: [0, 0x1000, 0x10] }), ['no entry of ranges of /bus holds 0x10']);
  assert.deepEqual(at({ ranges: [0, 0x1000] }), ['ranges of /bus has 8 bytes, and an entry 12: 8 are left over']);
  const wide = {
    '#address-cells': [2],
    '#size-cells': [2],
    '/bus': { ...cells, ranges: [0, 0xf, 0xfe000000, 0x1000], '/d': device },
  };
  assert.deepEqual(placesAt(wide, '/bus/d'), [[0xf_fe00_0010n, 8n]]);
  const deep = {
    ...cells,
    '/a': { ...cells, ranges: [0, 0x100, 0x1000], '/b': { ...cells, ranges: [0, 0x20, 0x100], '/d': device } },
  };
  assert.deepEqual(placesAt(deep, '/a/b/d'), [[0x130n, 8n]]);
});

test('an entry that goes past its range says how much of it is in it', () => {
  const cells = { '#address-cells': [1], '#size-cells': [1] };
  const tree = makeTree({ ...cells, '/bus': { ...cells, ranges: [0, 0x1000, 0x18], '/d': { reg: [0x10, 0x10] } } });
  const [entry] = regOf(nodeAt(tree, '/bus/d'))?.entries ?? [];
  assert.ok(entry !== undefined && 'cpu' in entry.translated);
  assert.equal(entry.translated.cpu, 0x1010n);
  assert.equal(entry.translated.problem, 'only the first 0x8 bytes are in ranges of /bus');
});

test('a tree that QEMU makes is broken in one place, and it is said', () => {
  const rtc = nodeAt(treeOf('qemu-ppce500'), '/soc@fe0000000/i2c@3000/rtc@68');
  assert.equal(
    regOf(rtc)?.problem,
    'reg of /soc@fe0000000/i2c@3000/rtc@68 has 4 bytes, and an entry 8: 4 are left over; ' +
      '/soc@fe0000000/i2c@3000 has no #address-cells (taken as 1) and #size-cells (taken as 1)',
  );
});

test("cells are the parent's; where it does not say, what Linux takes, with a word about it", () => {
  const tree = makeTree({
    '#address-cells': [2],
    '#size-cells': [2],
    '/bus': { ranges: true, '/d': { reg: [1, 2, 3, 4] } },
  });
  const reg = regOf(nodeAt(tree, '/bus/d'));
  assert.deepEqual(
    reg?.entries.map(({ bus, size }) => [bus.value, size]),
    [[0x1_0000_0002n, 0x3_0000_0004n]],
  );
  assert.equal(reg?.problem, '/bus has no #address-cells (taken as 2) and #size-cells (taken as 2)');
  assert.deepEqual(placesAt({ '/d': { reg: [1, 2] } }, '/d'), [[1n, 2n]]);
});

test('wrong cell counts are errors and no addresses', () => {
  const five = makeTree({ '#address-cells': [5], '#size-cells': [1], '/d': { reg: [1, 2, 3, 4, 5, 6] } });
  assert.deepEqual(regOf(nodeAt(five, '/d')), {
    entries: [],
    cells: { address: 5, size: 1, problem: '#address-cells is 5 at /: there can be 4 at most' },
    problem: '#address-cells is 5 at /: there can be 4 at most',
  });
  const odd = makeTree({ '#address-cells': [1], '#size-cells': [1], '/d': { reg: [1, 2, 3] } });
  const reg = regOf(nodeAt(odd, '/d'));
  assert.equal(reg?.entries.length, 1);
  assert.equal(reg.problem, 'reg of /d has 12 bytes, and an entry 8: 4 are left over');
  const zero = makeTree({ '#address-cells': [0], '#size-cells': [0], '/d': { reg: [1] } });
  assert.equal(regOf(nodeAt(zero, '/d'))?.problem, 'reg of /d: its entries would have no cells');
  const noSize = { '#address-cells': [1], '#size-cells': [0], '/d': { reg: [0x50] } };
  assert.deepEqual(placesAt(noSize, '/d'), ['#size-cells of / is 0: it is a number there, not a place in memory']);
  const beyond = { '#address-cells': [3], '#size-cells': [1], '/d': { reg: [1, 0xffffffff, 0xffffffff, 4] } };
  assert.deepEqual(placesAt(beyond, '/d'), [[0xffff_ffff_ffff_ffffn, 4n]]);
});

test('PCI: the space of an address chooses its range', () => {
  const tree = makeTree({
    '#address-cells': [2],
    '#size-cells': [2],
    '/pcie@40000000': {
      device_type: 'pci',
      '#address-cells': [3],
      '#size-cells': [2],
      ranges: [
        [0x01000000, 0, 0, 0, 0x3eff0000, 0, 0x10000],
        [0x02000000, 0, 0x10000000, 0, 0x10000000, 0, 0x2eff0000],
        [0x43000000, 0x80, 0, 0x80, 0, 0x80, 0],
      ].flat(),
      '/dev@1,0': {
        reg: [
          [0x0800, 0, 0, 0, 0],
          [0x01000810, 0, 0x100, 0, 0x20],
          [0x02000814, 0, 0x10001000, 0, 0x1000],
          [0x43000818, 0x80, 0x4000, 0, 0x4000],
          [0x02000820, 0, 0x100, 0, 0x20],
        ].flat(),
      },
    },
  });
  assert.deepEqual(places(nodeAt(tree, '/pcie@40000000/dev@1,0')), [
    'it is in the config space of PCI, not in memory',
    [0x3eff0100n, 0x20n],
    [0x10001000n, 0x1000n],
    [0x80_0000_4000n, 0x4000n],
    'no entry of ranges of /pcie@40000000 holds 0x100',
  ]);
  const [, , prefetchable] = rangesOf(nodeAt(tree, '/pcie@40000000')).entries;
  assert.deepEqual(prefetchable?.child.pci, { space: 'memory 64', prefetchable: true });
});

test('DMA: the nearest dma-ranges, and who says that it is coherent', () => {
  const cells = { '#address-cells': [1], '#size-cells': [1] };
  const tree = makeTree({
    ...cells,
    '/soc': {
      ...cells,
      ranges: true,
      'dma-ranges': [0xc0000000, 0, 0x40000000],
      'dma-coherent': true,
      '/d': { reg: [0, 4] },
      '/e': { reg: [8, 4], 'dma-noncoherent': true },
    },
    '/f': { reg: [0x10, 4] },
  });
  const { coherent, windows } = dmaOf(nodeAt(tree, '/soc/d'));
  assert.deepEqual(coherent, { is: true, says: '/soc' });
  assert.deepEqual(windows, {
    bus: '/soc',
    entries: [{ bus: { value: 0xc0000000n }, size: 0x40000000n, cpu: 0n }],
  });
  assert.deepEqual(dmaOf(nodeAt(tree, '/soc/e')).coherent, { is: false, says: '/soc/e' });
  assert.deepEqual(dmaOf(nodeAt(tree, '/f')), {});
});
