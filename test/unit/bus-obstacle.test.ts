import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findDevice } from '../../src/vfio/bus/bus-device.js';
import { holderList, holdersOf, ownerOf } from '../../src/vfio/bus/device-node.js';
import { obstacleTo } from '../../src/vfio/bus/obstacle.js';
import { openKernelDevice } from '../../src/vfio/bus/open.js';
import { preferredWay } from '../../src/vfio/bus/way-in.js';
import { VfioError, type FailureDetails } from '../../src/vfio/errors.js';
import { type FakeMachine, withMachine } from './fake-machine.js';

const edu = '0000:00:04.0';

/** What is in the way of `name`; fails where nothing is. */
function inTheWay(machine: FakeMachine, name = edu): FailureDetails {
  const obstacle = obstacleTo(findDevice(name, machine.roots), machine.roots);
  assert.ok(obstacle !== undefined);
  assert.equal(obstacle.device, name);
  return obstacle;
}

test(
  'no IOMMU: said as such, with what the kernel was told and what the processor needs',
  withMachine((machine) => {
    machine
      .device({ name: edu })
      .file('proc', 'cmdline', 'quiet intel_iommu=off iommu=pt')
      .file('proc', 'cpuinfo', 'vendor_id : GenuineIntel');
    const { kind, why, hint } = inTheWay(machine);
    assert.equal(kind, 'absent');
    assert.match(why, /no IOMMU is at work.*kernel command line: intel_iommu=off iommu=pt/);
    assert.match(hint ?? '', /intel_iommu=on.*enable_unsafe_noiommu_mode/);
    machine.file('proc', 'cpuinfo', 'vendor_id : AuthenticAMD');
    assert.match(inTheWay(machine).hint ?? '', /AMD-Vi/);
    machine.file('proc', 'cpuinfo', 'CPU implementer : 0x41').file('proc', 'cmdline', 'quiet');
    assert.match(inTheWay(machine).hint ?? '', /device tree or ACPI/);
    assert.doesNotMatch(inTheWay(machine).why, /command line/);
  }),
);

test(
  'no IOMMU: the remedy fits what the firmware, the hypervisor and the command line say',
  withMachine((machine) => {
    const hint = (): string => inTheWay(machine).hint ?? '';
    machine.device({ name: edu }).file('proc', 'cpuinfo', 'vendor_id : GenuineIntel\nflags : fpu hypervisor\n');
    assert.match(hint(), /virtual machine.*-device intel-iommu,intremap=on.*unsafe_noiommu_mode/);
    machine.file('sys', 'firmware/acpi/tables/DMAR');
    assert.match(hint(), /start Linux with intel_iommu=on: the firmware describes VT-d/);
    machine.file('proc', 'cmdline', 'intel_iommu=on');
    assert.match(hint(), /dmesg.*why VT-d/);
    machine.file('proc', 'cmdline', 'iommu=soft,off');
    assert.match(hint(), /with intel_iommu=on and without iommu=soft,off/);
    machine.file('proc', 'cpuinfo', 'CPU implementer : 0x41').file('proc', 'cmdline', 'quiet');
    machine.device({
      bus: 'platform',
      name: '9050000.smmuv3',
      compatible: ['arm,smmu-v3'],
      files: { 'of_node/#iommu-cells': 'x' },
    });
    assert.match(hint(), /IOMMU 9050000\.smmuv3 \(arm,smmu-v3\) has no driver/);
    machine.file('sys', 'module/vfio/parameters/other');
    assert.doesNotMatch(hint(), /noiommu/, 'this VFIO was built without it');
    machine.file('sys', 'module/vfio/parameters/enable_unsafe_noiommu_mode', 'Y\n').file('dev', 'vfio/vfio');
    assert.match(inTheWay(machine).why, /no driver is bound/, 'it does not need an IOMMU then');
  }),
);

test(
  'an IOMMU, but none for this device',
  withMachine((machine) => {
    machine
      .device({ name: edu, group: '4' })
      .device({ bus: 'platform', name: 'fe10.dma', driver: 'pl330', compatible: ['arm,pl330'] })
      .device({ bus: 'platform', name: 'fe20.dma', compatible: ['arm,pl330'], files: { 'of_node/iommus': 'x' } })
      .file('dev', 'vfio/vfio');
    const { why, hint } = inTheWay(machine, 'fe10.dma');
    assert.match(why, /belongs to no IOMMU group/);
    assert.match(hint ?? '', /`iommus` property/);
    assert.match(inTheWay(machine, 'fe20.dma').why, /no driver is bound/, 'its group comes with its first driver');
    machine
      .device({ bus: 'platform', name: 'fe30.dma', driver: 'pl330', files: { 'of_node/iommus': 'x' } })
      .device({ bus: 'platform', name: 'fa00.iommu', files: { 'of_node/#iommu-cells': 'x' } });
    assert.match(inTheWay(machine, 'fe30.dma').hint ?? '', /the IOMMU fa00\.iommu .* has no driver/);
  }),
);

test(
  'no /dev/vfio: the module is not loaded, or a container was not given the nodes',
  withMachine((machine) => {
    machine.device({ name: edu, group: '4' }).device({ name: '0000:00:05.0', driver: 'vfio-pci', group: '5' });
    const unloaded = inTheWay(machine);
    assert.match(unloaded.why, /VFIO is not loaded: there is no \/dev\/vfio/);
    assert.equal(unloaded.hint, 'modprobe vfio-pci');
    const contained = inTheWay(machine, '0000:00:05.0');
    assert.match(contained.why, /bound to vfio-pci, and yet there is no \/dev\/vfio/);
    assert.match(contained.hint ?? '', /container/);
  }),
);

