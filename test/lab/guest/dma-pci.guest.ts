import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { runInThisContext } from 'node:vm';
import { setBusMaster } from '../../../src/vfio/dma/bus-master.js';
import '../../../src/vfio/dma/dma.js';
import type { Device } from '../../../src/vfio/device.js';
import { openDevice } from '../../../src/vfio/open.js';
import { dmaContract } from '../../contract/dma-contract.js';
import { bindToVfio, findPci } from './bind.js';
import { refused } from './refused.js';
import { toolPath, vfiodbg } from './tool.js';
import { compareTranscripts } from './transcripts.js';

const [edu = ''] = findPci(0x1234, 0x11e8);
bindToVfio('pci', edu);

const PAGE = 4096;
const tables = `/sys/kernel/debug/iommu/intel/${edu}/domain_translation_struct`;

/** The pages that VT-d translates for the device, each by its IOVA, as the kernel prints its tables. */
function mappedPages(): number[] {
  if (!existsSync(tables)) return [];
  return [...readFileSync(tables, 'latin1').matchAll(/^\s*(0x[0-9a-f]+)\s/gm)].map(([, pfn]) => Number(pfn) * PAGE);
}

compareTranscripts({ script: 'scripts/edu-dma.vfio', address: edu, twin: 'sim:edu' });

