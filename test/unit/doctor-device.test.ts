import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { diagnose } from '../../src/vfio/doctor/doctor.js';
import { VfioError } from '../../src/vfio/errors.js';
import { edu, dma, onMachine, healthy, named, said, property } from './doctor-fixture.js';

test(
  'driver, override, group and users',
  onMachine(async (machine) => {
    machine
      .device({ name: edu, driver: 'e1000e', group: '4', files: { driver_override: 'vfio-pci\n' } })
      .device({ name: '0000:00:04.1', driver: 'nvme', group: '4' })
      .device({ name: '0000:00:05.0', group: '5', files: { driver_override: 'uio_pci_generic\n' } })
      .device({ name: '0000:00:06.0', group: '6', files: { sriov_numvfs: '2\n' } })
      .file('dev', 'vfio/4')
      .process(4711, 'qemu-system-x86', join(machine.roots.dev, 'vfio/4'));
    assert.match(
      await said(machine, 'driver', edu),
      /^fail it is bound to the driver e1000e and not to vfio-pci => as root:/,
    );
    assert.match(await said(machine, 'driver override', edu), /^warn vfio-pci, and yet e1000e has it/);
    assert.match(await said(machine, 'group members', edu), /^fail .*not viable: 0000:00:04\.1 \(nvme\) has a driver/);
    assert.match(await said(machine, 'users', edu), /^fail qemu-system-x86 \(process 4711\) has it/);
    assert.match(
      await said(machine, 'driver override', '00:05.0'),
      /^warn uio_pci_generic: no other driver may take it/,
    );
    assert.match(await said(machine, 'driver', '00:06.0'), /^fail .*2 virtual functions enabled.*sriov_numvfs/);
  }),
);

test(
  'device nodes: who owns them, and that one way in is enough',
  onMachine(async (machine) => {
    healthy(machine).file('etc', 'passwd', 'root:x:0:0::/:/bin/sh\n').file('etc', 'group', 'root:x:0:\n');
    const closed = new Set<string>();
    const mayOpen = (path: string): boolean => !closed.has(path);
    const way = async (name: string): Promise<string> => {
      const {
        verdict,
        found,
        remedy = '',
      } = named((await diagnose(edu, { roots: machine.roots, mayOpen })).checks, name);
      return `${verdict} ${found} ${remedy}`;
    };
    closed.add(join(machine.roots.dev, 'iommu'));
    assert.match(
      await way('way in by iommufd'),
      /^skip .*\/iommu: you may not: it belongs to root:root.*the other way is open/,
    );
    assert.match(await way('way in by group'), /^pass .*vfio\/4 \(root:root, mode \d+\)/);
    closed.add(join(machine.roots.dev, 'vfio/4'));
    assert.match(await way('way in by group'), /^fail .*vfio\/4: you may not.*chown \$USER/);
    assert.match(await way('way in by iommufd'), /^fail /);
  }),
);

test(
  'limits and confinement: locked memory, root, containers, lockdown',
  onMachine(async (machine) => {
    healthy(machine)
      .file('proc', 'self/status', 'Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\n')
      .file('etc', 'passwd', 'jan:x:1000:1000::/home/jan:/bin/sh\n');
    assert.match(await said(machine, 'locked memory'), /^warn 8 MiB \(RLIMIT_MEMLOCK\).* => .*ulimit -l unlimited/);
    assert.match(
      await said(machine, 'right to bind'),
      /^warn jan \(uid 1000\) may not write to \/sys => run vfiodbg bind as root/,
    );
    assert.match(await said(machine, 'right to bind', edu), /^skip .*need not: the device is bound/);
    machine.file('proc', 'self/limits', 'Max locked memory         unlimited            unlimited            bytes\n');
    assert.match(await said(machine, 'locked memory'), /^pass no limit/);
    machine
      .file('proc', 'self/status', 'Uid:\t0\t0\t0\t0\nCapEff:\t00\n')
      .file('proc', 'self/mountinfo', '25 30 0:23 / /sys ro,nosuid - sysfs sysfs ro\n');
    assert.match(await said(machine, 'right to bind'), /^warn \/sys is mounted for reading only => .*on the host/);
    machine.file('proc', 'self/mountinfo', '').file('proc', 'self/uid_map', '0 100000 65536\n');
    assert.match(await said(machine, 'right to bind'), /^warn .*user namespace/);
    machine.file('sys', 'kernel/security/lockdown', 'none [integrity] confidentiality\n');
    const boot = 'firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';
    machine.file('sys', boot, '\x06\0\0\0\x01');
    assert.match(await said(machine, 'lockdown'), /^warn integrity, Secure Boot on: VFIO works, but/);
    machine.file('sys', 'kernel/security/lockdown', '[none] integrity\n').file('sys', boot, '\x06\0\0\0\0');
    assert.equal(await said(machine, 'lockdown'), 'pass off, Secure Boot off');
    machine.file('proc', 'meminfo', 'HugePages_Total: 8\nHugePages_Free: 3\nHugepagesize: 2048 kB\n');
    assert.equal(await said(machine, 'huge pages'), 'pass 3 of 8 are free, of 2 MiB each');
  }),
);

