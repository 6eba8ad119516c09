import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as iommufd from '../../src/vfio/abi/iommufd.js';
import { bindIommufdRequest, boundDeviceId } from '../../src/vfio/abi/vfio.js';

const hex = (bytes: Buffer): string => bytes.toString('hex');

test('the numbers of dirty tracking are those of linux/iommufd.h', () => {
  // include/uapi/linux/iommufd.h of Linux 6.12: commands 0x89, 0x8b and 0x8c, and the enums above their structs.
  assert.equal(iommufd.IOMMU_HWPT_ALLOC, 0x3b89);
  assert.equal(iommufd.IOMMU_HWPT_SET_DIRTY_TRACKING, 0x3b8b);
  assert.equal(iommufd.IOMMU_HWPT_GET_DIRTY_BITMAP, 0x3b8c);
  assert.equal(iommufd.IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 1 << 1);
  assert.equal(iommufd.IOMMU_HWPT_DIRTY_TRACKING_ENABLE, 1);
  assert.equal(iommufd.IOMMU_HW_CAP_DIRTY_TRACKING, 1n << 0n);
});

test('the requests of dirty tracking have the layouts of their structs', () => {
  const table = iommufd.hwptAllocRequest(iommufd.IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 5, 7);
  assert.equal(hex(table), '30000000' + '02000000' + '05000000' + '07000000' + '00'.repeat(32));
  table.writeUInt32LE(9, 16);
  assert.equal(iommufd.allocatedHwpt(table), 9);
  assert.equal(hex(iommufd.setDirtyTrackingRequest(9, true)), '10000000' + '01000000' + '09000000' + '00000000');
  assert.equal(
    hex(iommufd.dirtyBitmapRequest(9, { iova: 0x10_0000n, size: 0x20_0000, pageSize: 4096 }, 0x7f00_0000_1000n)),
    '30000000' +
      '09000000' +
      '00000000' +
      '00000000' +
      '0000100000000000' +
      '0000200000000000' +
      '0010000000000000' +
      '00100000007f0000',
  );
});

test('the id of a bound device is the last word of the answer', () => {
  const answer = bindIommufdRequest(7);
  answer.writeUInt32LE(0x12, 12);
  assert.equal(boundDeviceId(answer), 0x12);
});

test('the width of PASIDs is told beside the capabilities', () => {
  const answer = iommufd.hwInfoRequest(1, 0, 0n);
  answer.writeUInt8(20, 28);
  assert.equal(iommufd.decodeHwInfo(answer, Buffer.alloc(0)).pasidBits, 20);
});
