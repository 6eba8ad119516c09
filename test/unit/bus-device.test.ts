import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalAddress, describeDevice, findDevice } from '../../src/vfio/bus/bus-device.js';
import { groupBlockers } from '../../src/vfio/bus/iommu-group.js';
import { listDevices } from '../../src/vfio/bus/list.js';
import { portRegions } from '../../src/vfio/bus/pci-ports.js';
import { VfioError } from '../../src/vfio/errors.js';
import { withMachine } from './fake-machine.js';

test('a PCI address may be short, and in either case', () => {
  assert.equal(canonicalAddress('0000:00:04.0'), '0000:00:04.0');
  assert.equal(canonicalAddress('00:04.0'), '0000:00:04.0');
  assert.equal(canonicalAddress('0:4.0'), '0000:00:04.0');
  assert.equal(canonicalAddress('00:1F.3'), '0000:00:1f.3');
  assert.equal(canonicalAddress('ABCD:E0:1F.7'), 'abcd:e0:1f.7');
  assert.equal(canonicalAddress('10000:01:00.0'), '10000:01:00.0', 'VMD makes domains of five digits');
  assert.equal(canonicalAddress('00010000:01:00.0'), '10000:01:00.0');
  assert.equal(canonicalAddress('00:04.8'), '00:04.8', 'no function 8: no PCI address');
  assert.equal(canonicalAddress('fe101300.dma'), 'fe101300.dma');
});

test(
  'a device is found on every bus, with what sysfs says of it',
  withMachine((machine) => {
    machine
      .device({
        name: '0000:00:04.0',
        driver: 'vfio-pci',
        group: '4',
        vfioDev: 'vfio0',
        pci: [0x1234, 0x11e8, 0x00ff00],
        files: { driver_override: 'vfio-pci\n', modalias: 'pci:v00001234d000011E8\n', revision: '0x10\n' },
      })
      .device({ bus: 'amba', name: '9010000.pl031', driver: 'rtc-pl031', compatible: ['arm,pl031', 'arm,primecell'] })
      .device({ bus: 'platform', name: 'fe101300.DMA', files: { driver_override: '(null)\n' } });
    const { path, ...edu } = findDevice('0:4.0', machine.roots);
    assert.ok(path.endsWith('/bus/pci/devices/0000:00:04.0'));
    assert.deepEqual(edu, {
      bus: 'pci',
      name: '0000:00:04.0',
      driver: 'vfio-pci',
      driverOverride: 'vfio-pci',
      iommuGroup: '4',
      groupType: 'DMA',
      noIommu: false,
      vfioDev: 'vfio0',
      modalias: 'pci:v00001234d000011E8',
      ids: { vendor: 0x1234, device: 0x11e8, subsystemVendor: 0, subsystemDevice: 0, class: 0xff00, revision: 0x10 },
      compatible: [],
    });
    const rtc = findDevice('9010000.pl031', machine.roots);
    assert.deepEqual([rtc.bus, rtc.driver, rtc.compatible], ['amba', 'rtc-pl031', ['arm,pl031', 'arm,primecell']]);
    const dma = findDevice('FE101300.dma', machine.roots);
    assert.deepEqual([dma.bus, dma.name, dma.driverOverride], ['platform', 'fe101300.DMA', undefined]);
  }),
);

test(
  'an unknown device is answered with the nearest names',
  withMachine((machine) => {
    for (const name of ['0000:00:04.0', '0000:00:05.0', '0000:81:00.0']) machine.device({ name });
    machine.device({ bus: 'amba', name: '9010000.pl031' });
    const hint = (address: string): string => {
      let found = '';
      assert.throws(
        () => findDevice(address, machine.roots),
        (error) => {
          assert.ok(error instanceof VfioError && error.kind === 'absent');
          found = error.details.hint ?? '';
          return true;
        },
      );
      return found;
    };
    assert.match(hint('00:04.1'), /0000:00:04\.0/);
    assert.match(hint('9010000.pl030'), /9010000\.pl031/);
    assert.match(hint('00:05'), /mean 0000:00:05\.0\?/);
    assert.match(hint('PL031'), /mean 9010000\.pl031\?/);
    assert.match(hint('nothing-like-it-at-all'), /`devices`/);
    for (const hostile of ['', '.', '..', '../../../etc/passwd', 'a\0b', '0000:00:04.0/..']) hint(hostile);
  }),
);

