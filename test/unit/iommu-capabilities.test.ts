import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amdCapabilities } from '../../src/vfio/iommu/amd-capabilities.js';
import type { Capabilities } from '../../src/vfio/iommu/capability.js';
import { smmuV3Capabilities, smmuV3Words } from '../../src/vfio/iommu/smmuv3-capabilities.js';
import { vtdCapabilities, vtdWords } from '../../src/vfio/iommu/vtd-capabilities.js';

function value({ items }: Capabilities, name: string): string | undefined {
  const found = items.filter((item) => item.name.startsWith(name));
  assert.equal(found.length, 1, name);
  return found[0]?.value;
}

test('VT-d of QEMU 7.2: three levels, large pages, no snoop control', () => {
  // The words of struct iommu_hw_info_vtd as Linux 6.12 gave them in the lab's guest.
  const data = Buffer.from('0100000000000000' + '8602262' + '28c00d200' + '4a0ff00000000000', 'hex');
  const words = vtdWords(data);
  assert.deepEqual(words, { flags: 1, cap: 0xd2008c22260286n, ecap: 0xf00f4an });
  const found = vtdCapabilities(words.cap, words.ecap);
  assert.deepEqual(found.pageSizes, [4096, 2 ** 21, 2 ** 30]);
  assert.equal(value(found, 'address widths'), '39 bits (3 levels)');
  assert.equal(value(found, 'largest IOVA'), '39 bits');
  assert.equal(value(found, 'domains'), '65536');
  assert.equal(value(found, 'caching mode'), 'yes');
  assert.equal(value(found, 'snoop control'), 'no');
  assert.equal(value(found, 'interrupt remapping'), 'yes');
  assert.equal(value(found, 'PASID'), 'no');
});

test('VT-d of a Haswell desktop: its graphics unit has four levels and 4 KiB pages only', () => {
  // 'DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap c0000020660462 ecap f0101a', 'dmar1: ... cap d2008020660462 ecap f010da'.
  const graphics = vtdCapabilities(0xc0000020660462n, 0xf0101an);
  assert.deepEqual(graphics.pageSizes, [4096]);
  assert.equal(value(graphics, 'address widths'), '48 bits (4 levels)');
  assert.equal(value(graphics, 'largest IOVA'), '39 bits');
  assert.equal(value(graphics, 'snoop control'), 'no');
  const others = vtdCapabilities(0xd2008020660462n, 0xf010dan);
  assert.equal(value(others, 'snoop control'), 'yes');
  assert.equal(value(others, 'fault records'), '1');
});

test('VT-d in scalable mode with PASID', () => {
  const found = vtdCapabilities(0n, (1n << 40n) | (19n << 35n) | (1n << 43n) | (1n << 45n));
  assert.equal(value(found, 'PASID'), 'yes, 20 bits');
  assert.equal(value(found, 'scalable mode'), 'yes');
  assert.equal(value(found, 'dirty pages'), 'yes');
});

test('SMMUv3 by its identification registers', () => {
  const data = Buffer.alloc(40);
  // IDR0: S1P, TTF AArch64, COHACC, HTTU dirty, ASID16, MSI, VMID16, stream table of two levels.
  const idr0 = 2 | (2 << 2) | (1 << 4) | (2 << 6) | (1 << 12) | (1 << 13) | (1 << 18) | (1 << 27);
  for (const [index, word] of [idr0, (20 << 6) | 32, 0, 1 << 10, 0, (1 << 4) | (1 << 6) | 5, 0x43b, 1].entries())
    data.writeUInt32LE(word >>> 0, 8 + 4 * index);
  const words = smmuV3Words(data);
  assert.ok(words);
  const found = smmuV3Capabilities(words);
  assert.deepEqual(found.pageSizes, [4096, 65536, 2 ** 21, 2 ** 29, 2 ** 30]);
  assert.equal(value(found, 'architecture'), 'SMMUv3.1');
  assert.equal(value(found, 'translation stages'), '1');
  assert.equal(value(found, 'table formats'), 'AArch64');
  assert.equal(value(found, 'output addresses'), '48 bits');
  assert.equal(value(found, 'stream IDs'), '32 bits');
  assert.equal(value(found, 'substream IDs'), '20 bits');
  assert.equal(value(found, 'access and dirty'), 'accessed and dirty');
  assert.equal(value(found, 'invalidation by ranges'), 'yes');
});

test('AMD-Vi by its extended features', () => {
  // 'AMD-Vi: Extended features (0x4f77ef22294ada): PPR NX GT IA GA PC GA_vAPIC'.
  const found = amdCapabilities(0x4f77ef22294adan);
  const on = ['page requests', 'no-execute', 'guest translation', 'invalidate all', 'guest virtual', 'performance'];
  for (const name of on) assert.equal(value(found, name), 'yes', name);
  assert.equal(value(found, 'x2APIC'), 'no');
  assert.equal(value(found, 'levels'), '6');
  assert.equal(value(found, 'PASID'), '16 bits');
});

test('words that are too short are none', () => {
  assert.equal(vtdWords(Buffer.alloc(23)), undefined);
  assert.equal(smmuV3Words(Buffer.alloc(39)), undefined);
});
