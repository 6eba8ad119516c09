import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fdsOf, open, PAGE, refusal } from './dma-fixture.js';

describe('the ledger of a device', () => {
  test('has what was mapped, and nothing of what was refused', () => {
    const { device, transport } = open();
    const ring = device.dma.alloc('ring', 16 * PAGE);
    transport.refuseMap = 'ENOMEM';
    assert.equal(refusal(() => device.dma.alloc('tx', PAGE)).details.errno, 'ENOMEM');
    assert.equal(refusal(() => device.dma.alloc('large', 2 ** 20)).details.errno, 'ENOMEM');
    transport.refuseMap = undefined;
    assert.deepEqual(
      [...device.dma.mappings].map(({ name }) => name),
      ['ring'],
    );
    assert.deepEqual([device.dma.count, device.dma.bytes], [1, 16 * PAGE]);
    assert.equal(device.findSpace('tx'), undefined);
    assert.equal(device.dma.has('tx'), false);
    assert.equal(fdsOf('vfiodbg-large'), 0);
    // The name and the address are free again.
    assert.equal(device.dma.alloc('tx', PAGE).iova, (ring.iova ?? 0n) + BigInt(16 * PAGE));
    device.close();
  });

  test('keeps what could not be unmapped, with its memory and its name', () => {
    const { device, transport } = open();
    const ring = device.dma.alloc('ring', PAGE);
    transport.refuseUnmap = 'EBUSY';
    for (const act of [() => ring.unmap(), () => ring.free(), () => ring[Symbol.dispose]()]) {
      assert.equal(refusal(act).details.errno, 'EBUSY');
      assert.equal(device.dma.count, 1);
      assert.equal(ring.iova, 0x100000n);
      ring.write32(0, 7);
    }
    transport.refuseUnmap = undefined;
    ring.free();
    assert.equal(device.dma.count, 0);
    assert.equal(transport.made.size, 0);
    assert.match(refusal(() => ring.read32(0)).message, /the buffer was freed/);
    assert.equal(device.findSpace('ring'), undefined);
    device.close();
  });

  test('tells the kernel what it says: address, size, permissions, guards included', () => {
    const { device, transport } = open();
    const buffer = device.dma.alloc('rx', 2 * PAGE, { prot: 'w', guard: true, iova: 0x400000n });
    const [mapping] = transport.made.values();
    assert.deepEqual(
      [mapping?.iova, mapping?.size, mapping?.readable, mapping?.writable],
      [0x3ff000n, 4 * PAGE, false, true],
    );
    assert.deepEqual(buffer.mapping && { ...buffer.mapping, buffer: undefined }, {
      name: 'rx',
      iova: 0x3ff000n,
      size: 4 * PAGE,
      prot: 'w',
      kind: 'buffer',
      guard: PAGE,
      buffer: undefined,
    });
    device.close();
  });

  test('is empty after the close, and memory is given back only when the transport is closed', () => {
    const { device, transport } = open();
    const large = device.dma.alloc('large', 2 ** 20);
    let left = 0;
    transport.closing = () => {
      left = fdsOf('vfiodbg-large');
    };
    device.close();
    assert.equal(left, 1, 'a server may ask for the memory by messages until then');
    assert.equal(large.iova, undefined);
    assert.equal(fdsOf('vfiodbg-large'), 0);
    assert.match(refusal(() => large.read32(0)).message, /the device is closed/);
    device.close();
  });

  test('counts entries down before the kernel is asked', () => {
    const { device, transport } = open();
    transport.limits = { ...transport.limits, entriesLeft: 2 };
    device.dma.alloc('a', PAGE);
    const b = device.dma.alloc('b', PAGE);
    transport.refuseMap = 'it was asked';
    assert.match(refusal(() => device.dma.alloc('c', PAGE)).details.why, /all 2 mappings .* are in use/);
    transport.refuseMap = undefined;
    b.free();
    device.dma.alloc('c', PAGE);
    device.close();
  });

  test('refuses sizes that are no pages, names that are taken or none, and more than there is', () => {
    const { device } = open();
    device.dma.alloc('ring', PAGE);
    const why = (name: string, size: number): string => refusal(() => device.dma.alloc(name, size)).details.why;
    assert.match(why('ring', PAGE), /the name ring is taken/);
    assert.match(why('region0', PAGE), /taken/);
    assert.match(why('iova', PAGE), /taken/);
    assert.match(why('9', PAGE), /begins with a letter/);
    for (const size of [0, 1, 4097, -4096, 1.5, Number.NaN]) assert.match(why('x', size), /not whole pages/);
    assert.match(why('x', 2 ** 46), /the machine has \d+ MiB left/);
    assert.equal(device.dma.count, 1);
    device.close();
  });

  test('is held back in a dry run, and refused where the session is read-only', async () => {
    const { device, transport } = open();
    const kept = device.dma.alloc('kept', PAGE);
    const plan = await device.gate.dryRun(() => {
      assert.throws(() => device.dma.alloc('ring', PAGE), /dry run/);
      kept.free();
    });
    assert.deepEqual(
      plan.map(({ action, text }) => `${action}: ${text}`),
      ['dma: map ring, 4 KiB at IOVA 0x101000..0x102000, rw', 'dma: unmap kept, 4 KiB at IOVA 0x100000..0x101000'],
    );
    assert.equal(transport.made.size, 1);
    assert.equal(device.findSpace('ring'), undefined);
    device.readOnly = true;
    assert.equal(refusal(() => device.dma.alloc('ring', PAGE)).kind, 'readonly');
    assert.equal(refusal(() => kept.free()).kind, 'readonly');
    assert.equal(refusal(() => kept.write32(0, 1)).kind, 'readonly');
    assert.equal(kept.read32(0), 0);
    device.readOnly = false;
    device.close();
  });
});
