import assert from 'node:assert/strict';
import { test } from 'node:test';
import { regOf } from '../../src/vfio/devicetree/address.js';
import { treeOf } from './device-trees.js';

/** The processor's addresses and the sizes of a node's reg; why not, where there is none. */
function places(board: string, path: string): unknown[] {
  const node = treeOf(board).find(path);
  assert.ok(node, `${board} has ${path}`);
  return (regOf(node)?.entries ?? []).map(({ translated, size }) =>
    'cpu' in translated ? [translated.cpu, size] : translated.untranslated,
  );
}

test('an address goes through the ranges of every bus above it', () => {
  assert.deepEqual(places('p4080ds', '/soc@ffe000000/dma@101300'), [[0xf_fe10_1300n, 4n]]);
  assert.deepEqual(places('p4080ds', '/soc@ffe000000/dma@101300/dma-channel@80'), [[0xf_fe10_1180n, 0x80n]]);
  assert.deepEqual(places('bcm2711-rpi-4-b', '/soc/serial@7e201000'), [[0xfe20_1000n, 0x200n]]);
});
