import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { systemRoots } from '../../../src/vfio/bus/roots.js';
import type { Device } from '../../../src/vfio/device.js';
import { openDevice } from '../../../src/vfio/index.js';
import { listGroups } from '../../../src/vfio/iommu/group-list.js';
import { bindToVfio, devicePath, findPci, groupOf } from './bind.js';
import { Tool, toolPath, vfiodbg } from './tool.js';

const MIB = 2 ** 20;
/** Linux logs no more than ten lines of VT-d in five seconds, and a fault counts as three. */
const RATE_LIMIT_MS = 5200;

const [edu = ''] = findPci(0x1234, 0x11e8);
const [shared = ''] = findPci(0x1af4, 0x1110);
const tables = `/sys/kernel/debug/iommu/intel/${edu}/domain_translation_struct`;

/** The leaves as the kernel shows them, read here by other means than the tool's: IOVA to the last entry, and its level. */
function shownLeaves(): Map<bigint, { entry: bigint; level: number }> {
  const leaves = new Map<bigint, { entry: bigint; level: number }>();
  for (const line of readFileSync(tables, 'latin1').split('\n')) {
    const [frame, entries] = line.split('|');
    if (entries === undefined) continue;
    const path = entries.trim().split(/\s+/).map(BigInt);
    const level = path.findLastIndex((entry) => entry !== 0n);
    leaves.set(BigInt(frame?.trim() ?? 0) << 12n, { entry: path[level] ?? 0n, level });
  }
  return leaves;
}

function leafCount(): number {
  return shownLeaves().size;
}

async function nothingMapped(): Promise<void> {
  for (let tries = 0; leafCount() > 0 && tries < 100; tries++) await sleep(50);
  assert.equal(leafCount(), 0, readFileSync(tables, 'latin1').slice(0, 500));
}

before(() => {
  bindToVfio('pci', edu);
});

it('lists the groups of the machine', () => {
  const groups = listGroups(systemRoots);
  const own = groups.find(({ members }) => members.some(({ name }) => name === edu));
  assert.equal(own?.number, groupOf('pci', edu));
  assert.deepEqual(own?.blockers, []);
  assert.equal(own?.type, 'DMA');
  assert.deepEqual(own?.reserved, [{ first: 0xfee00000n, last: 0xfeefffffn, kind: 'msi' }]);
  assert.ok(groups.length >= 3, 'the chipset has groups too');
});

