import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseBlob } from '../../src/vfio/devicetree/blob.js';
import { describeNode } from '../../src/vfio/devicetree/describe.js';
import { deviceNameOf } from '../../src/vfio/devicetree/device-name.js';
import { readTreeFile } from '../../src/vfio/devicetree/file.js';
import { liveTree } from '../../src/vfio/devicetree/folder.js';
import type { DeviceTree } from '../../src/vfio/devicetree/tree.js';
import { systemRoots } from '../../src/vfio/bus/roots.js';
import { VfioError } from '../../src/vfio/errors.js';
import { assemble, blobOf, makeBlob, makeTree, treeNames, treeOf, word, writeNode } from './device-trees.js';

const small = {
  compatible: ['acme,board', 'acme,soc'],
  '#address-cells': [1],
  '/bus@1': { ranges: true, '/dma@10': { reg: [0x10, 0x4], phandle: [7], odd: new Uint8Array([1, 2, 3]) } },
  '/aliases': { dma0: '/bus@1/dma@10' },
  '/__symbols__': { engine: '/bus@1/dma@10' },
} as const;

/** Every node and property as a line each, in an order that does not depend on the tree's. */
function linesOf(tree: DeviceTree): string[] {
  const lines: string[] = [];
  for (const { path, properties } of tree.nodes()) {
    lines.push(path);
    for (const { name, bytes } of properties) lines.push(`${path}:${name}=${Buffer.from(bytes).toString('hex')}`);
  }
  return lines.sort();
}

/** Every node described: nothing that a tree holds may end in anything but a description. */
function describeAll(tree: DeviceTree): number {
  let count = 0;
  for (const node of tree.nodes()) {
    describeNode(tree, node);
    deviceNameOf(node);
    count += 1;
  }
  return count;
}

test('nodes, properties, aliases, labels and phandles of a blob', () => {
  const tree = makeTree(small);
  const dma = tree.find('/bus@1/dma@10');
  assert.equal(dma?.path, '/bus@1/dma@10');
  assert.deepEqual(tree.root.property('compatible')?.strings, ['acme,board', 'acme,soc']);
  assert.deepEqual(dma.property('reg')?.cells, [0x10, 4]);
  for (const other of ['/bus/dma', 'dma0', '/bus@1/dma@10/']) assert.equal(tree.find(other), dma, other);
  for (const none of ['/bus@2', '/dma@10', 'dma1', '']) assert.notEqual(tree.find(none), dma, none);
  assert.equal(tree.byPhandle(7), dma);
  assert.equal(tree.labelOf(dma), 'engine');
  assert.deepEqual(tree.problems, []);
});

test('values in the notation of sources', () => {
  const { root } = makeTree({
    text: 'a "b"',
    list: ['a', 'b'],
    cells: [1, 0xffffffff],
    flag: true,
    bytes: new Uint8Array([0xde, 0xad, 1]),
    looksLikeText: [0x61626300],
    zero: [0],
  });
  assert.deepEqual(
    root.properties.map(({ source }) => source),
    ['"a \\"b\\""', '"a", "b"', '<0x1 0xffffffff>', '', '[de ad 01]', '"abc"', '<0x0>'],
  );
});

test('the tree of the running kernel is the same tree', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-live-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const roots = { ...systemRoots, sys: folder };
  assert.equal(liveTree(roots), undefined);
  const board = treeOf('rk3399-rock-pi-4b');
  writeNode(board.root, join(folder, 'firmware/devicetree/base'));
  const live = liveTree(roots);
  assert.ok(live);
  assert.deepEqual(linesOf(live), linesOf(board));
  assert.equal(live.byPhandle(1)?.path, board.byPhandle(1)?.path);
});

test('what is wrong with a tree but can be lived with is told', () => {
  const twins = makeTree({ '/a': { phandle: [3] }, '/b': { phandle: [3] } });
  assert.deepEqual(twins.problems, ["phandle 0x3 is both /a's and /b's"]);
  assert.equal(twins.byPhandle(3)?.path, '/a');
  const structure = [1, 0, 1, 0x61000000, 2, 1, 0x61000000, 2, 3, 0, 0, 2, 9];
  // A property behind subnodes is no such thing: libfdt does not see it.
  refuses(assemble(Buffer.concat(structure.map(word)), Buffer.from('p\0')), /a property of \/ behind its subnodes/);
  structure.splice(8, 3);
  const same = parseBlob(assemble(Buffer.concat(structure.map(word)), Buffer.from('p\0')), 'twins');
  assert.deepEqual(same.problems, ['there are two nodes /a']);
  const again = Buffer.concat([1, 0, 3, 4, 0, 1, 3, 4, 0, 2, 2, 9].map(word));
  const twice = parseBlob(assemble(again, Buffer.from('p\0')), 'twice');
  assert.deepEqual(twice.problems, ['/ has two properties p: the second is not used']);
  assert.equal(twice.root.property('p')?.u32, 1);
});

