import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { diagnose, type Diagnosis, type Examined } from '../../src/vfio/doctor/doctor.js';
import { VfioError } from '../../src/vfio/errors.js';
import { FakeMachine } from './fake-machine.js';

const edu = '0000:00:04.0';
const dma = 'fe10.dma';

/** Runs `body` with a machine that is removed afterwards. */
function onMachine(body: (machine: FakeMachine) => Promise<void>): () => Promise<void> {
  return async () => {
    const machine = new FakeMachine();
    try {
      await body(machine);
    } finally {
      machine.remove();
    }
  };
}

/** An x86 machine on which a PCI device is ready to be opened. */
function healthy(machine: FakeMachine): FakeMachine {
  return machine
    .device({
      name: edu,
      driver: 'vfio-pci',
      group: '4',
      vfioDev: 'vfio0',
      pci: [0x1234, 0x11e8, 0xff00],
      files: { driver_override: 'vfio-pci\n', 'power/runtime_status': 'suspended\n', power_state: 'D3hot\n' },
    })
    .file('sys', 'class/iommu/dmar0/x')
    .file('sys', 'firmware/acpi/tables/DMAR')
    .file('sys', 'bus/pci/drivers_probe')
    .file('proc', 'sys/kernel/osrelease', '6.12.6\n')
    .file('proc', 'cmdline', 'quiet intel_iommu=on\n')
    .file('proc', 'cpuinfo', 'vendor_id\t: GenuineIntel\n')
    .file('proc', 'interrupts', ' 24: 0 0 IR-PCI-MSI-0000:00:02.0 0-edge eth0\n')
    .file('proc', 'self/status', 'Name: node\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n')
    .file('proc', 'self/limits', 'Max locked memory         8388608              8388608              bytes\n')
    .file('proc', 'self/uid_map', '0 0 4294967295\n')
    .file('boot', 'config-6.12.6', 'CONFIG_VFIO=m\nCONFIG_VFIO_PCI=m\nCONFIG_IOMMUFD=m\nCONFIG_VFIO_DEVICE_CDEV=y\n')
    .file('dev', 'vfio/vfio')
    .file('dev', 'vfio/4')
    .file('dev', 'iommu')
    .file('dev', 'vfio/devices/vfio0');
}

function named(checks: Diagnosis['checks'], name: string): Examined {
  const [only, ...more] = checks.filter((check) => check.name === name);
  assert.ok(only !== undefined && more.length === 0, `one check ${name} of ${checks.map((one) => one.name).join()}`);
  return only;
}

/** 'FAIL what was found => remedy', to match against. */
async function said(machine: FakeMachine, name: string, device?: string): Promise<string> {
  const { checks } = await diagnose(device, { roots: machine.roots, bindings: join(machine.roots.etc, 'state') });
  const { verdict, found, remedy } = named(checks, name);
  return `${verdict} ${found}${remedy === undefined ? '' : ` => ${remedy}`}`;
}

test(
  'a device that is ready passes every check that applies, and each names the files that it looked at',
  onMachine(async (machine) => {
    healthy(machine);
    const { device, checks } = await diagnose('00:04.0', { roots: machine.roots });
    assert.equal(device, edu);
    const verdicts = Object.fromEntries(checks.map(({ name, verdict }) => [name, verdict]));
    assert.deepEqual(verdicts, {
      kernel: 'pass',
      'VFIO driver': 'pass',
      IOMMU: 'pass',
      'no-IOMMU mode': 'skip',
      'way in by group': 'pass',
      'way in by iommufd': 'pass',
      'right to bind': 'pass',
      'unfinished bind': 'skip',
      lockdown: 'skip',
      'locked memory': 'pass',
      'huge pages': 'skip',
      'mapped access': 'pass',
      'IOMMU group': 'pass',
      interrupts: 'pass',
      driver: 'pass',
      'in use': 'skip',
      'driver override': 'pass',
      'reset function': 'skip',
      'group members': 'pass',
      users: 'pass',
      power: 'pass',
      BARs: 'skip',
      'clocks, power': 'skip',
    });
    for (const { name, lookedAt } of checks) assert.ok(lookedAt.length > 0 || name === 'mapped access', name);
    const machineOnly = await diagnose(undefined, { roots: machine.roots });
    assert.equal(machineOnly.device, undefined);
    assert.ok(machineOnly.checks.every(({ about, verdict }) => about === 'machine' && verdict !== 'fail'));
  }),
);

