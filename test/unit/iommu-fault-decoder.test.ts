import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isRequester, requesterName, type Fault } from '../../src/vfio/iommu/fault.js';
import { FaultDecoder } from '../../src/vfio/iommu/fault-decoder.js';

/** The only fault that `lines` tell. */
function only(...lines: string[]): Fault {
  const decoder = new FaultDecoder();
  const reports = [...lines.flatMap((line) => decoder.push(line)), ...decoder.flush()];
  assert.equal(reports.length, 1, JSON.stringify(reports.map(({ kind }) => kind)));
  const [report] = reports;
  assert.equal(report?.kind, 'fault');
  return report.fault;
}

/** The fields of a fault without its lines. */
function fields(fault: Fault): Omit<Fault, 'lines'> {
  const { lines, ...rest } = fault;
  assert.ok(lines.length > 0);
  return rest;
}

describe('VT-d', () => {
  const write: Omit<Fault, 'lines'> = {
    source: 'vt-d',
    requester: 'XXXX:00:04.0',
    address: 0xdead000n,
    access: 'write',
    granularity: 4096,
    code: 'fault reason 0x05',
    reason: 'PTE Write access is not set',
    cause: 'either',
  };

  test('a line of Linux 5.16 and later', () => {
    const line =
      'DMAR: [DMA Write NO_PASID] Request device [00:04.0] fault addr 0xdead000 [fault reason 0x05] PTE Write access is not set';
    assert.deepEqual(fields(only(line)), write);
  });

  test('the PASID, and the segment where the line has one', () => {
    const line =
      'DMAR: [DMA Read PASID 0x1a] Request device [0000:73:00.1] fault addr 0x7f0000001000 [fault reason 0x71] SM: Present bit in first-level paging entry is clear';
    const { requester, pasid, address, access, code, cause } = only(line);
    assert.deepEqual(
      [requester, pasid, address, access, code, cause],
      ['0000:73:00.1', 0x1a, 0x7f0000001000n, 'read', 'fault reason 0x71', 'unmapped'],
    );
  });

  test('lines of earlier releases: hexadecimal without 0x, the reason decimal, PASID ffffffff for none', () => {
    const line =
      'DMAR: [DMA Write] Request device [00:04.0] PASID ffffffff fault addr dead000 [fault reason 05] PTE Write access is not set';
    assert.deepEqual(fields(only(line)), write);
    const twelve =
      'DMAR: [DMA Read] Request device [03:00.0] fault addr 1000 [fault reason 12] non-zero reserved fields in PTE';
    assert.equal(only(twelve).code, 'fault reason 0x0c');
  });

  test('two lines in one record, as before 4.5, and 0x in front of bus and device', () => {
    const two =
      'DMAR:[DMA Read] Request device [00:1f.2] fault addr fffff000 \nDMAR:[fault reason 06] PTE Read access is not set';
    const { requester, address, code, reason } = only(two);
    assert.deepEqual(
      [requester, address, code, reason],
      ['XXXX:00:1f.2', 0xfffff000n, 'fault reason 0x06', 'PTE Read access is not set'],
    );
    const prefixed =
      'DMAR: [DMA Write NO_PASID] Request device [0x00:0x02.0] fault addr 0xf0afc000 [fault reason 0x07] Next page table ptr is invalid';
    assert.deepEqual([only(prefixed).requester, only(prefixed).cause], ['XXXX:00:02.0', 'configuration']);
  });

  test('a refused interrupt has no address', () => {
    const line =
      'DMAR: [INTR-REMAP] Request device [f0:1f.7] fault index 0x0 [fault reason 0x25] Blocked a compatibility format interrupt request';
    const fault = only(line);
    assert.equal(fault.address, undefined);
    assert.match(fault.reason, /^interrupt remapping: Blocked/);
  });

  test('other lines of DMAR are none', () => {
    const decoder = new FaultDecoder();
    for (const line of ['DMAR: DRHD: handling fault status reg 2', 'DMAR: IOMMU enabled', 'DMAR: [Firmware Bug]: oops'])
      assert.deepEqual(decoder.push(line), []);
  });
});