for (const via of ['group', 'cdev'] as const) {
  describe(`the IOMMU by ${via}`, () => {
    let device: Device;
    before(async () => {
      device = await openDevice(edu, { via });
    });
    after(() => device.close());

    it('is VT-d, decoded', () => {
      const { unit, capabilities, source, limits, locked, dirtyTracking, group } = device.iommu.describe();
      assert.deepEqual([unit?.name, unit?.kind, unit?.version, unit?.address], ['dmar0', 'vt-d', '1.0', 0xfed90000n]);
      assert.equal(source, via === 'cdev' ? 'IOMMU_GET_HW_INFO' : 'sysfs');
      assert.deepEqual(capabilities?.pageSizes, [4096, 2 * MIB, 1024 * MIB]);
      assert.equal(capabilities?.items.find(({ field }) => field === 'CAP.SAGAW')?.value, '39 bits (3 levels)');
      assert.deepEqual(limits?.ranges, [
        { first: 0n, last: 0xfedfffffn },
        { first: 0xfef00000n, last: 2n ** 39n - 1n },
      ]);
      assert.equal(limits?.entriesLeft, via === 'group' ? 65535 : undefined);
      assert.equal(locked?.used, 0);
      assert.equal(dirtyTracking, via === 'cdev' ? false : undefined);
      assert.deepEqual(group?.blockers, []);
    });

    it('does not track dirty pages, and says so', () => {
      const answer = device.transport.dirty?.(0x100000n, 4096);
      const why = via === 'cdev' ? /^the IOMMU does not track dirty pages/ : /type1 IOMMU counts every/;
      assert.ok(typeof answer === 'string' && why.test(answer), JSON.stringify(answer));
    });

    it('translates what was mapped, page by page, as debugfs shows it', async () => {
      const ring = device.dma.alloc('ring', 65536);
      const read = device.dma.alloc('read', 8192, { prot: 'r' });
      device.dma.alloc('write', 8192, { prot: 'w' });
      device.dma.alloc('fenced', 4096, { guard: true });
      const leaves = shownLeaves();
      assert.equal(leaves.size, 16 + 2 + 2 + 3);
      for (const [iova, { entry, level }] of leaves) {
        const { tables: found, neighbours } = device.iommu.translate(iova + 0x40n);
        assert.ok('leaf' in found && found.leaf !== undefined);
        assert.equal(found.leaf.path[level], entry);
        assert.equal(found.leaf.size, 4096);
        assert.equal(found.leaf.physical, entry & 0xffffffffff000n);
        assert.ok(neighbours.at);
        assert.equal(found.leaf.writable, neighbours.at.prot !== 'r');
      }
      const behind = device.iommu.translate((ring.iova ?? 0n) + 65536n + 16384n + 65536n);
      assert.deepEqual([behind.neighbours.at, 'leaf' in behind.tables], [undefined, false]);

      const found = await device.iommu.verify();
      assert.deepEqual(found.differences, []);
      assert.deepEqual([found.mappings, found.physicalPages, found.unknownPages, found.damaged], [4, 23, 0, 0]);
      assert.equal(found.alsoReadable, 8192n, 'VT-d of Linux sets the read bit always');
      read.free();
      assert.deepEqual((await device.iommu.verify()).differences, []);
    });

    it('finds what is changed in a copy of the tables', async () => {
      const copy = `/tmp/tables-${via}`;
      // By its text: the kernel says that the file has no bytes, and copyFileSync believes it.
      writeFileSync(copy, readFileSync(tables));
      assert.deepEqual((await device.iommu.verify(undefined, copy)).differences, []);
      const lines = readFileSync(copy, 'latin1').split('\n');
      const first = lines.findIndex((line) => line.includes('|'));
      const [without = '', other = '', rights = ''] = lines.slice(first, first + 3);
      // The first page is gone, the second leads elsewhere, the third may only be read, and one comes from nowhere.
      lines[first] = '';
      lines[first + 1] = other.replace(/0x[0-9a-f]{13}(...)$/, '0x0000000077777$1');
      lines[first + 2] = rights.replace(/3$/, '1');
      const extra = without.replace(/^0x[0-9a-f]+/, '0x0000000700000');
      lines.splice(lines.findLastIndex((line) => line.includes('|')) + 1, 0, extra);
      writeFileSync(copy, lines.join('\n'));
      const iova = device.dma.find('ring').iova ?? 0n;
      const { differences } = await device.iommu.verify(undefined, copy);
      assert.deepEqual(
        differences.map(({ kind, first: at }) => [kind, at]),
        [
          ['missing', iova],
          ['physical', iova + 0x1000n],
          ['permission', iova + 0x2000n],
          ['extra', 0x700000000n],
        ],
      );
      assert.deepEqual([differences[2]?.found, differences[2]?.expected], ['r', 'rw']);
    });

    it('tells a DMA that it refused, and what that address is', async () => {
      await sleep(RATE_LIMIT_MS);
      const ring = device.dma.find('ring').iova ?? 0n;
      const region = device.region(0);
      const { config } = device;
      assert.ok(config);
      config.write16(4, config.read16(4) | 6);
      const told: string[] = [];
      device.onDmaFault((text) => told.push(text));
      const transfer = async (source: bigint, destination: bigint, command: bigint): Promise<void> => {
        const wanted = told.length + 1;
        region.write64(0x80, source);
        region.write64(0x88, destination);
        region.write64(0x90, 64n);
        region.write64(0x98, command);
        for (let tries = 0; told.length < wanted && tries < 200; tries++) await sleep(20);
        assert.equal(told.length, wanted, told.join('\n'));
      };
      // From memory into the device's own buffer at 0x40000, and back from it.
      await transfer(0x11000n, 0x40000n, 1n);
      const sent = process.hrtime.bigint();
      await transfer(0x40000n, 0x8000000n, 3n);
      const seen = device.iommu.faults.seen.at(-1);
      assert.ok(seen?.live && seen.time > Number(sent) && seen.time <= Number(process.hrtime.bigint()));
      const distance = ring - 0x11000n;
      assert.equal(
        told[0],
        `DMA fault: read of 0x11000 by ${edu}: PTE Read access is not set (fault reason 0x06): ` +
          `0x11000 is 0x${distance.toString(16)} before ring (0x${ring.toString(16)}..0x${(ring + 65536n).toString(16)})`,
      );
      assert.match(
        told[1] ?? '',
        /^DMA fault: write to 0x8000000 by .* \(fault reason 0x05\): 0x8000000 is 0x[0-9a-f]+ past the end of fenced/,
      );
      const noted = [...device.journal.entries()].filter(({ kind }) => kind === 'dma-fault');
      assert.equal(noted.length, 2);
      assert.deepEqual(
        noted.map((entry) => 'text' in entry && entry.text),
        told,
      );
    });

    it('leaves nothing mapped when the device is closed', async () => {
      assert.ok(leafCount() > 0);
      device.close();
      await nothingMapped();
    });
  });
}