function refuses(blob: Uint8Array, why: RegExp): void {
  assert.throws(
    () => parseBlob(blob, 'bad.dtb'),
    (error) => {
      assert.ok(error instanceof VfioError, String(error));
      assert.equal(error.kind, 'protocol');
      assert.match(error.details.why, why);
      assert.match(error.details.why, /^byte 0x[0-9a-f]+: /);
      return true;
    },
  );
}

/** The small blob with one word of its header changed. */
function header(index: number, value: number): Buffer {
  const blob = makeBlob(small);
  blob.writeUInt32BE(value >>> 0, 4 * index);
  return blob;
}

test('a blob that is cut off anywhere is refused', () => {
  const blob = makeBlob(small);
  for (let length = 0; length < blob.length; length += 1) {
    refuses(blob.subarray(0, length), length < 4 ? /too few/ : /ends in its header|totalsize/);
    // The header says that this is all: then a block is outside, or ends early.
    const lying = Buffer.from(blob.subarray(0, length));
    if (length < 40) continue;
    lying.writeUInt32BE(length, 4);
    refuses(lying, /outside of the blob/);
  }
});

test('a header that lies is refused', () => {
  const { length } = makeBlob(small);
  refuses(header(0, 0x7f454c46), /no device tree blob/);
  refuses(header(1, length + 1), /totalsize/);
  refuses(header(1, 0x40000000), /totalsize/);
  refuses(header(1, 20), /fewer than its header/);
  for (const index of [2, 3, 4]) {
    refuses(header(index, 0), /outside of the blob/);
    refuses(header(index, 0xfffffff0), /outside of the blob/);
    refuses(header(index, length + 4), /outside of the blob/);
  }
  refuses(header(2, 58), /not aligned|outside/);
  refuses(header(4, 44), /not aligned/);
  refuses(header(3, 56), /overlap|outside/);
  refuses(header(5, 3), /version 3/);
  refuses(header(6, 18), /compatible with 18/);
  refuses(header(8, 0x40000000), /strings block .*outside/);
  refuses(header(9, 0x40000000), /structure block .*outside/);
  refuses(header(9, 8), /ends without its END|ends within|no end|more than there are/);
});

test('memory reservations without an end are refused', () => {
  const blob = makeBlob(small);
  blob.fill(0xff, 40, 56);
  refuses(blob, /memory reservation block (has no end|and)|and the memory reservation block overlap/);
});

/** A blob of these words as its structure, with one string, "p", in its strings block. */
function structured(...words: readonly number[]): Buffer {
  return assemble(Buffer.concat(words.map(word)), Buffer.from('p\0'));
}