describe('AMD-Vi', () => {
  test('with the device in front, as since 4.19', () => {
    const line =
      'vfio-pci 0000:04:10.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0037 address=0x7b657064 flags=0x0000]';
    assert.deepEqual(fields(only(line)), {
      source: 'amd-vi',
      requester: '0000:04:10.0',
      address: 0x7b657064n,
      granularity: 1,
      code: 'IO_PAGE_FAULT, flags 0x0000',
      reason: 'the page is not mapped',
      cause: 'unmapped',
    });
  });

  test('with the device inside', () => {
    const line =
      'AMD-Vi: Event logged [IO_PAGE_FAULT device=0a:00.0 domain=0x001d address=0x000000000637c000 flags=0x0030]';
    const { requester, access, address, cause } = only(line);
    assert.deepEqual([requester, access, address, cause], ['XXXX:0a:00.0', 'write', 0x637c000n, 'permission']);
  });

  test('reading or writing is told only where the flags tell it', () => {
    const line = (flags: string): string =>
      `xhci_hcd 0000:47:00.1: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0032 address=0xfffffff00000 flags=${flags}]`;
    assert.equal(only(line('0x0000')).access, undefined, 'RW means nothing for a page that is not present');
    assert.equal(only(line('0x0010')).access, 'read');
    assert.equal(only(line('0x0020')).access, 'write');
    assert.equal(only(line('0x0138')).access, undefined, 'an interrupt, a translation request');
  });

  test('other events about a device', () => {
    const line =
      'pci 0000:00:00.2: AMD-Vi: Event logged [INVALID_DEVICE_REQUEST device=0000:c1:00.0 pasid=0x00000 address=0xfffffffdf8000000 flags=0x0a00]';
    const { requester, cause, address } = only(line);
    assert.deepEqual([requester, cause, address], ['0000:c1:00.0', 'configuration', 0xfffffffdf8000000n]);
  });
});

describe('SMMUv2', () => {
  test('a context fault', () => {
    const line =
      'arm-smmu 15000000.iommu: Unhandled context fault: fsr=0x402, iova=0xfc401000, fsynr=0x60003, cbfrsynra=0x121, cb=38';
    assert.deepEqual(fields(only(line)), {
      source: 'smmuv2',
      reporter: '15000000.iommu',
      streamId: 0x121,
      address: 0xfc401000n,
      granularity: 1,
      access: 'read',
      code: 'FSR 0x402 (TF)',
      reason: 'the address is not mapped',
      cause: 'unmapped',
    });
  });

  test('a write without permission; no stream ID before 5.3', () => {
    const line = 'arm-smmu b40000.iommu: Unhandled context fault: fsr=0x408, iova=0x01003000, fsynr=0x13, cb=0';
    const { access, cause, streamId } = only(line);
    assert.deepEqual([access, cause, streamId], ['write', 'permission', undefined]);
  });

  test('the lines behind it, since 6.12, are no further faults', () => {
    const fault = only(
      'arm-smmu 15000000.iommu: Unhandled context fault: fsr=0x402, iova=0xd65504710, fsynr=0x100011, cbfrsynra=0x0, cb=6',
      'arm-smmu 15000000.iommu: FSR    = 00000402 [Format=2 TF], SID=0x0',
      'arm-smmu 15000000.iommu: FSYNR0 = 00100011 [S1CBNDX=16 WNR PLVL=1]',
    );
    assert.deepEqual([fault.access, fault.streamId], ['write', 0]);
  });

  test('a stream that it does not know', () => {
    const line =
      'arm-smmu 51a0000.iommu: Blocked unknown Stream ID 0x880; boot with "arm-smmu.disable_bypass=0" to allow';
    assert.deepEqual([only(line).streamId, only(line).address], [0x880, undefined]);
  });
});