for (const via of ['group', 'cdev'] as const) {
  const open = (): Promise<Device> => openDevice(edu, { via });
  /** A failing test must not keep the device from the next ones. */
  const withEdu = (body: (device: Device) => unknown) => async (): Promise<void> => {
    using device = await open();
    await body(device);
  };
  dmaContract({ name: `edu by ${via}`, open, large: 2 ** 30 });

  describe(`the kernel's side, by ${via}`, () => {
    it(
      'has in its page tables what the ledger has, and nothing after the close',
      withEdu(async (device) => {
        const ring = device.dma.alloc('ring', 2 * PAGE, { guard: true });
        assert.deepEqual(mappedPages(), [0x101000, 0x102000, 0x103000, 0x104000]);
        device.dma.alloc('tx', PAGE, { iova: 0x40000000n });
        assert.ok(mappedPages().includes(0x40000000));
        ring.unmap();
        assert.deepEqual(mappedPages(), [0x40000000]);
        device.dma.map(ring, { iova: 0x300000n });
        device.close();
        assert.deepEqual(mappedPages(), []);
      }),
    );

    for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
      it(`has nothing mapped after ${signal}`, async () => {
        const args = ['--via', via, '-c', 'dma alloc ring 64K', '-c', 'sleep 60s', edu];
        const tool = spawn(process.execPath, [toolPath, ...args]);
        const ended = new Promise((done) => tool.once('exit', done));
        await Promise.race([new Promise((done) => tool.stdout.once('data', done)), ended]);
        assert.equal(mappedPages().length, 16);
        tool.kill(signal);
        await ended;
        assert.deepEqual(mappedPages(), []);
      });
    }

    it(
      'lets the device reach memory of JavaScript that is whole pages',
      withEdu(async (device) => {
        setBusMaster(device, true);
        const array = new Uint8Array(runInThisContext('new WebAssembly.Memory({ initial: 1 }).buffer') as ArrayBuffer);
        const { iova = 0n } = device.dma.map(array, { low: true });
        array.fill(0x77, 0, 16);
        const bar = device.region(0);
        for (const [source, destination, command] of [
          [iova, 0x40000n, 1n],
          [0x40000n, iova + 0x1000n, 3n],
        ] as const) {
          bar.write64(0x80, source);
          bar.write64(0x88, destination);
          bar.write64(0x90, 16n);
          bar.write64(0x98, command);
          while ((bar.read64(0x98) & 1n) !== 0n) await pause(10);
        }
        assert.ok(array.subarray(0x1000, 0x1010).every((byte) => byte === 0x77));
      }),
    );

    it(
      'maps files: any for reading, those of a tmpfs for writing too',
      withEdu(async (device) => {
        const program = device.dma.mapFile('/bin/true', { name: 'program' });
        assert.equal(program.read32(0), 0x464c457f);
        mkdirSync('/tmp/dma', { recursive: true });
        writeFileSync('/tmp/dma/blob.bin', Buffer.alloc(5000, 0x41));
        const blob = device.dma.mapFile('/tmp/dma/blob.bin', { prot: 'rw' });
        assert.deepEqual([blob.size, blob.mapping?.size, blob.mapping?.prot], [5000, 8192, 'rw']);
        device.close();
        assert.deepEqual(mappedPages(), []);
      }),
    );

    it(
      'says so where its kernel has no huge pages',
      withEdu((device) => {
        assert.doesNotMatch(readFileSync('/proc/meminfo', 'latin1'), /Hugepagesize/);
        assert.throws(
          () => device.dma.alloc('huge', 2 ** 21, { huge: true }),
          refused('unsupported', /this kernel has no huge pages/, /leave --huge out/),
        );
      }),
    );

    it('does not track dirty pages here, and the tool says so', async () => {
      const told = await vfiodbg('--via', via, '-c', 'dma alloc ring 64K; dma dirty ring', edu);
      assert.equal(told.code, 1);
      process.stdout.write(told.stderr);
      assert.match(told.stderr, /ask for the dirty pages of ring/);
      assert.match(
        told.stderr,
        via === 'group' ? /type1 IOMMU counts every mapped page/ : /does not track dirty pages/,
      );
      assert.match(told.stderr, /dma check ring compares the bytes/);
    });

    it('is not asked for more than may be locked: the numbers come before it', async () => {
      const unprivileged = ['--bounding-set=-ipc_lock', process.execPath, toolPath, '--via', via];
      const run = (line: string): Promise<string> =>
        new Promise((done) => {
          const command = `ulimit -l 256; exec setpriv ${[...unprivileged, '-c', `'${line}'`, edu].join(' ')}`;
          const child = spawn('sh', ['-c', command]);
          let output = '';
          for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += String(text)));
          child.once('close', () => done(output));
        });
      const output = await run('dma alloc small 64K; dma alloc large 256K');
      process.stdout.write(output);
      assert.match(output, /small: +64 KiB at IOVA/);
      assert.match(
        output,
        /256 KiB would be pinned for the device: the limit \(RLIMIT_MEMLOCK\) is 256 KiB and 64 KiB are in use/,
      );
    });

    it(
      'holds tens of thousands of mappings of a page, and gives them all back',
      { timeout: 200_000 },
      withEdu(async (device) => {
        // A container's limit is 65,535; by iommufd there is none, and a few thousand tell as much.
        const count = via === 'group' ? 60_000 : 10_000;
        const begun = performance.now();
        const times: number[] = [];
        for (let index = 0; index < count; index += 1) {
          device.dma.alloc(`p${index}`, PAGE);
          if (index % 1000 === 999) times.push(performance.now() - begun);
        }
        // For who reads the output; how long anything takes under emulation proves nothing.
        process.stdout.write(`    ms after each thousand: ${times.map(Math.round).join(' ')}\n`);
        assert.equal(device.dma.count, count);
        const { entriesLeft } = device.dma.limits();
        assert.equal(entriesLeft, via === 'group' ? 65_535 - count : undefined);
        assert.equal(device.dma.neighbours(0x100000n + BigInt(count - 1) * 4096n).at?.name, `p${count - 1}`);
        assert.equal(mappedPages().length, count);
        for (const buffer of device.dma.buffers) buffer.free();
        assert.equal(device.dma.count, 0);
        assert.deepEqual(mappedPages(), []);
      }),
    );
  });
}

describe('the entries of a container', () => {
  const limit = '/sys/module/vfio_iommu_type1/parameters/dma_entry_limit';
  before(() => writeFileSync(limit, '3'));
  after(() => writeFileSync(limit, '65535'));

  it('are counted before the kernel is asked', async () => {
    using device = await openDevice(edu, { via: 'group' });
    for (const name of ['a', 'b', 'c']) device.dma.alloc(name, PAGE);
    assert.throws(
      () => device.dma.alloc('d', PAGE),
      refused('limit', /all 3 mappings that a container can have are in use/, /dma_entry_limit/),
    );
  });
});