test(
  'the kernel: what it was built with, and what it lacks',
  onMachine(async (machine) => {
    healthy(machine);
    assert.equal(await said(machine, 'kernel'), 'pass Linux 6.12.6: VFIO=m VFIO_DEVICE_CDEV=y IOMMUFD=m VFIO_PCI=m');
    const running = (text: string): unknown =>
      machine.file('proc', 'config.gz') && writeFileSync(join(machine.roots.proc, 'config.gz'), gzipSync(text));
    running('# CONFIG_VFIO is not set\n');
    assert.match(await said(machine, 'kernel'), /^fail .*without CONFIG_VFIO => .*CONFIG_VFIO=m/);
    running('CONFIG_VFIO=m\nCONFIG_VFIO_PLATFORM=m\n');
    assert.match(await said(machine, 'kernel'), /^pass/);
    assert.match(await said(machine, 'kernel', edu), /^fail .*without CONFIG_VFIO_PCI /);
    running('CONFIG_VFIO=y\nCONFIG_VFIO_PCI=y\n# CONFIG_VFIO_GROUP is not set\n# CONFIG_IOMMUFD is not set\n');
    assert.match(await said(machine, 'kernel'), /^fail .*CONFIG_VFIO_DEVICE_CDEV and CONFIG_IOMMUFD/);
    machine.file('proc', 'config.gz', 'no gzip at all');
    assert.match(await said(machine, 'kernel'), /^skip/, 'a broken file is nothing to look at, and no crash');
  }),
);

test(
  'the driver of VFIO: there, to be loaded, or nowhere',
  onMachine(async (machine) => {
    machine
      .device({ name: edu, group: '4', pci: [0x1234, 0x11e8, 0xff00] })
      .file('proc', 'sys/kernel/osrelease', '6.12.6\n');
    assert.match(await said(machine, 'VFIO driver', edu), /^fail vfio-pci is not there, and neither is .*container/);
    machine.file('modules', '6.12.6/modules.dep', 'kernel/fs/fat/fat.ko.xz:\n');
    assert.match(await said(machine, 'VFIO driver', edu), /^fail Linux 6\.12\.6 has no module vfio_pci/);
    machine.file(
      'modules',
      '6.12.6/modules.dep',
      'kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko.xz\n',
    );
    assert.match(
      await said(machine, 'VFIO driver', edu),
      /^warn vfio-pci can be loaded, and is not => modprobe vfio-pci/,
    );
    machine.file('proc', 'modules', 'vfio_pci 16384 0 - Live 0x0\n');
    assert.equal(await said(machine, 'VFIO driver', edu), 'pass vfio-pci');
  }),
);

test(
  'no IOMMU: a failure of the machine, said once; no-IOMMU mode makes it a warning',
  onMachine(async (machine) => {
    machine.device({ name: edu }).file('proc', 'cpuinfo', 'vendor_id : GenuineIntel');
    assert.match(await said(machine, 'IOMMU', edu), /^fail no IOMMU is at work.* => switch VT-d on/);
    assert.match(await said(machine, 'IOMMU group', edu), /^skip/);
    assert.match(await said(machine, 'interrupts', edu), /^skip/);
    machine.file('sys', 'module/vfio/parameters/enable_unsafe_noiommu_mode', 'Y\n');
    assert.match(await said(machine, 'IOMMU', edu), /^warn/);
    assert.match(await said(machine, 'no-IOMMU mode', edu), /^warn .*tainted/);
    assert.match(await said(machine, 'IOMMU group', edu), /^warn .*DMA of this device will be unchecked/);
    machine.file('sys', 'kernel/iommu_groups/0/name', 'vfio-noiommu\n');
    assert.match(await said(machine, 'IOMMU', edu), /^warn/, 'a group that VFIO made up is no IOMMU');
  }),
);

test(
  'interrupts that are not isolated: the parameter of the way in that would be taken',
  onMachine(async (machine) => {
    healthy(machine).file('proc', 'interrupts', ' 24: 0 0 PCI-MSI-0000:00:02.0 0-edge eth0\n');
    assert.match(
      await said(machine, 'interrupts', edu),
      /^fail the IOMMU cannot isolate the interrupts.*\(IR-\).*=> .*echo 1 > \/sys\/module\/iommufd\/parameters\/allow_unsafe_interrupts/,
    );
    machine.file('sys', 'module/iommufd/parameters/allow_unsafe_interrupts', 'Y\n');
    assert.match(
      await said(machine, 'interrupts', edu),
      /^warn not isolated .*iommufd\.allow_unsafe_interrupts lets it in/,
    );
    assert.match(await said(machine, 'interrupts'), /^warn/);
    machine.file('sys', 'module/vfio_iommu_type1/parameters/allow_unsafe_interrupts', 'N\n');
    assert.match(
      await said(machine, 'interrupts', edu),
      /^warn not isolated .*; for --via group: vfio_iommu_type1\.allow_unsafe_interrupts is off/,
    );
    machine.file('sys', 'module/iommufd/parameters/allow_unsafe_interrupts', 'N\n');
    assert.match(
      await said(machine, 'interrupts', edu),
      /^fail .*vfio_iommu_type1\.allow_unsafe_interrupts is off as well/,
    );
  }),
);

