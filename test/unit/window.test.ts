import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RegionInfo } from '../../src/vfio/transport/transport.js';
import { type WindowRules, windowsOf } from '../../src/vfio/window.js';

function region(over: Partial<RegionInfo> = {}): RegionInfo {
  return {
    index: 0,
    flags: 7,
    readable: true,
    writable: true,
    mappable: true,
    size: 0x4000,
    fileOffset: 0n,
    msixMappable: false,
    ...over,
  };
}

function shape(rules: Partial<WindowRules> & { info: RegionInfo }): string[] {
  const windows = windowsOf({ otherwise: 'file', pageSize: 4096, ...rules });
  return windows.map(({ start, end, path }) => `${start.toString(16)}-${end.toString(16)} ${path}`);
}

test('a mappable region is one mapped window', () => {
  assert.deepEqual(shape({ info: region() }), ['0-4000 mapped']);
});

test('a region that VFIO does not offer to map takes the other path whole', () => {
  assert.deepEqual(shape({ info: region({ mappable: false }), otherwise: 'message' }), ['0-4000 message']);
});

test('an edge that fills no whole page takes the other path', () => {
  assert.deepEqual(shape({ info: region({ size: 0x2200 }) }), ['0-2000 mapped', '2000-2200 file']);
  assert.deepEqual(shape({ info: region({ size: 0x200 }) }), ['0-200 file']);
});

test('only the sparse areas are mapped, and of them only whole pages', () => {
  const sparse = [
    { offset: 0x3000, size: 0x1000 },
    { offset: 0x0800, size: 0x1900 },
  ];
  assert.deepEqual(shape({ info: region({ sparse }) }), [
    '0-1000 file',
    '1000-2000 mapped',
    '2000-2100 file',
    '2100-3000 file',
    '3000-4000 mapped',
  ]);
});

test('no sparse area at all maps nothing', () => {
  assert.deepEqual(shape({ info: region({ sparse: [] }) }), ['0-4000 file']);
});

test('every window says why it is that path', () => {
  const windows = windowsOf({
    info: region(),
    otherwise: 'file',
    pageSize: 4096,
    unmapped: 'no access stubs for mips',
  });
  assert.deepEqual(windows, [{ start: 0, end: 0x4000, path: 'file', why: 'no access stubs for mips' }]);
  for (const window of windowsOf({ info: region({ size: 0x4100 }), otherwise: 'file', pageSize: 4096 }))
    assert.ok(window.why);
});

test('windows cover a region without gap or overlap, and mapped ones are whole pages inside what VFIO offers', () => {
  const area = fc.record({ offset: fc.nat(0x9000), size: fc.nat(0x5000) });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 0x9000 }),
      fc.option(fc.array(area, { maxLength: 4 }), { nil: undefined }),
      (size, sparse) => {
        const info = region({ size, ...(sparse && { sparse }) });
        const windows = windowsOf({ info, otherwise: 'file', pageSize: 4096 });
        let at = 0;
        for (const { start, end, path } of windows) {
          assert.equal(start, at);
          assert.ok(end > start);
          at = end;
          if (path !== 'mapped') continue;
          assert.equal(start % 4096, 0);
          assert.equal(end % 4096, 0);
          for (let page = start; page < end; page += 4096) {
            const offered =
              sparse === undefined || sparse.some((one) => one.offset <= page && one.offset + one.size >= page + 4096);
            assert.ok(offered, `page ${page} is offered`);
          }
        }
        assert.equal(at, size);
      },
    ),
  );
});
