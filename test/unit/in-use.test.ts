import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { describeDevice } from '../../src/vfio/bus/bus-device.js';
import { usesOf } from '../../src/vfio/bus/binding/in-use.js';
import { binding, failing, withKernel } from './binding-fixture.js';
import type { FakeKernel } from './fake-kernel.js';

const name = '0000:00:05.0';

function uses(kernel: FakeKernel): string[] {
  return usesOf(describeDevice('pci', name, kernel.roots), kernel.roots);
}

/** A link in a class of sysfs, as /sys/class/net/eth0 is one. */
function classLink(kernel: FakeKernel, kind: string, entry: string, target: string): void {
  const path = join(kernel.roots.sys, 'class', kind, entry);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(kernel.roots.sys, target), path);
}

/** A device with a driver, and with `files` beneath it. */
function withDevice(kernel: FakeKernel, files: Readonly<Record<string, string>>): FakeKernel {
  kernel.driver('pci', 'driver', [name]).driver('pci', 'vfio-pci');
  return kernel.device({ name, driver: 'driver', files });
}

test(
  'mounted disks: by their places, and where these are many by the first of them; swap space; nothing else',
  withKernel(async (kernel) => {
    withDevice(kernel, {
      'block/vda/dev': '254:0\n',
      'block/vda/vda1/dev': '254:1\n',
      'block/vda/vda1/partition': '1',
    });
    classLink(kernel, 'block', 'vda', `devices/pci/${name}/block/vda`);
    classLink(kernel, 'block', 'vda1', `devices/pci/${name}/block/vda/vda1`);
    assert.deepEqual(uses(kernel), []);
    kernel.file('proc', 'self/mountinfo', '25 1 254:1 / / rw - ext4 /dev/vda1 rw\n');
    assert.deepEqual(uses(kernel), ['vda1 is mounted on /']);
    const places = ['/', '/home', '/mnt/a\\040b', '/', '/srv', '/var', '/opt'];
    const line = (point: string, nth: number): string => `${nth} 1 254:1 / ${point} rw - ext4 /dev/vda1 rw\n`;
    kernel.file('proc', 'self/mountinfo', places.slice(0, 3).map(line).join(''));
    assert.deepEqual(uses(kernel), ['vda1 is mounted on /, /home and /mnt/a b']);
    kernel.file('proc', 'self/mountinfo', places.map(line).join(''));
    kernel.file('proc', 'swaps', 'Filename Type Size Used Priority\n/dev/vda partition 1 0 -2\n');
    assert.deepEqual(uses(kernel), ['vda is swap space', 'vda1 is mounted on /, /home, /mnt/a b and 3 other places']);
  }),
);

test(
  'the default route, the console and a share: each is named, and refuses the binding until it is forced',
  withKernel(async (kernel) => {
    withDevice(kernel, { 'net/eth0/mtu': '1500', 'tty/ttyS4/dev': '4:68', 'virtio0/mount_tag': 'home\0' });
    classLink(kernel, 'net', 'eth0', `devices/pci/${name}/net/eth0`);
    classLink(kernel, 'tty', 'ttyS4', `devices/pci/${name}/tty/ttyS4`);
    kernel
      .file('sys', 'class/tty/console/active', 'tty0 ttyS4\n')
      .file('proc', 'net/route', 'Iface Destination Gateway Flags\neth0 00000000 0202000A 0003 0 0 0 00000000\n')
      .file('proc', 'self/mountinfo', '1 2 0:9 / /home rw - 9p home rw\n3 2 0:9 /x /mnt rw - 9p home rw\n');
    const { bind } = binding(kernel);
    const before = kernel.state();
    const { kind, why, hint } = await failing(bind(name));
    assert.equal(kind, 'busy');
    assert.match(
      why,
      /^it is in use: the share home is mounted on \/home and \/mnt; eth0 carries the default route \(IPv4\); ttyS4 is the console$/,
    );
    assert.match(hint ?? '', /--force/);
    assert.deepEqual([kernel.state(), kernel.writes], [before, []]);
    const { notes } = await bind(name, { force: true });
    assert.equal(notes.filter((note) => note.startsWith('forced: ')).length, 3);
  }),
);

test(
  'a bridge is refused as a bridge, whatever is in its group',
  withKernel(async (kernel) => {
    kernel.driver('pci', 'driver', [name]).driver('pci', 'vfio-pci');
    kernel.device({ name, driver: 'driver', group: '3' });
    kernel.device({ name: '0000:00:01.0', group: '3', pci: [0x1b36, 0x000e, 0x060400] });
    for (const wholeGroup of [false, true]) {
      assert.match((await failing(binding(kernel).bind('0000:00:01.0', { wholeGroup }))).why, /it is a PCI bridge/);
    }
  }),
);

test(
  'a driver that gets no part of a group as long as somebody has it open: who that is',
  withKernel(async (kernel) => {
    kernel.driver('pci', 'driver', [name]).driver('pci', 'vfio-pci');
    kernel.device({ name, driver: 'driver', group: '3' });
    kernel.device({ name: '0000:00:06.0', group: '3' });
    const { bind, release } = binding(kernel);
    await bind(name, { wholeGroup: true });
    const { vfioDev = '' } = describeDevice('pci', '0000:00:06.0', kernel.roots);
    kernel.process(4711, 'qemu', join(kernel.roots.dev, 'vfio/devices', vfioDev));
    kernel.refuse('driver', name, 'EBUSY');
    const { why } = await failing(release(name));
    assert.match(why, /^qemu \(process 4711\) has 0000:00:06\.0, or its group, open by VFIO, and no other driver gets/);
    assert.match(why, new RegExp(`${name} is bound to vfio-pci, as before`));
  }),
);
