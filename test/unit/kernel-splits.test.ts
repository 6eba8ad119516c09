import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernelSplits, type KernelAccess } from '../../src/vfio/transport/kernel-splits.js';
import type { RegionInfo } from '../../src/vfio/transport/transport.js';

const region = (index: number): RegionInfo => ({
  index,
  flags: 7,
  readable: true,
  writable: true,
  mappable: true,
  size: 0x1000,
  fileOffset: 0n,
  msixMappable: false,
});

const pci: KernelAccess = { bus: 'pci', release: '6.14.0', arch: 'x64', ports: new Set([2]) };

test('aligned accesses of 1, 2 and 4 bytes are one access everywhere', () => {
  for (const bus of ['pci', 'platform', 'amba'] as const) {
    for (const bytes of [1, 2, 4]) {
      for (const index of [0, 2, 6, 7, 8]) {
        assert.equal(kernelSplits({ ...pci, bus, release: '5.10.0' }, region(index), bytes * 3, bytes), undefined);
      }
    }
  }
});

test('an access that is not aligned is split', () => {
  for (const [offset, bytes] of [
    [1, 2],
    [2, 4],
    [4, 8],
    [3, 4],
  ] as const) {
    assert.match(kernelSplits(pci, region(0), offset, bytes) ?? '', /not aligned/);
  }
});

test('8 bytes are one access on a memory BAR of vfio-pci only, and only since the kernels that can', () => {
  const splits = (release: string, arch = 'x64'): boolean =>
    kernelSplits({ ...pci, release, arch }, region(0), 8, 8) !== undefined;
  for (const release of [
    '5.15.0-91-generic',
    '6.1.0-18-amd64',
    '6.11.0',
    '6.12.0',
    '6.12.15',
    '6.13.3',
    '6.13-rc1',
    'strange',
  ]) {
    assert.ok(splits(release), release);
  }
  for (const release of ['6.12.16', '6.12.43+deb13-amd64', '6.13.4', '6.14.0-rc1', '6.18.2', '7.0.0', '10.1.0']) {
    assert.ok(!splits(release), release);
  }
  assert.ok(!splits('6.12.0', 'arm64'), 'arm64 defines ioread64 itself');
  assert.ok(splits('6.11.9', 'arm64'));
});

test('config space, ROM, VGA and I/O ports never see 8 bytes at once, platform devices neither', () => {
  assert.match(kernelSplits(pci, region(7), 0, 8) ?? '', /config space/);
  assert.match(kernelSplits(pci, region(6), 0, 8) ?? '', /ROM/);
  assert.match(kernelSplits(pci, region(8), 0, 8) ?? '', /I\/O port/);
  assert.match(kernelSplits(pci, region(2), 0, 8) ?? '', /I\/O port/);
  assert.match(kernelSplits({ ...pci, bus: 'platform' }, region(0), 0, 8) ?? '', /vfio-platform splits 8 bytes/);
  assert.match(kernelSplits({ ...pci, bus: 'amba' }, region(0), 0, 8) ?? '', /vfio-amba splits 8 bytes/);
  assert.match(kernelSplits(pci, region(0), 0, 16) ?? '', /16 bytes/);
});
