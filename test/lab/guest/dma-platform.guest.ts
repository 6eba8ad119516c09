import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import '../../../src/vfio/dma/dma.js';
import { VfioError } from '../../../src/vfio/errors.js';
import { openDevice } from '../../../src/vfio/open.js';
import { dmaContract } from '../../contract/dma-contract.js';
import { bindToVfio, findPci } from './bind.js';
import { vfiodbg } from './tool.js';

const RTC = '9010000.pl031';
const VIRTIO = 'a000000.virtio_mmio';
const [edu = ''] = findPci(0x1234, 0x11e8);
bindToVfio('amba', RTC);
bindToVfio('platform', VIRTIO);
bindToVfio('pci', edu);

const PAGE = 4096;

for (const via of ['group', 'cdev'] as const) {
  dmaContract({ name: `edu behind the SMMU by ${via}`, open: () => openDevice(edu, { via }), large: 2 ** 28 });

  for (const address of [RTC, VIRTIO]) {
    describe(`${address} by ${via}`, () => {
      it('has an address space of its own: maps, finds, unmaps, and maps again', async () => {
        using device = await openDevice(address, { via });
        const { ranges, pageSizes } = device.dma.limits();
        assert.ok(ranges.length > 0);
        assert.equal(pageSizes & 0x1000n, 0x1000n);
        const ring = device.dma.alloc('ring', 16 * PAGE, { guard: true, low: true });
        const rest = Array.from({ length: 100 }, (_, index) => device.dma.alloc(`p${index}`, PAGE, { prot: 'r' }));
        assert.equal(device.dma.count, 101);
        assert.ok([...device.dma.mappings].every(({ iova, size }) => iova + BigInt(size) <= 1n << 32n));
        assert.equal(device.dma.neighbours(ring.iova ?? 0n).at?.name, 'ring');
        // SMMUv3's window for interrupt messages, as the kernel's iommu driver reserves it: MSI_IOVA_BASE.
        assert.throws(() => device.dma.alloc('msi', PAGE, { iova: 0x8000000n }), VfioError);
        ring.write32(0, 0x12345678);
        assert.deepEqual(ring.check(), []);
        const { iova } = ring;
        ring.unmap();
        device.dma.map(ring, { iova });
        assert.equal(device.findSpace('iova')?.read(32, Number(iova)), 0x12345678);
        for (const buffer of rest.toReversed()) buffer.free();
        assert.equal(device.dma.count, 1);
      });

      it('needs no permission for DMA', async () => {
        const told = await vfiodbg('--via', via, '-c', 'dma alloc ring 64K; dma enable; maps', address);
        process.stdout.write(told.stdout);
        assert.equal(told.code, 0, told.stderr);
        assert.match(told.stdout, /no PCI device: it needs no permission/);
        assert.doesNotMatch(told.stdout, /bus mastering is off/);
        assert.match(told.stdout, /0x8000000\.\.0x8100000 .*not usable/);
      });
    });
  }
}
