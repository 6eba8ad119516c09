import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { diagnose } from '../../src/vfio/doctor/doctor.js';
import { edu, onMachine, healthy, said } from './doctor-fixture.js';

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