it('translates blocks of 2 MiB: the memory of another device, mapped as a file', async () => {
  writeFileSync(`${devicePath('pci', shared)}/enable`, '1');
  const device = await openDevice(edu, { via: 'group' });
  try {
    // Its BAR of 4 MiB is one piece of physical memory.
    const peer = device.dma.mapFile(`${devicePath('pci', shared)}/resource2`, {
      name: 'peer',
      prot: 'rw',
      iova: 0x400000n,
    });
    assert.equal(peer.size, 4 * MIB);
    const bar = readFileSync(`${devicePath('pci', shared)}/resource`, 'latin1')
      .split('\n')[2]
      ?.split(' ')[0];
    const leaves = shownLeaves();
    assert.deepEqual([...leaves.keys()], [0x400000n, 0x600000n]);
    const { tables: found } = device.iommu.translate(0x612345n);
    assert.ok('leaf' in found && found.leaf !== undefined);
    assert.deepEqual([found.leaf.iova, found.leaf.size], [0x600000n, 2 * MIB]);
    assert.equal(found.leaf.physical, BigInt(bar ?? 0) + BigInt(2 * MIB));
    assert.equal(found.leaf.path[3], leaves.get(0x600000n)?.entry);
    const verified = await device.iommu.verify();
    assert.deepEqual(verified.differences, []);
    assert.deepEqual([...verified.leaves], [[2 * MIB, 2]]);
    // And by the commands: the entries of every level.
    device.dma.find('peer').free();
  } finally {
    device.close();
  }
  await nothingMapped();
});

