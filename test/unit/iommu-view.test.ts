import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IommuDescription } from '../../src/vfio/iommu/description.js';
import type { IommuGroup } from '../../src/vfio/iommu/group-list.js';
import type { Translation, Verification } from '../../src/vfio/iommu/iommu.js';
import { vtdCapabilities } from '../../src/vfio/iommu/vtd-capabilities.js';
import { groupsView, iommuView } from '../../src/views/iommu-view.js';
import { json } from '../../src/views/sinks/json.js';
import { plain } from '../../src/views/sinks/plain.js';
import { translationView, verificationView } from '../../src/views/translation-view.js';
import { assertGolden } from './golden.js';

const EDU = '0000:00:04.0';

const group: IommuGroup = {
  number: '4',
  type: 'DMA',
  members: [{ name: EDU, bus: 'pci', driver: 'vfio-pci', vfio: true }],
  blockers: [],
  reserved: [
    { first: 0xa0000n, last: 0xbffffn, kind: 'direct-relaxable' },
    { first: 0xfee00000n, last: 0xfeefffffn, kind: 'msi' },
  ],
  noIommu: false,
};

const shared: IommuGroup = {
  number: '12',
  members: [
    { name: '0000:02:00.0', bus: 'pci', driver: 'e1000e', vfio: false },
    { name: '0000:02:00.1', bus: 'pci', vfio: false },
    { name: '9010000.pl031', bus: 'amba', driver: 'vfio-amba', vfio: true },
  ],
  blockers: [{ name: '0000:02:00.0', driver: 'e1000e' }],
  reserved: [],
  noIommu: false,
};

const description: IommuDescription = {
  via: 'cdev',
  what: 'dmar0',
  group,
  unit: { name: 'dmar0', kind: 'vt-d', version: '1.0', address: 0xfed90000n, domains: { used: 8, supported: 65536 } },
  capabilities: vtdCapabilities(0xd2008c22260286n, 0xf00f4an),
  source: 'IOMMU_GET_HW_INFO',
  dirtyTracking: false,
  pasidBits: 0,
  limits: {
    ranges: [
      { first: 0n, last: 0xfedfffffn },
      { first: 0xfef00000n, last: 2n ** 39n - 1n },
    ],
    pageSizes: 0x1000n,
  },
  locked: { limit: 8 * 2 ** 20, used: 65536, exempt: false },
  mapped: { count: 1, bytes: 65536 },
};

test('the IOMMU behind a device', () => {
  assertGolden('iommu.txt', plain(iommuView(EDU, description)));
  const data: unknown = JSON.parse(json(iommuView(EDU, description)));
  assert.match(JSON.stringify(data), /"first":"0xfee00000","last":"0xfeefffff","kind":"msi"/);
});

test('by a container, without an IOMMU, by a server, from a snapshot', () => {
  const { capabilities: _capabilities, source: _source, dirtyTracking: _dirty, ...rest } = description;
  const container: IommuDescription = {
    ...rest,
    via: 'group',
    limits: { ranges: [], pageSizes: 0xfffffffffffff000n, entriesLeft: 65534 },
    locked: { limit: Infinity, used: 0, exempt: true },
    group: shared,
  };
  const none: IommuDescription = {
    via: 'group',
    what: 'none: a no-IOMMU group translates nothing, and the device reaches all of memory',
    group: { ...group, noIommu: true, reserved: [] },
    limitsFailure: 'a no-IOMMU group translates nothing: the device sends physical addresses',
    mapped: { count: 0, bytes: 0 },
  };
  const snapshot: IommuDescription = {
    via: 'snapshot',
    what: 'none: a snapshot keeps what was read, and nothing can be mapped for it',
    limits: { ranges: [], pageSizes: 0n },
    mapped: { count: 0, bytes: 0 },
  };
  assertGolden('iommu-others.txt', [container, none, snapshot].map((one) => plain(iommuView(EDU, one))).join('\n'));
});

test('groups', () => {
  const waiting = ['9020000.fw-cfg', 'a000000.virtio_mmio'];
  const views = [
    groupsView([group, shared], waiting, 'none'),
    groupsView([], [], 'no IOMMU group: no IOMMU is at work'),
  ];
  assertGolden('iommu-groups.txt', views.map((view) => plain(view)).join('\n'));
});

test('where an IOVA leads', () => {
  const at = { name: 'ring', iova: 0x100000n, size: 65536, prot: 'rw', kind: 'buffer', guard: 0 } as const;
  const leaf = {
    iova: 0x100000n,
    size: 4096,
    physical: 0xf8c000n,
    readable: true,
    writable: true,
    path: [0n, 0n, 0xf69003n, 0xf6a003n, 0xf8c003n],
  };
  const large = {
    ...leaf,
    iova: 0x200000n,
    size: 2 ** 21,
    physical: 0x40200000n,
    path: [0n, 0x1003n, 0x2003n, 0x40200083n, 0n],
  };
  const file = 'tables';
  const seen: [Translation, string][] = [
    [
      { iova: 0x100040n, neighbours: { at }, usable: true, tables: { file, damaged: 0, leaf } },
      '0x100040 is ring+0x40',
    ],
    [{ iova: 0x345678n, neighbours: {}, usable: true, tables: { file, damaged: 2, leaf: large } }, 'nothing is mapped'],
    [{ iova: 0x100040n, neighbours: { at }, usable: true, tables: { file, damaged: 0 } }, '0x100040 is ring+0x40'],
    [
      {
        iova: 0xfee00000n,
        neighbours: {},
        usable: false,
        reserved: { first: 0xfee00000n, last: 0xfeefffffn, kind: 'msi' },
        tables: { kind: 'absent', why: 'debugfs is not mounted', hint: 'mount -t debugfs none /sys/kernel/debug' },
      },
      'nothing is mapped',
    ],
    [{ iova: 2n ** 60n, neighbours: {}, usable: false, tables: { file, damaged: 0 } }, 'nothing is mapped'],
  ];
  const text = seen.map(([translation, whereabouts]) => plain(translationView(translation, whereabouts))).join('\n');
  assertGolden('iommu-translate.txt', text);
});

test('what a comparison found', () => {
  const none: Verification = {
    file: 'tables',
    damaged: 0,
    unlisted: 0,
    mappings: 1,
    differences: [],
    translated: 65536n,
    kernelOwn: 0n,
    alsoReadable: 0n,
    leaves: new Map([[4096, 16]]),
    physicalPages: 16,
    unknownPages: 0,
  };
  const some: Verification = {
    ...none,
    damaged: 1,
    unlisted: 3,
    mappings: 3,
    kernelOwn: 4096n,
    alsoReadable: 8192n,
    leaves: new Map([
      [2 ** 21, 2],
      [4096, 1],
    ]),
    physicalPages: 1,
    unknownPages: 512,
    differences: [
      { kind: 'missing', first: 0x100000n, last: 0x10ffffn, mapping: 'ring' },
      { kind: 'extra', first: 0x200000n, last: 0x200fffn, found: 'rw' },
      { kind: 'permission', first: 0x300000n, last: 0x300fffn, mapping: 'text', found: 'rw', expected: 'r' },
      { kind: 'physical', first: 0x400000n, last: 0x400fffn, mapping: 'big', found: '0x1000', expected: '0x2000' },
    ],
  };
  assertGolden(
    'iommu-verify.txt',
    [none, { ...none, mappings: 0, leaves: new Map() }, some].map((one) => plain(verificationView(one))).join('\n'),
  );
});