test(
  'a group is blocked by drivers that are neither VFIO’s nor harmless',
  withMachine((machine) => {
    machine
      .device({ name: '0000:02:00.0', driver: 'pcieport', group: '7' })
      .device({ name: '0000:02:01.0', driver: 'vfio-pci', group: '7' })
      .device({ name: '0000:02:02.0', driver: 'mlx5_vfio_pci', group: '7' })
      .device({ name: '0000:02:03.0', group: '7' })
      .device({ name: '0000:02:04.0', driver: 'e1000e', group: '7' })
      .device({ bus: 'platform', name: 'fe10.dma', driver: 'pl330', group: '7' })
      .device({ name: '0000:02:05.0', driver: 'nvme', group: '8' });
    assert.deepEqual(groupBlockers('7', machine.roots), [
      { name: '0000:02:04.0', driver: 'e1000e' },
      { name: 'fe10.dma', driver: 'pl330' },
    ]);
    assert.deepEqual(groupBlockers('9', machine.roots), []);
  }),
);

test(
  'the list names PCI devices by pci.ids where it is installed, else by class and ids',
  withMachine((machine) => {
    machine
      .device({ name: '0000:00:05.0', pci: [0x8086, 0x10d3, 0x020000] })
      .device({ name: '0000:00:06.0', pci: [0x8086, 0x1111, 0x020000] })
      .device({ name: '0000:00:07.0', pci: [0x1af4, 0x1000, 0x080000] });
    const descriptions = (): string[] => listDevices(machine.roots).map(({ description }) => description);
    assert.deepEqual(descriptions(), [
      'Network controller 8086:10d3',
      'Network controller 8086:1111',
      'Generic system peripheral 1af4:1000',
    ]);
    machine.pciIds(
      [
        '# a comment',
        '1234  Technical Corp.',
        '\t1111  Something else',
        '8086  Intel Corporation',
        '\t10d3  82574L Gigabit Network Connection',
        '\t\t103c 1785  NC112T',
        'C 08  Generic system peripheral',
      ].join('\n'),
    );
    assert.deepEqual(descriptions(), [
      'Intel Corporation 82574L Gigabit Network Connection',
      'Intel Corporation 8086:1111',
      'Generic system peripheral 1af4:1000',
    ]);
  }),
);

test(
  'the list has every PCI and AMBA device, and the platform devices that are hardware',
  withMachine((machine) => {
    machine
      .device({ name: '0000:00:05.0', driver: 'e1000e', group: '5', pci: [0x8086, 0x10d3, 0x020000] })
      .device({ name: '0000:00:04.0', driver: 'vfio-pci', group: '4', vfioDev: 'vfio0', pci: [0x1234, 0x11e8, 0xff00] })
      .device({ bus: 'platform', name: 'serial8250' })
      .device({ name: '0000:00:1f.0', driver: 'vfio-pci', group: '6', vfioDev: 'vfio1' })
      .device({ bus: 'platform', name: 'timer', compatible: ['arm,armv8-timer'] })
      .device({ bus: 'platform', name: 'fe10.dma', driver: 'vfio-platform', group: '9', vfioDev: 'vfio2' })
      .device({
        bus: 'platform',
        name: 'a000000.virtio_mmio',
        compatible: ['virtio,mmio'],
        files: { 'of_node/reg': 'x' },
      })
      .file('dev', 'vfio/vfio');
    const listed = listDevices(machine.roots);
    assert.deepEqual(
      listed.map(({ name, description, obstacles }) => [name, description, obstacles[0]?.kind]),
      [
        ['0000:00:04.0', 'Unclassified device 1234:11e8', undefined],
        ['0000:00:05.0', 'Network controller 8086:10d3', 'busy'],
        ['0000:00:1f.0', '', undefined],
        ['a000000.virtio_mmio', 'virtio,mmio', 'absent'],
        ['fe10.dma', '', undefined],
      ],
    );
  }),
);