/** A 32-bit big-endian cell, as the device tree has it. */
function cell(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

/** Writes a binary property of a device's node, or of the tree. */
function property(machine: FakeMachine, path: string, ...values: number[]): void {
  const file = join(machine.roots.sys, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, cell(...values));
}

test(
  'on a device-tree machine, interrupts are isolated where the MSIs of the device go to a GICv3 ITS',
  onMachine(async (machine) => {
    machine
      .device({ bus: 'platform', name: dma, driver: 'vfio-platform', group: '5', compatible: ['arm,pl330'] })
      .file('proc', 'cpuinfo', 'CPU implementer : 0x41\n')
      .file('sys', 'firmware/devicetree/base/its/compatible', 'arm,gic-v3-its\0')
      .file('sys', 'firmware/devicetree/base/v2m/compatible', 'arm,gic-v2m-frame\0');
    property(machine, 'firmware/devicetree/base/its/phandle', 7);
    property(machine, 'firmware/devicetree/base/v2m/phandle', 8);
    assert.match(await said(machine, 'interrupts', dma), /^fail .*names no MSI controller.*vfio_iommu_type1/);
    property(machine, `devices/platform/${dma}/of_node/msi-parent`, 8);
    assert.match(await said(machine, 'interrupts', dma), /^fail .*MSIs go to \/v2m, which is no GICv3 ITS/);
    property(machine, `devices/platform/${dma}/of_node/msi-parent`, 7, 0x10);
    assert.match(await said(machine, 'interrupts', dma), /^pass isolated: its MSIs go to \/its, a GICv3 ITS/);
  }),
);

test(
  'vfio-platform without a reset function: the module it looks for, and the parameter, as this kernel takes it',
  onMachine(async (machine) => {
    machine
      .device({ bus: 'platform', name: dma, group: '5', compatible: ['arm,pl330', 'arm,primecell'] })
      .file('proc', 'sys/kernel/osrelease', '6.12.6\n');
    const reset = (): Promise<string> => said(machine, 'reset function', dma);
    assert.match(
      await reset(),
      /^fail .*no module here is vfio-reset:arm,pl330 => .*modprobe vfio_platform reset_required=0/,
    );
    machine.file('sys', 'module/vfio_platform/parameters/reset_required', 'Y\n');
    assert.match(
      await reset(),
      /=> if it may go unreset: start Linux with vfio_platform\.reset_required=0$/,
      'it is built in',
    );
    machine.file('proc', 'modules', 'vfio_platform 16384 0 - Live 0x0\n');
    assert.match(await reset(), /modprobe -r vfio_platform; modprobe vfio_platform reset_required=0/);
    machine.file('modules', '6.12.6/modules.alias', 'alias vfio-reset:arm,pl330 vfio_platform_pl330\n');
    assert.equal(await reset(), 'pass vfio-reset:arm,pl330');
    machine
      .file('modules', '6.12.6/modules.alias', '')
      .file('sys', 'module/vfio_platform/parameters/reset_required', 'N\n');
    assert.match(await reset(), /^pass not asked for/);
    machine.device({ name: edu });
    assert.match(await said(machine, 'reset function', edu), /^skip/, 'PCI devices are not asked');
  }),
);

test(
  'the device tree: no `iommus`, an IOMMU without a driver, a group that comes with the first driver',
  onMachine(async (machine) => {
    machine
      .device({ name: edu, group: '4' })
      .device({ bus: 'platform', name: 'a.dma', driver: 'x', compatible: ['a'] })
      .device({ bus: 'platform', name: 'b.dma', compatible: ['b'], files: { 'of_node/iommus': 'x' } })
      .device({ bus: 'platform', name: 'c.dma', driver: 'x', files: { 'of_node/iommus': 'x' } })
      .device({
        bus: 'platform',
        name: 'd.iommu',
        compatible: ['arm,smmu-v3'],
        files: { 'of_node/#iommu-cells': 'x' },
      });
    assert.match(await said(machine, 'IOMMU group', 'a.dma'), /^fail .* => .*`iommus` property/);
    assert.match(await said(machine, 'IOMMU group', 'b.dma'), /^pass .*when a driver first probes it/);
    assert.match(
      await said(machine, 'IOMMU group', 'c.dma'),
      /^fail .* => the IOMMU d\.iommu \(arm,smmu-v3\) has no driver/,
    );
  }),
);

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
