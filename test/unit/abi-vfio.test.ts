import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capabilities, chainCapabilities } from '../../src/vfio/abi/capability-chain.js';
import { decodeIrqSet, encodeIrqSet } from '../../src/vfio/abi/irq-set.js';
import * as abi from '../../src/vfio/abi/vfio.js';
import { VfioError } from '../../src/vfio/errors.js';

const protocol = (error: unknown): boolean => error instanceof VfioError && error.kind === 'protocol';

test('the ioctl numbers are those of linux/vfio.h', () => {
  // VFIO_TYPE ';' (0x3b), VFIO_BASE 100: include/uapi/linux/vfio.h of Linux 6.12, the line in each comment.
  assert.equal(abi.VFIO_GET_API_VERSION, 0x3b64); // 111
  assert.equal(abi.VFIO_CHECK_EXTENSION, 0x3b65); // 120
  assert.equal(abi.VFIO_SET_IOMMU, 0x3b66); // 133
  assert.equal(abi.VFIO_GROUP_GET_STATUS, 0x3b67); // 152
  assert.equal(abi.VFIO_GROUP_SET_CONTAINER, 0x3b68); // 166
  assert.equal(abi.VFIO_GROUP_UNSET_CONTAINER, 0x3b69); // 181
  assert.equal(abi.VFIO_GROUP_GET_DEVICE_FD, 0x3b6a); // 193
  assert.equal(abi.VFIO_DEVICE_GET_INFO, 0x3b6b); // 222
  assert.equal(abi.VFIO_DEVICE_GET_REGION_INFO, 0x3b6c); // 283
  assert.equal(abi.VFIO_DEVICE_GET_IRQ_INFO, 0x3b6d); // 544
  assert.equal(abi.VFIO_DEVICE_SET_IRQS, 0x3b6e); // 598
  assert.equal(abi.VFIO_DEVICE_RESET, 0x3b6f); // 611
  assert.equal(abi.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, 0x3b70); // 749
  assert.equal(abi.VFIO_DEVICE_PCI_HOT_RESET, 0x3b71); // 782
  assert.equal(abi.VFIO_IOMMU_GET_INFO, 0x3b70); // 1541
  assert.equal(abi.VFIO_IOMMU_MAP_DMA, 0x3b71); // 1568
  assert.equal(abi.VFIO_IOMMU_UNMAP_DMA, 0x3b72); // 1615
  assert.equal(abi.VFIO_DEVICE_BIND_IOMMUFD, 0x3b76); // 928
  assert.equal(abi.VFIO_DEVICE_ATTACH_IOMMUFD_PT, 0x3b77); // 959
  assert.equal(abi.VFIO_DEVICE_DETACH_IOMMUFD_PT, 0x3b78); // 978
});

test('the IOMMU types, flags and indices are those of linux/vfio.h', () => {
  assert.deepEqual([abi.VFIO_TYPE1_IOMMU, abi.VFIO_TYPE1v2_IOMMU, abi.VFIO_NOIOMMU_IOMMU], [1, 3, 8]); // 25, 27, 47
  assert.deepEqual([abi.VFIO_GROUP_FLAGS_VIABLE, abi.VFIO_GROUP_FLAGS_CONTAINER_SET], [1, 2]); // 149, 150
  assert.equal(abi.VFIO_DEVICE_FLAGS_CDX, 0x100); // 216
  assert.equal(abi.VFIO_PCI_ROM_REGION_INDEX, 6); // 626
  assert.equal(abi.VFIO_PCI_CONFIG_REGION_INDEX, 7); // 627
  assert.equal(abi.VFIO_PCI_VGA_REGION_INDEX, 8); // 636
  assert.equal(abi.VFIO_PCI_MSIX_IRQ_INDEX, 2); // 644
  assert.equal(abi.VFIO_PCI_REQ_IRQ_INDEX, 4); // 646
});