describe('the commands', () => {
  it('translate and verify, and exit with 3 for a difference', async () => {
    const ran = await vfiodbg('-c', 'dma alloc ring 64K', '-c', 'iommu translate 0x100040', '-c', 'iommu verify', edu);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /mapping: +0x100040 is ring\+0x40 +mapped rw\n/);
    assert.match(ran.stdout, /physical: +0x[0-9a-f]+40 +in a page of 4 KiB, rw\n/);
    assert.match(ran.stdout, /PDPE +0 +0x[0-9a-f]{16} +rw +the table at/);
    assert.match(ran.stdout, /PTE +256 +0x[0-9a-f]{16} +rw +the page of 4 KiB at/);
    assert.match(
      ran.stdout,
      /no difference: 1 mapping, 16 pages of 4 KiB in the tables\n16 physical addresses compared/,
    );

    writeFileSync('/tmp/empty', `Device ${edu} @0x1000\nIOVA_PFN\n`);
    const wrong = await vfiodbg('-c', 'dma alloc ring 64K', '-c', 'iommu verify --tables /tmp/empty', edu);
    assert.equal(wrong.code, 3);
    assert.match(wrong.stdout, /0x100000\.\.0x110000 +ring +missing/);
    assert.match(wrong.stderr, /differ/);
  });

  it('answer in JSON', async () => {
    const lines = [
      'dma alloc ring 64K',
      'iommu',
      'iommu groups',
      'iommu translate 0x100040',
      'iommu verify',
      'iommu faults',
    ];
    const ran = await vfiodbg('--json', ...lines.flatMap((line) => ['-c', line]), edu);
    assert.equal(ran.code, 0, ran.stderr);
    const answers = ran.stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    assert.equal(answers.length, lines.length);
    assert.match(JSON.stringify(answers[3]), /"mapping":\{"name":"ring".*"physical":"0x[0-9a-f]+40"/);
  });

  it('show the IOMMU and the groups', async () => {
    const ran = await vfiodbg('-c', 'iommu', '-c', 'iommu groups', edu);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stdout, /IOMMU: +dmar0 +Intel VT-d 1\.0, registers at 0xfed90000/);
    assert.match(ran.stdout, /usable IOVA: +0x0\.\.0xfee00000, 0xfef00000\.\.0x8000000000/);
    assert.match(ran.stdout, /0xfee00000\.\.0xfef00000 +msi/);
    assert.match(ran.stdout, /snoop control +no +ECAP\.SC/);
    assert.match(ran.stdout, new RegExp(`${groupOf('pci', edu)} +DMA +${edu} +pci +vfio-pci +viable`));
  });

  it('follow faults, from before the wait for them too', async () => {
    await sleep(RATE_LIMIT_MS);
    const lines = [
      'dma alloc ring 64K',
      'dma enable',
      'poke.q region0 0x80 0x40000',
      'poke.q region0 0x88 0x110000',
      'poke.q region0 0x90 0x40',
      'poke.q region0 0x98 0x3',
      'wait region0 0x98 == 0:1 --timeout 5s',
      'iommu faults --follow --count 1 --timeout 10s',
      'iommu faults',
      'log dma',
    ];
    const ran = await vfiodbg(...lines.flatMap((line) => ['-c', line]), edu);
    assert.equal(ran.code, 0, ran.stderr);
    const told = `DMA fault: write to 0x110000 by ${edu}: PTE Write access is not set (fault reason 0x05): 0x110000 is just past the end of ring (0x100000..0x110000)`;
    assert.ok(ran.stdout.includes(told), ran.stdout);
    assert.ok(ran.stderr.includes(`${edu}: ${told}`), 'and as a notice');
    assert.equal(ran.stdout.split('past the end of ring').length, 4, 'followed, listed, and in the log');

    const none = await vfiodbg('-c', 'iommu faults --follow --count 1 --timeout 100ms', edu);
    assert.equal(none.code, 3, none.stderr);
  });
});

describe('a tool that is ended', () => {
  for (const signal of ['SIGKILL', 'SIGINT', 'SIGTERM'] as const) {
    it(`leaves nothing mapped behind ${signal}`, async () => {
      const script = '/tmp/hold.vfio';
      writeFileSync(script, 'dma alloc ring 64K\necho mapped\nsleep 60s\n');
      const child = spawn(process.execPath, [toolPath, '-x', script, edu], { stdio: ['ignore', 'pipe', 'inherit'] });
      let printed = '';
      child.stdout.on('data', (chunk) => (printed += String(chunk)));
      for (let tries = 0; leafCount() !== 16 && tries < 400; tries++) await sleep(50);
      assert.equal(leafCount(), 16, printed);
      const ended = new Promise((done) => child.once('exit', done));
      child.kill(signal);
      await ended;
      await nothingMapped();
    });
  }
});