test(
  'another driver: its name, and the command that changes it',
  withMachine((machine) => {
    machine
      .device({ name: edu, driver: 'e1000e', group: '4' })
      .device({ bus: 'platform', name: 'fe10.dma', driver: 'pl330', group: '5' })
      .file('dev', 'vfio/vfio');
    const { kind, why, hint = '' } = inTheWay(machine);
    assert.equal(kind, 'busy');
    assert.match(why, /bound to the driver e1000e and not to vfio-pci/);
    assert.equal(hint, `as root: vfiodbg bind ${edu}`);
    assert.match(inTheWay(machine, 'fe10.dma').hint ?? '', /reset_required=0/);
    machine.file('sys', 'module/vfio_platform/parameters/reset_required', 'N\n');
    assert.doesNotMatch(inTheWay(machine, 'fe10.dma').hint ?? '', /reset_required/);
  }),
);

test(
  'no driver: what it needs',
  withMachine((machine) => {
    machine.device({ name: edu, group: '4' }).device({ name: '0000:00:06.0', driver: 'vfio-pci', group: '6' });
    machine.file('dev', 'vfio/vfio');
    const { kind, why, hint } = inTheWay(machine);
    assert.equal(kind, 'absent');
    assert.match(why, /no driver is bound to it; VFIO needs vfio-pci/);
    assert.equal(hint, `as root: vfiodbg bind ${edu}`);
  }),
);

test(
  'a group that is not viable: each device in the way, with its driver',
  withMachine((machine) => {
    machine
      .device({ name: edu, driver: 'vfio-pci', group: '4', vfioDev: 'vfio0' })
      .device({ name: '0000:00:04.1', driver: 'nvme', group: '4' })
      .device({ name: '0000:00:04.2', driver: 'e1000e', group: '4' })
      .device({ name: '0000:00:04.3', group: '4' })
      .file('dev', 'vfio/vfio');
    const { kind, why } = inTheWay(machine);
    assert.equal(kind, 'busy');
    assert.match(why, /group 4 is not viable: 0000:00:04\.1 \(nvme\), 0000:00:04\.2 \(e1000e\) have a driver/);
  }),
);

test(
  'a PCI bridge, whatever its driver',
  withMachine((machine) => {
    machine
      .device({ name: edu, driver: 'pcieport', group: '4', pci: [0x1b36, 0x000c, 0x060400] })
      .file('dev', 'vfio/vfio');
    assert.equal(inTheWay(machine).kind, 'unsupported');
  }),
);

test(
  'nothing in the way: cdev is taken where both nodes are there, else group',
  withMachine((machine) => {
    machine.device({ name: edu, driver: 'vfio-pci', group: '4', vfioDev: 'vfio0' }).file('dev', 'vfio/vfio');
    const device = findDevice(edu, machine.roots);
    assert.equal(obstacleTo(device, machine.roots), undefined);
    assert.equal(preferredWay(device, machine.roots), 'group');
    machine.file('dev', 'iommu');
    assert.equal(preferredWay(device, machine.roots), 'group');
    machine.file('dev', 'vfio/devices/vfio0');
    assert.equal(preferredWay(device, machine.roots), 'cdev');
  }),
);

test(
  'opening throws what is in the way, with the device and one thing to try',
  withMachine((machine) => {
    machine.device({ name: edu, driver: 'e1000e', group: '4' }).file('dev', 'vfio/vfio');
    assert.throws(
      () => openKernelDevice('00:04.0', { roots: machine.roots }),
      (error) => error instanceof VfioError && error.details.device === edu && error.details.hint !== undefined,
    );
  }),
);

test(
  'what is no device of VFIO at the place of a node is an error and not a crash',
  withMachine((machine) => {
    machine.device({ name: edu, driver: 'vfio-pci', group: '4', vfioDev: 'vfio0' }).file('dev', 'vfio/vfio');
    const open = (via: 'group' | 'cdev') => (): void => openKernelDevice(edu, { via, roots: machine.roots }).close();
    assert.throws(open('group'), VfioError);
    assert.throws(open('cdev'), (error) => error instanceof VfioError && error.kind === 'absent');
    machine.file('dev', 'vfio/4').file('dev', 'iommu').file('dev', 'vfio/devices/vfio0');
    assert.throws(open('group'), VfioError);
    assert.throws(open('cdev'), VfioError);
  }),
);

test(
  'the users of a node are found in /proc, and its owner by name',
  withMachine((machine) => {
    machine
      .process(4711, 'qemu-system-x86', '/dev/vfio/4')
      .process(4712, 'bash', '/dev/null')
      .process(process.pid, 'node', '/dev/vfio/5')
      .file('dev', 'vfio/4')
      .file('etc', 'passwd', `root:x:0:0:root:/root:/bin/sh\nme:x:${process.getuid?.() ?? 0}:1::/:/bin/sh\n`);
    assert.deepEqual(holdersOf(['/dev/vfio/4'], machine.roots), [{ pid: 4711, command: 'qemu-system-x86' }]);
    assert.equal(holderList(holdersOf(['/dev/vfio/4'], machine.roots)), 'qemu-system-x86 (process 4711)');
    assert.equal(holderList(holdersOf(['/dev/vfio/5'], machine.roots)), 'this session itself');
    assert.equal(holderList(holdersOf(['/dev/vfio/6'], machine.roots)), undefined);
    const node = join(machine.roots.dev, 'vfio/4');
    chmodSync(node, 0o620);
    const owned = ownerOf(node, machine.roots);
    assert.match(owned?.owner ?? '', /^(root|me):\d+, mode 0620$/);
    assert.equal(ownerOf(`${node}0`, machine.roots), undefined);
  }),
);