describe('SMMUv3', () => {
  const reporter = 'arm-smmu-v3 arm-smmu-v3.5.auto';
  const event = [
    `${reporter}: event 0x10 received:`,
    `${reporter}: \t0x0002060000000010`,
    `${reporter}: \t0x0000020000000000`,
    `${reporter}: \t0x00000000ff9bc000`,
    `${reporter}: \t0x0000000000000000`,
  ];
  const decoded: Omit<Fault, 'lines'> = {
    source: 'smmuv3',
    reporter: 'arm-smmu-v3.5.auto',
    streamId: 0x20600,
    address: 0xff9bc000n,
    access: 'write',
    granularity: 1,
    code: 'F_TRANSLATION (0x10)',
    reason: 'the address is not mapped',
    cause: 'unmapped',
  };

  test('an event of five records', () => {
    assert.deepEqual(fields(only(...event)), decoded);
  });

  test('the device, where the kernel names it behind the words (6.15)', () => {
    const fault = only(
      ...event,
      `${reporter}: event: F_TRANSLATION client: 0001:06:00.0 sid: 0x20600 ssid: 0x0 iova: 0xff9bc000 ipa: 0x0`,
      `${reporter}: unpriv data write s1 "Input address caused fault" stag: 0x0`,
    );
    assert.deepEqual(fields(fault), { ...decoded, requester: '0001:06:00.0' });
  });

  test('a read, and the PASID', () => {
    const words = ['0x0000310200123810', '0x000002088000007f', '0x0000000000001000', '0x0000000000000000'];
    const fault = only(`${reporter}: event 0x10 received:`, ...words.map((word) => `${reporter}:  ${word}`));
    assert.deepEqual([fault.streamId, fault.pasid, fault.access], [0x3102, 0x123, 'read']);
  });

  test('events of two SMMUs whose lines are mixed', () => {
    const decoder = new FaultDecoder();
    const other = event.map((line) => line.replace('v3.5.auto', 'v3.0.auto').replace('ff9bc000', '00001000'));
    const mixed = event.flatMap((line, nth) => [line, other[nth] ?? '']);
    const reports = [...mixed.flatMap((line) => decoder.push(line)), ...decoder.flush()];
    const addresses = reports.map((report) => (report.kind === 'fault' ? report.fault.address : undefined));
    assert.deepEqual(addresses, [0xff9bc000n, 0x1000n]);
  });

  test('an event that was cut off is none, and does not spoil the next', () => {
    const decoder = new FaultDecoder();
    for (const line of event.slice(0, 3)) assert.deepEqual(decoder.push(line), []);
    assert.deepEqual(decoder.flush(), []);
    const reports = [...event.flatMap((line) => decoder.push(line)), ...decoder.flush()];
    assert.equal(reports.length, 1);
    assert.equal(decoder.isWaiting, false);
  });

  test('an event about the configuration has no address', () => {
    const words = ['0x0000000800000004', '0x0000000000000000', '0x0000000000001234', '0x0000000000000000'];
    const fault = only(`${reporter}: event 0x04 received:`, ...words.map((word) => `${reporter}: \t${word}`));
    assert.deepEqual([fault.code, fault.address, fault.access], ['C_BAD_STE (0x04)', undefined, undefined]);
  });

  test('an event of an unknown number is told as such', () => {
    const fault = only(
      `${reporter}: event 0xe3 received:`,
      ...['e3', '0', '0', '0'].map((word) => `${reporter}: \t0x${word.padStart(16, '0')}`),
    );
    assert.match(fault.reason, /event 0xe3, which is not known here/);
  });
});

test('the kernel says when it leaves lines out', () => {
  const decoder = new FaultDecoder();
  assert.deepEqual(decoder.push('dmar_fault: 27 callbacks suppressed'), [{ kind: 'suppressed', count: 27 }]);
  assert.deepEqual(decoder.push('arm_smmu_evtq_thread: 3 callbacks suppressed'), [{ kind: 'suppressed', count: 3 }]);
  assert.deepEqual(decoder.push('net_ratelimit: 3 callbacks suppressed'), []);
});

test('requesters are compared with or without their segment', () => {
  assert.equal(requesterName('4:0.1'), 'XXXX:04:00.1');
  assert.equal(requesterName('9010000.pl031'), undefined);
  assert.ok(isRequester('XXXX:00:04.0', '0000:00:04.0'));
  assert.ok(isRequester('XXXX:00:04.0', '10000:00:04.0'));
  assert.ok(!isRequester('0001:00:04.0', '0000:00:04.0'));
  assert.ok(!isRequester('XXXX:00:04.0', '0000:00:04.1'));
});
