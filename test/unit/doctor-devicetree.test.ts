import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edu, dma, onMachine, said, property } from './doctor-fixture.js';

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
