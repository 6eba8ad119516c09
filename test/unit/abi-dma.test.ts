import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainCapabilities } from '../../src/vfio/abi/capability-chain.js';
import * as iommufd from '../../src/vfio/abi/iommufd.js';
import * as type1 from '../../src/vfio/abi/type1.js';
import { attachIommufdRequest, bindIommufdRequest, detachIommufdRequest } from '../../src/vfio/abi/vfio.js';
import { VfioError } from '../../src/vfio/errors.js';

const mapping = {
  iova: 0x1_0000_0000n,
  size: 0x2000,
  readable: true,
  writable: false,
  address: 0x7f12_3456_7000,
  fd: 9,
  fdOffset: 0,
};

test('the iommufd numbers are those of linux/iommufd.h', () => {
  // include/uapi/linux/iommufd.h of Linux 6.12: IOMMUFD_TYPE ';', IOMMUFD_CMD_BASE 0x80, lines 38..53.
  assert.equal(iommufd.IOMMU_DESTROY, 0x3b80);
  assert.equal(iommufd.IOMMU_IOAS_ALLOC, 0x3b81);
  assert.equal(iommufd.IOMMU_IOAS_IOVA_RANGES, 0x3b84);
  assert.equal(iommufd.IOMMU_IOAS_MAP, 0x3b85);
  assert.equal(iommufd.IOMMU_IOAS_UNMAP, 0x3b86);
  assert.equal(iommufd.IOMMU_GET_HW_INFO, 0x3b8a);
});

test('the requests have the layouts of their structs', () => {
  const hex = (bytes: Buffer): string => bytes.toString('hex');
  assert.equal(hex(bindIommufdRequest(7)), '10000000' + '00000000' + '07000000' + '00000000');
  assert.equal(hex(attachIommufdRequest(2)), '0c000000' + '00000000' + '02000000');
  assert.equal(hex(detachIommufdRequest()), '08000000' + '00000000');
  assert.equal(hex(iommufd.destroyRequest(3)), '08000000' + '03000000');
  assert.equal(hex(iommufd.ioasAllocRequest()), '0c000000' + '00000000' + '00000000');
  assert.equal(
    hex(iommufd.iovaRangesRequest(2, 64, 0x7f00_0000_1000n)),
    '20000000' + '02000000' + '40000000' + '00000000' + '00100000007f0000' + '0000000000000000',
  );
  // IOMMU_IOAS_MAP_FIXED_IOVA 1, READABLE 4 (iommufd.h, enum iommufd_ioas_map_flags).
  assert.equal(
    hex(iommufd.ioasMapRequest(2, mapping)),
    '28000000' + '05000000' + '02000000' + '00000000' + '00705634127f0000' + '0020000000000000' + '0000000001000000',
  );
  assert.equal(
    hex(iommufd.ioasUnmapRequest(2, 0x1000n, 0x2000)),
    '18000000' + '02000000' + '0010000000000000' + '0020000000000000',
  );
  // VFIO_DMA_MAP_FLAG_WRITE 2 (vfio.h, struct vfio_iommu_type1_dma_map).
  assert.equal(
    hex(type1.dmaMapRequest({ ...mapping, readable: false, writable: true })),
    '20000000' + '02000000' + '00705634127f0000' + '0000000001000000' + '0020000000000000',
  );
  assert.equal(
    hex(type1.dmaUnmapRequest(0x1000n, 0x2000)),
    '18000000' + '00000000' + '0010000000000000' + '0020000000000000',
  );
  assert.equal(type1.unmappedBytes(type1.dmaUnmapRequest(0x1000n, 0x2000)), 0x2000n);
});

test('type1 tells page sizes, IOVA ranges and the mappings left', () => {
  const ranges = Buffer.alloc(40);
  ranges.writeUInt32LE(2, 0);
  ranges.writeBigUInt64LE(0xfedfffffn, 16);
  ranges.writeBigUInt64LE(0xfef00000n, 24);
  ranges.writeBigUInt64LE(0x7f_ffff_ffffn, 32);
  const available = Buffer.alloc(4);
  available.writeUInt32LE(65535);
  const chain = chainCapabilities(
    [
      { id: 2, version: 1, data: Buffer.alloc(24) },
      { id: 1, version: 1, data: ranges },
      { id: 3, version: 1, data: available },
    ],
    24,
  );
  const answer = Buffer.concat([type1.type1InfoRequest(), chain]);
  answer.writeUInt32LE(3, 4);
  answer.writeBigUInt64LE(0x40201000n, 8);
  answer.writeUInt32LE(24, 16);
  assert.deepEqual(type1.decodeType1Info(answer), {
    ranges: [
      { first: 0n, last: 0xfedfffffn },
      { first: 0xfef00000n, last: 0x7f_ffff_ffffn },
    ],
    pageSizes: 0x40201000n,
    entriesLeft: 65535,
  });
  ranges.writeUInt32LE(1000, 0);
  const lying = Buffer.concat([type1.type1InfoRequest(), chainCapabilities([{ id: 1, version: 1, data: ranges }], 24)]);
  lying.writeUInt32LE(3, 4);
  lying.writeUInt32LE(24, 16);
  assert.throws(() => type1.decodeType1Info(lying), VfioError);
});

test('iommufd tells IOVA ranges and an alignment', () => {
  const answer = iommufd.iovaRangesRequest(1, 4, 0n);
  answer.writeUInt32LE(1, 8);
  answer.writeBigUInt64LE(0x1000n, 24);
  const array = Buffer.alloc(64);
  array.writeBigUInt64LE(0xffff_ffffn, 8);
  assert.deepEqual(iommufd.decodeIovaRanges(answer, array), {
    ranges: [{ first: 0n, last: 0xffff_ffffn }],
    pageSizes: 0x1000n,
  });
  answer.writeUInt32LE(5, 8);
  assert.throws(() => iommufd.decodeIovaRanges(answer, array), VfioError);
});

test('the hardware behind iommufd is named', () => {
  // enum iommu_hw_info_type: INTEL_VTD 1 (Linux 6.8), ARM_SMMUV3 2 (Linux 6.13).
  const answer = iommufd.hwInfoRequest(5, 64, 0x1000n);
  assert.equal(
    answer.toString('hex'),
    '28000000' + '00000000' + '05000000' + '40000000' + '0010000000000000' + '00'.repeat(16),
  );
  answer.writeUInt32LE(24, 12);
  answer.writeUInt32LE(1, 24);
  answer.writeBigUInt64LE(1n, 32);
  const decoded = iommufd.decodeHwInfo(answer, Buffer.alloc(64, 0xaa));
  assert.deepEqual([decoded.type, decoded.data.length, decoded.capabilities], ['intel-vtd', 24, 1n]);
  answer.writeUInt32LE(99, 24);
  assert.equal(iommufd.decodeHwInfo(answer, Buffer.alloc(8)).type, 'unknown');
});