test(
  'the list has fsl-mc and CDX devices, what ACPI calls a device, and with `everything` what is no hardware',
  withMachine((machine) => {
    machine
      .device({ bus: 'fsl-mc', name: 'dpni.1', files: { modalias: 'fsl-mc:v00001957ddpni' } })
      .device({ bus: 'cdx', name: 'cdx-00:01', pci: [0x10ee, 0x8084, 0x060400] })
      .device({ bus: 'platform', name: 'ARMH0061:00', group: '3', files: { modalias: 'acpi:ARMH0061:' } })
      .device({
        bus: 'platform',
        name: 'APMC0D51:00',
        files: { 'firmware_node/hid': 'APMC0D51\n', 'firmware_node/path': '\\_SB_.UART\n' },
      })
      .pciIds('10ee  Xilinx Corporation\n\t8084  not this one');
    const listed = (everything?: boolean): string[][] =>
      listDevices(machine.roots, everything).map(({ bus, name, description, obstacles }) => [
        `${bus} ${name}`,
        description,
        obstacles.map(({ brief }) => brief).join(),
      ]);
    assert.deepEqual(listed(), [
      ['platform ARMH0061:00', 'ACPI ARMH0061', 'no /dev/vfio,bind first'],
      ['fsl-mc dpni.1', 'dpni of vendor 1957', 'no IOMMU group,no /dev/vfio,bind first'],
      ['cdx cdx-00:01', 'Xilinx Corporation 10ee:8084', 'no IOMMU group,no /dev/vfio,bind first'],
    ]);
    assert.deepEqual(listed(true)[0]?.slice(0, 2), ['platform APMC0D51:00', 'ACPI APMC0D51 (\\_SB_.UART)']);
  }),
);

test(
  'all that is in the way of a device is listed, the most fundamental first',
  withMachine((machine) => {
    machine
      .device({ name: '0000:00:04.0', driver: 'e1000e', group: '4' })
      .device({ name: '0000:00:04.1', driver: 'nvme', group: '4' })
      .device({ name: '0000:00:05.0', driver: 'vfio-pci', group: '5', vfioDev: 'vfio0' })
      .file('dev', 'vfio/vfio');
    const briefs = (): string[] =>
      listDevices(machine.roots).map(({ obstacles }) => obstacles.map(({ brief }) => brief).join());
    assert.deepEqual(briefs(), ['bind first,group blocked', 'bind first,group blocked', '']);
    const [first] = listDevices(machine.roots);
    assert.match(
      first?.obstacles[1]?.why ?? '',
      /not viable: 0000:00:04\.1 \(nvme\) has/,
      'the device itself is not in its way',
    );
  }),
);

test(
  'I/O port BARs are told from memory by the flags of sysfs',
  withMachine((machine) => {
    const resource = [
      '0x00000000fe800000 0x00000000fe81ffff 0x0000000000040200',
      '0x0000000000000000 0x0000000000000000 0x0000000000000000',
      '0x000000000000c040 0x000000000000c05f 0x0000000000040101',
      'nonsense',
    ];
    machine.device({ name: '0000:00:05.0', files: { resource: resource.join('\n') } });
    machine.device({ bus: 'platform', name: 'fe10.dma', files: { resource: resource.join('\n') } });
    assert.deepEqual([...portRegions(describeDevice('pci', '0000:00:05.0', machine.roots))], [2]);
    assert.deepEqual([...portRegions(describeDevice('platform', 'fe10.dma', machine.roots))], []);
  }),
);
