import assert from 'node:assert/strict';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { outcomeView, planView } from '../../src/repl/binding-views.js';
import { plain } from '../../src/views/sinks/plain.js';
import { binding, failing, withKernel } from './binding-fixture.js';
import type { FakeKernel } from './fake-kernel.js';

const nic = '0000:00:05.0';
const self = process.getuid?.() ?? 0;
/** Somebody else, where this process may give files away; else itself. */
const uid = self === 0 ? 4711 : self;

function withNic(kernel: FakeKernel): FakeKernel {
  kernel.file('etc', 'passwd', `root:x:0:0::/root:/bin/sh\nme:x:${uid}:100::/home/me:/bin/sh\n`);
  return kernel.driver('pci', 'e1000e', [nic]).device({ name: nic, driver: 'e1000e', group: '5' });
}

test(
  "--user gives the device's nodes to a user by name or number, and says what else that user needs",
  withKernel(async (kernel) => {
    withNic(kernel).driver('pci', 'vfio-pci');
    const { bind, plan, release } = binding(kernel);
    const nodes = ['vfio/5', 'vfio/devices/vfio0'].map((node) => join(kernel.roots.dev, node));
    assert.match(plain(planView(await plan(nic, { user: 'me' })), 200), /\n {2}chown me its nodes in \/dev\/vfio\n/);
    const bound = await bind(nic, { user: 'me' });
    assert.deepEqual(bound.nodes, nodes);
    assert.deepEqual(
      nodes.map((node) => statSync(node).uid),
      [uid, uid],
    );
    assert.match(plain(outcomeView(bound), 200), /\/dev\/vfio\/5 and .*\/dev\/vfio\/devices\/vfio0 belong to me now\n/);
    if (uid !== self) assert.match(bound.notes.join(), /me needs .*\/dev\/vfio\/vfio for --via group as well: .*root/);
    const writes = kernel.writes.length;
    assert.deepEqual((await bind(nic, { user: String(self) })).nodes, nodes);
    assert.equal(statSync(nodes[0] ?? '').uid, self, 'of a device that is bound, too');
    assert.equal(kernel.writes.length, writes);
    await release(nic);
  }),
);

test(
  'a user that nobody knows is refused before anything is done',
  withKernel(async (kernel) => {
    withNic(kernel).driver('pci', 'vfio-pci');
    for (const user of ['no-such-user-here', '4294967295', '-1', '../me', 'a b', '$(id)'])
      assert.equal((await failing(binding(kernel).bind(nic, { user }))).kind, 'absent', user);
    assert.deepEqual(kernel.writes, []);
  }),
);

test(
  'a driver that is not there is loaded as a module, and it is told what was run',
  withKernel(async (kernel) => {
    const loaded: string[] = [];
    const modprobe = (module: string): Promise<{ command: string; done: boolean; said: string }> => {
      loaded.push(module);
      kernel.driver('pci', module, module === 'e1000e' ? [nic] : []);
      return Promise.resolve({ command: `modprobe ${module}`, done: true, said: '' });
    };
    const { bind, release, plan } = binding(withNic(kernel), { modprobe });
    assert.match(plain(planView(await plan(nic)), 200), /\n {2}modprobe vfio-pci {2}# the driver is not there yet\n/);
    assert.deepEqual(loaded, [], 'a plan loads nothing');
    assert.match(
      plain(outcomeView(await bind(nic)), 200),
      /^modprobe vfio-pci: done\n0000:00:05\.0: bound to vfio-pci/,
    );
    rmSync(join(kernel.roots.sys, 'bus/pci/drivers/e1000e'), { recursive: true });
    assert.match(plain(outcomeView(await release(nic)), 200), /^modprobe e1000e: done\n0000:00:05\.0: bound to e1000e/);
    assert.deepEqual(loaded, ['vfio-pci', 'e1000e']);
    assert.deepEqual(kernel.state()[nic], { driver: 'e1000e', driverOverride: undefined });
  }),
);

test(
  'a module that cannot be loaded: binding takes nothing away, releasing lets the kernel look for another driver',
  withKernel(async (kernel) => {
    const { bind, release } = binding(withNic(kernel));
    const { kind, why } = await failing(bind(nic));
    assert.equal(kind, 'absent');
    assert.match(why, /no driver vfio-pci on the pci bus, and `modprobe vfio-pci` did not bring it: no vfio-pci here/);
    assert.deepEqual(kernel.writes, []);
    kernel.driver('pci', 'vfio-pci');
    await bind(nic);
    rmSync(join(kernel.roots.sys, 'bus/pci/drivers/e1000e'), { recursive: true });
    const { notes } = await release(nic);
    assert.match(
      notes.join(),
      /the driver e1000e that 0000:00:05\.0 had is not there any more; the kernel looks for another/,
    );
    assert.equal(kernel.writes.at(-1), `${nic} > bus/pci/drivers_probe`);
  }),
);