it('verifies sixty thousand mappings of a page each', { timeout: 240_000 }, async () => {
  const COUNT = 60_000;
  const device = await openDevice(edu, { via: 'cdev' });
  try {
    for (let number = 0; number < COUNT; number++) device.dma.alloc(`b${number}`, 4096);
    const begun = process.hrtime.bigint();
    const found = await device.iommu.verify();
    console.log(`verified in ${Number(process.hrtime.bigint() - begun) / 1e6} ms`);
    assert.deepEqual(found.differences, []);
    assert.deepEqual([found.mappings, found.physicalPages, [...found.leaves]], [COUNT, COUNT, [[4096, COUNT]]]);
    const last = device.dma.find(`b${COUNT - 1}`).iova ?? 0n;
    const { tables: leaf } = device.iommu.translate(last);
    assert.ok('leaf' in leaf && leaf.leaf?.iova === last);
  } finally {
    device.close();
  }
  await nothingMapped();
});

describe('without the right to look', () => {
  const NOBODY = 65534;
  const group = `/dev/vfio/${groupOf('pci', edu) ?? ''}`;

  before(() => {
    for (const node of [group, '/dev/vfio/vfio']) {
      chownSync(node, NOBODY, NOBODY);
      chmodSync(node, 0o660);
    }
    writeFileSync('/proc/sys/kernel/dmesg_restrict', '1');
  });
  after(() => {
    writeFileSync('/proc/sys/kernel/dmesg_restrict', '0');
    for (const node of [group, '/dev/vfio/vfio']) chownSync(node, 0, 0);
  });

  it('that is said, once for the faults, and the mappings are translated', () => {
    const lines = ['dma alloc a 4K', 'dma alloc b 4K', 'iommu translate 0x100000', 'iommu faults'];
    const args = [toolPath, '--via', 'group', '-k', ...lines.flatMap((line) => ['-c', line]), edu];
    const ran = spawnSync(process.execPath, args, {
      uid: NOBODY,
      gid: NOBODY,
      encoding: 'utf8',
      env: { HOME: '/tmp' },
    });
    assert.equal(ran.status, 1, ran.stderr);
    assert.match(
      ran.stdout,
      /0x100000 is a\+0x0 +mapped rw\n +page tables: +not shown: only root may look into \/sys\/kernel\/debug +run as root/,
    );
    assert.equal(ran.stderr.split('DMA faults stay unseen: EPERM').length, 2, ran.stderr);
    assert.match(ran.stderr, /read the DMA faults[^\n]*EPERM[^]*sysctl kernel\.dmesg_restrict=0/);
  });
});

it('says how to mount debugfs where it is not', async () => {
  execFileSync('umount', ['/sys/kernel/debug']);
  try {
    const ran = await vfiodbg('-c', 'dma alloc a 4K', '-c', 'iommu translate 0x100000', '-c', 'iommu verify', edu);
    assert.equal(ran.code, 1);
    assert.match(ran.stdout, /page tables: +not shown: debugfs is not mounted.*mount -t debugfs none/);
    assert.match(ran.stderr, /debugfs is not mounted/);
  } finally {
    execFileSync('mount', ['-t', 'debugfs', 'none', '/sys/kernel/debug']);
  }
  assert.ok(existsSync(tables));
});

it('at the prompt a fault is shown as it comes', async () => {
  await sleep(RATE_LIMIT_MS);
  const tool = new Tool([edu]);
  for (const line of ['dma alloc ring 64K', 'dma enable', 'poke.q region0 0x80 0x40000', 'poke.q region0 0x88 0x90000'])
    tool.type(line);
  for (const line of ['poke.q region0 0x90 8', 'poke.q region0 0x98 0x3']) tool.type(line);
  await tool.printed('stderr', /DMA fault: write to 0x90000 by .*0x90000 is 0x70000 before ring/);
  assert.equal((await tool.ended()).code, 0);
  await nothingMapped();
});
