import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { layOut } from '../../src/vfio/registers/layout.js';
import { descriptionOf } from '../../src/vfio/registers/map-export.js';
import { registerMapOf } from '../../src/vfio/registers/map-format.js';
import type { RegisterMap } from '../../src/vfio/registers/register-map.js';
import { parseSvd } from '../../src/vfio/registers/svd/svd-device.js';

/** What `map` is after it was written as JSON and read again. */
function again(map: RegisterMap): RegisterMap {
  const text = JSON.stringify(descriptionOf(map));
  return registerMapOf(JSON.parse(text), { origin: map.origin });
}

for (const file of ['nrf52840', 'fu540']) {
  test(`${file}: every peripheral written in the own format and read again is the same`, () => {
    const xml = gunzipSync(readFileSync(`test/fixtures/svd/${file}.svd.gz`)).toString();
    const contents = parseSvd(xml, file);
    assert.ok('device' in contents);
    for (const [index, { name }] of contents.device.peripherals.entries()) {
      const { children } = layOut(contents.registers[index] ?? [], { space: 'region0', base: 0 });
      const map: RegisterMap = { name, origin: file, children, problems: [] };
      assert.deepEqual(again(map), map, name);
    }
  });
}

test('everything that a description can say is written and read again', () => {
  const map = registerMapOf(
    {
      name: 'all',
      space: 'region2',
      description: 'All of it',
      registers: [
        {
          name: 'A',
          offset: 0,
          access: 'w1crs',
          reset: '0x8000000000000001',
          resetMask: '0xf',
          width: 64,
          title: 'T',
          alternate: true,
          protection: 'privileged',
        },
        { name: 'B', offset: 8, access: 'wo', writeEffect: 'w1c', readEffect: 'external', writes: [1, '0xffff'] },
        {
          name: 'C',
          offset: 12,
          width: 16,
          readEffect: 'clear',
          writes: 'named',
          fields: [
            {
              name: 'F',
              bits: '3:0',
              values: [
                { name: 'X', value: '0b1x0x', usage: 'read', description: 'd' },
                { name: 'X', value: 2, usage: 'write' },
                { name: 'Y', value: '4..5' },
                { name: 'Z', value: 'default' },
              ],
            },
            { name: 'G', bits: 4, access: 'rc', writes: 'as-read' },
            { name: 'H', bits: 5, values: { 1: '1', __proto__x: 0 } },
          ],
        },
        { name: 'D', offset: 16, count: 4, first: 3, stride: 8 },
        { name: 'E', offset: 64, count: 1 },
        { name: 'L%s', offset: 80, names: ['P', 'Q'] },
        { name: 'S', offset: 100, count: 3, stride: 0, width: 8 },
        {
          name: 'CH',
          offset: 0x100,
          size: 0x20,
          count: 2,
          stride: 0x40,
          description: 'c',
          registers: [{ name: 'IN', offset: 4, count: 2, registers: [{ name: 'R', offset: 0 }], stride: 8 }],
        },
      ],
    },
    { origin: 'all.json' },
  );
  assert.deepEqual(map.problems, []);
  assert.deepEqual(again({ ...map, problems: [] }), { ...map, problems: [] });
});

test('arrays are written as arrays', () => {
  const registers = [
    { name: 'FIFO', offset: 0, count: 64, width: 8 },
    { name: 'CH', offset: 0x100, count: 16, stride: 0x10, registers: [{ name: 'CTL', offset: 0 }] },
  ];
  const made = descriptionOf(registerMapOf({ name: 'm', registers }, { origin: 'm' })).registers;
  assert.deepEqual(
    made.map(({ name, count, stride, offset }) => ({ name, count, stride, offset })),
    [
      { name: 'FIFO', count: 64, stride: '0x1', offset: '0x0' },
      { name: 'CH', count: 16, stride: '0x10', offset: '0x100' },
    ],
  );
});