test('a device answer gives its bus, its counts and whether it can be reset', () => {
  // What vfio-pci answers for a device with a reset: argsz 24, flags PCI | RESET, 9 regions, 5 interrupts.
  const pci = Buffer.from('18000000' + '03000000' + '09000000' + '05000000' + '0000000000000000', 'hex');
  assert.deepEqual(abi.decodeDeviceInfo(pci), { flags: 3, bus: 'pci', resettable: true, regionCount: 9, irqCount: 5 });
  const words = [
    [4, 'platform'],
    [8, 'amba'],
    [16, 'ccw'],
    [32, 'ap'],
    [64, 'fsl-mc'],
    [0x100, 'cdx'],
    [0, 'unknown'],
  ] as const;
  for (const [flags, bus] of words) {
    assert.equal(abi.decodeDeviceInfo(abi.encodeDeviceInfo({ flags, regionCount: 1, irqCount: 1 })).bus, bus);
  }
});

test('a region answer of the kernel decodes, sparse areas and all', () => {
  // e1000e BAR3 as a kernel without MSIX_MAPPABLE would give it: 16 KiB, the table in the first page.
  const answer = Buffer.alloc(64);
  answer.writeUInt32LE(64, 0);
  answer.writeUInt32LE(0xf, 4);
  answer.writeUInt32LE(3, 8);
  answer.writeUInt32LE(32, 12);
  answer.writeBigUInt64LE(0x4000n, 16);
  answer.writeBigUInt64LE(0x30000000000n, 24);
  answer.writeUInt16LE(1, 32);
  answer.writeUInt16LE(1, 34);
  answer.writeUInt32LE(1, 40);
  answer.writeBigUInt64LE(0x1000n, 48);
  answer.writeBigUInt64LE(0x3000n, 56);
  assert.deepEqual(abi.decodeRegionInfo(answer), {
    index: 3,
    flags: 0xf,
    readable: true,
    writable: true,
    mappable: true,
    size: 0x4000,
    fileOffset: 0x30000000000n,
    msixMappable: false,
    sparse: [{ offset: 0x1000, size: 0x3000 }],
  });
});

test('a region answer is written as it is read', () => {
  const info = {
    index: 9,
    flags: 0x8000_000f,
    readable: true,
    writable: true,
    mappable: true,
    size: 0x1_0000_0000,
    fileOffset: 0x90000000000n,
    msixMappable: true,
    sparse: [
      { offset: 0, size: 0x1000 },
      { offset: 0x3000, size: 0x1000 },
    ],
    type: { type: 0x8000_8086, subtype: 1 },
  };
  const bytes = abi.encodeRegionInfo(info);
  assert.equal(abi.answeredSize(bytes), bytes.length);
  assert.deepEqual(abi.decodeRegionInfo(bytes), info);
  const bare = abi.encodeRegionInfo({ index: 0, flags: 8, size: 4, fileOffset: 0n, msixMappable: false });
  assert.equal(bare.length, 32);
  assert.equal(abi.decodeRegionInfo(bare).flags, 0, 'no capability, no CAPS flag');
});

test('an answer that is too short, or whose numbers cannot be, is a protocol error', () => {
  assert.throws(() => abi.decodeDeviceInfo(Buffer.alloc(15)), protocol);
  assert.throws(() => abi.decodeRegionInfo(Buffer.alloc(31)), protocol);
  assert.throws(() => abi.decodeIrqInfo(Buffer.alloc(15)), protocol);
  assert.throws(() => abi.groupStatusFlags(Buffer.alloc(7)), protocol);
  const huge = Buffer.alloc(32);
  huge.writeBigUInt64LE(1n << 53n, 16);
  assert.throws(() => abi.decodeRegionInfo(huge), protocol);
  const areas = abi.encodeRegionInfo({
    index: 0,
    flags: 0xf,
    size: 4096,
    fileOffset: 0n,
    msixMappable: false,
    sparse: [],
  });
  areas.writeUInt32LE(0xffffffff, 40);
  assert.throws(() => abi.decodeRegionInfo(areas), protocol);
});