test(
  'power, BARs and clocks are told without asking the device',
  onMachine(async (machine) => {
    const bars = [
      '0x00000000fe800000 0x00000000fe81ffff 0x0000000000040200',
      '0x0000000000000000 0x000000000001ffff 0x0000000020040200',
      ...Array.from({ length: 5 }, () => '0x0000000000000000 0x0000000000000000 0x0000000000000000'),
    ];
    machine
      .device({
        name: edu,
        files: { resource: bars.join('\n'), 'power/runtime_status': 'error\n', power_state: 'D0\n' },
      })
      .device({ bus: 'platform', name: dma })
      .file('sys', 'firmware/devicetree/base/clk/compatible', 'fixed-clock\0')
      .file('sys', 'firmware/devicetree/base/gate/compatible', 'vendor,clocks\0');
    assert.match(await said(machine, 'power', edu), /^fail D0, error: .*power\/control/);
    assert.match(await said(machine, 'BARs', edu), /^warn BAR1 was given no address.* => .*pci=realloc/);
    assert.match(await said(machine, 'clocks, power', dma), /^skip/);
    for (const [node, phandle] of [
      ['clk', 9],
      ['gate', 10],
    ] as const) {
      property(machine, `firmware/devicetree/base/${node}/phandle`, phandle);
      property(machine, `firmware/devicetree/base/${node}/#clock-cells`, 0);
    }
    const node = 'firmware/devicetree/base/dma@fe10';
    property(machine, `${node}/clocks`, 9);
    symlinkSync(join(machine.roots.sys, node), join(machine.roots.sys, 'devices/platform', dma, 'of_node'));
    assert.match(await said(machine, 'clocks, power', dma), /^pass/, 'a fixed clock is always on');
    property(machine, `${node}/clocks`, 10);
    assert.match(
      await said(machine, 'clocks, power', dma),
      /^warn clocks are listed \(gate\).*hang the bus => .*clk_ignore_unused/,
    );
  }),
);

test(
  'what this machine needs a device for, and what a killed run of bind has left',
  onMachine(async (machine) => {
    machine
      .device({ name: edu, driver: 'nvme' })
      .file('sys', 'class/block/nvme0n1/x')
      .file('proc', 'self/mountinfo', '25 1 8:1 / / rw - ext4 /dev/nvme0n1 rw\n');
    assert.match(await said(machine, 'in use', edu), /^pass/);
    assert.match(await said(machine, 'unfinished bind'), /^skip/);
    const bindings = join(machine.roots.etc, 'state');
    machine.file('etc', 'state/unfinished.jsonl', 'no JSON\n');
    const { checks } = await diagnose(undefined, { roots: machine.roots, bindings });
    assert.equal(named(checks, 'unfinished bind').verdict, 'warn');
  }),
);

test(
  'a socket is looked at and not connected to: whether it is there, and who listens',
  onMachine(async (machine) => {
    const path = join(machine.roots.dev, 'x.sock');
    assert.match(await said(machine, 'socket', path), /^fail there is no such socket => start a server/);
    machine.file('dev', 'x.sock');
    assert.match(await said(machine, 'socket', path), /^fail it is no socket/);
    assert.match(await said(machine, 'server', path), /^skip/);
  }),
);

test('a server that listens on a socket is named, and is not connected to', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-doctor-'));
  const path = join(folder, 'device.sock');
  let clients = 0;
  const server = createServer(() => (clients += 1)).listen(path);
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  await once(server, 'listening');
  const { checks } = await diagnose(path);
  assert.deepEqual(
    checks.map(({ name, verdict }) => `${name} ${verdict}`),
    ['mapped access pass', 'socket pass', 'rights pass', 'server pass'],
  );
  assert.match(named(checks, 'server').found, /this session itself listens/);
  const link = join(folder, 'link.sock');
  symlinkSync(path, link);
  assert.equal(named((await diagnose(link)).checks, 'server').verdict, 'pass');
  const moved = join(folder, 'moved.sock');
  renameSync(path, moved);
  assert.equal(named((await diagnose(moved)).checks, 'server').verdict, 'warn', 'by another name it cannot be told');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(clients, 0);
});

test('simulated devices and snapshots: what there is to say of them', async () => {
  const all = async (address: string): Promise<string> =>
    (await diagnose(address)).checks.map(({ name, verdict }) => `${name} ${verdict}`).join(', ');
  assert.equal(await all('sim:edu'), 'mapped access pass, model pass');
  assert.equal(await all('sim:nothing'), 'mapped access pass, model fail');
  assert.equal(await all('snapshot:/nowhere.json'), 'mapped access pass, file fail');
});

test(
  'a device that is not there is an error, with the nearest names',
  onMachine(async (machine) => {
    machine.device({ name: edu });
    await assert.rejects(diagnose('00:04.1', { roots: machine.roots }), (error) => {
      assert.ok(error instanceof VfioError && error.kind === 'absent');
      assert.match(error.details.hint ?? '', /0000:00:04\.0/);
      return true;
    });
  }),
);

test(
  'a machine of which nothing can be read is no crash',
  onMachine(async (machine) => {
    machine.device({ name: edu });
    symlinkSync('/nowhere', join(machine.roots.sys, 'module'));
    assert.ok((await diagnose(edu, { roots: machine.roots })).checks.length > 10);
  }),
);