test('a structure that is no tree is refused', () => {
  refuses(structured(9), /no root node/);
  refuses(structured(), /ends without its END/);
  refuses(structured(1, 0, 2), /ends without its END/);
  refuses(structured(1, 0, 9), /ends within \//);
  refuses(structured(2, 9), /never began/);
  refuses(structured(1, 0, 2, 1, 0, 2, 9), /second root/);
  refuses(structured(3, 0, 0, 1, 0, 2, 9), /outside of the root/);
  refuses(structured(1, 0, 1, 0, 2, 2, 9), /"" is no name/);
  refuses(structured(1, 0, 1, 0x2f000000, 2, 2, 9), /"\/" is no name/);
  refuses(structured(1, 0, 5, 2, 9), /0x5 is no token/);
  refuses(structured(1, 0, 3, 0x40000000, 0, 2, 9), /1073741824 bytes, more than there are/);
  refuses(structured(1, 0, 3, 0xffffffff, 0, 2, 9), /more than there are/);
  refuses(structured(1, 0, 3, 0, 2, 2, 9), /outside of the strings block/);
  refuses(structured(1, 0, 3, 0, 0xfffffff0, 2, 9), /outside of the strings block/);
  refuses(structured(1, 0, 3, 0, 1, 2, 9), /without a name/);
  refuses(structured(1, 0x61616161, 0x61616161), /has no end/);
  refuses(assemble(Buffer.concat([1, 0, 3, 0, 0, 2, 9].map(word)), Buffer.from('p')), /a property's name has no end/);
  refuses(structured(1, ...Array.from({ length: 80 }, () => 0x61616161), 0, 2, 9), /longer than 255/);
  refuses(structured(...Array.from({ length: 100 }, () => [1, 0x61000000]).flat(), 9), /nested more than 64 deep/);
  assert.equal(parseBlob(structured(4, 1, 0, 4, 3, 0, 0, 4, 2, 4, 9), 'nops').root.properties.length, 1);
});

test('files that are something else are told by what they are', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-dtb-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const refused = (name: string, bytes: string | Buffer): { why: string; hint: string } => {
    writeFileSync(join(folder, name), bytes);
    try {
      readTreeFile(join(folder, name));
    } catch (error) {
      if (error instanceof VfioError) return { why: error.details.why, hint: error.details.hint ?? '' };
    }
    throw new Error(`${name} was read`);
  };
  assert.match(refused('a.dts', '/dts-v1/;\n/ { };\n').hint, /compile it with dtc/);
  assert.match(refused('a.gz', Buffer.from([0x1f, 0x8b, 8, 0])).hint, /gunzip/);
  assert.match(refused('swapped', Buffer.from([0xed, 0xfe, 0x0d, 0xd0])).hint, /byte order/);
  assert.match(refused('empty', '').why, /too few/);
  const huge = join(folder, 'huge');
  writeFileSync(huge, makeBlob(small));
  truncateSync(huge, 2 ** 30);
  assert.throws(() => readTreeFile(huge), /1073741824 bytes, and no device tree has more/);
  assert.throws(() => readTreeFile(folder), /no plain file/);
  assert.throws(() => readTreeFile(join(folder, 'none')), /ENOENT: there is no such file/);
});

test('lists without an end, counts beyond reason and circles end in a description', () => {
  const many = Array.from({ length: 50_000 }, (_, index) => index);
  const tree = makeTree({
    '#address-cells': [1],
    '#size-cells': [1],
    'interrupt-parent': [1],
    '/a': { phandle: [1], '#interrupt-cells': [1], 'interrupt-map': [0, 0, 2, 1], 'interrupt-parent': [2] },
    '/b': { phandle: [2], '#interrupt-cells': [1], '#address-cells': [0], 'interrupt-map': [1, 1, 1] },
    '/c': { phandle: [3], 'interrupt-parent': [3], interrupts: [1] },
    '/d': { interrupts: many, reg: many, clocks: many, 'interrupt-names': 'x', ranges: many, 'dma-ranges': many },
    '/e': { '#address-cells': [0xffffffff], '#size-cells': [0xffffffff], ranges: many, '/f': { reg: many } },
    '/g': { phandle: [4], '#interrupt-cells': [0xffffffff], '#clock-cells': [0xffffffff], '/h': { clocks: [4, 0] } },
    '/i': { 'interrupt-parent': [4], interrupts: many, 'interrupts-extended': many, 'iommu-map': many },
    '/j': { '#address-cells': [0], '#size-cells': [0], '/k': { reg: many } },
    '/l': { '#interrupt-cells': [0], 'interrupt-controller': true, '/m': { interrupts: many } },
  });
  assert.ok(describeAll(tree) > 10);
});

test('a real blob with bytes changed is a tree or an error, and each of its nodes a description', () => {
  const blobs = treeNames.filter((name) => !name.startsWith('qemu')).map((name) => blobOf(name));
  const change = fc.tuple(fc.nat(2 ** 20), fc.oneof(fc.nat(255), fc.constantFrom(0, 0xff, 0x80, 1)));
  const changes = fc.array(change, { minLength: 1, maxLength: 24 });
  let trees = 0;
  const run = (parse: (tree: DeviceTree) => void, numRuns: number): void =>
    fc.assert(
      fc.property(fc.constantFrom(...blobs), changes, fc.boolean(), (original, list, early) => {
        const blob = Buffer.from(original);
        // Changes all over the blob, or in its header and first nodes.
        for (const [at, value] of list) blob[early ? at % 512 : at % blob.length] = value;
        try {
          parse(parseBlob(blob, 'mutated'));
          trees += 1;
        } catch (error) {
          assert.ok(error instanceof VfioError && error.kind === 'protocol', String(error));
        }
      }),
      { numRuns },
    );
  run(() => undefined, 400);
  run((tree) => void describeAll(tree), 40);
  assert.ok(trees > 20, `${trees} of the mutated blobs were trees`);
});