test('a capability chain that loops or leaves its answer is a protocol error', () => {
  const twice = Buffer.concat([
    Buffer.alloc(32),
    chainCapabilities([{ id: 1, version: 1, data: Buffer.alloc(8) }], 32),
  ]);
  twice.writeUInt32LE(32, 36);
  assert.throws(() => capabilities(twice, 32), protocol);
  assert.throws(() => capabilities(Buffer.alloc(32), 25), protocol);
  assert.throws(() => capabilities(Buffer.alloc(32), 0xffffffff), protocol);
  assert.deepEqual(capabilities(Buffer.alloc(32), 0), []);
  assert.equal(capabilities(Buffer.alloc(32), 24).length, 1, 'a header that just fits');
});

test('interrupt answers give the four flags and the vectors', () => {
  // Lines 537..540: EVENTFD 1, MASKABLE 2, AUTOMASKED 4, NORESIZE 8.
  const intx = Buffer.from('10000000' + '07000000' + '00000000' + '01000000', 'hex');
  const decoded = abi.decodeIrqInfo(intx);
  assert.deepEqual(decoded, {
    index: 0,
    flags: 7,
    eventfd: true,
    maskable: true,
    automasked: true,
    noResize: false,
    count: 1,
  });
  assert.deepEqual(abi.encodeIrqInfo(decoded), intx);
  assert.equal(abi.decodeIrqInfo(abi.encodeIrqInfo({ index: 1, flags: 9, count: 32 })).noResize, true);
});

test('SET_IRQS is encoded as the header explains it', () => {
  // vfio.h, VFIO_DEVICE_SET_IRQS: unmask AUTOMASKED interrupt [0,0]: flags DATA_NONE|ACTION_UNMASK, count 1.
  const unmask = encodeIrqSet(0, 'unmask', 0, 1, { type: 'none' });
  assert.equal(unmask.toString('hex'), '14000000' + '11000000' + '00000000' + '00000000' + '01000000');
  // Mask [0,1] and [0,3] but not [0,2]: DATA_BOOL|ACTION_MASK, start 1, count 3, data {1,0,1}.
  const mask = encodeIrqSet(0, 'mask', 1, 3, { type: 'bool', values: [true, false, true] });
  assert.equal(mask.toString('hex'), '17000000' + '0a000000' + '00000000' + '01000000' + '03000000' + '010001');
  // Eventfds for [0,0] and [0,2]: DATA_EVENTFD|ACTION_TRIGGER, count 3, data {fd1, -1, fd2}.
  const fds = encodeIrqSet(2, 'trigger', 0, 3, { type: 'eventfds', fds: [5, -1, 7] });
  assert.equal(
    fds.toString('hex'),
    '20000000' + '24000000' + '02000000' + '00000000' + '03000000' + '05000000' + 'ffffffff' + '07000000',
  );
  const beside = encodeIrqSet(2, 'trigger', 0, 3, { type: 'eventfds', fds: [5, 6, 7] }, 'beside');
  assert.equal(beside.length, 20, 'over vfio-user the fds are beside the message');
  assert.deepEqual(decodeIrqSet(beside), {
    index: 2,
    action: 'trigger',
    start: 0,
    count: 3,
    data: 'eventfds',
    values: [],
  });
  assert.deepEqual(decodeIrqSet(mask).values, [true, false, true]);
});

test('SET_IRQS with two actions, no data kind or too few values is a protocol error', () => {
  const flags = (word: number): Buffer => {
    const bytes = encodeIrqSet(0, 'mask', 0, 0, { type: 'none' });
    bytes.writeUInt32LE(word, 4);
    return bytes;
  };
  for (const word of [0, 1, 0x20, 0x23, 0x31, 0x61])
    assert.throws(() => decodeIrqSet(flags(word)), protocol, `0x${word.toString(16)}`);
  const short = encodeIrqSet(0, 'mask', 0, 2, { type: 'bool', values: [true] });
  assert.throws(() => decodeIrqSet(short), protocol);
});
