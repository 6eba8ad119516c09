import assert from 'node:assert/strict';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { before, it } from 'node:test';
import { allDevices, describeDevice } from '../../../src/vfio/bus/bus-device.js';
import { systemRoots } from '../../../src/vfio/bus/roots.js';
import { regOf } from '../../../src/vfio/devicetree/address.js';
import { parseBlob } from '../../../src/vfio/devicetree/blob.js';
import { deviceNameOf } from '../../../src/vfio/devicetree/device-name.js';
import { liveTree } from '../../../src/vfio/devicetree/folder.js';
import { interruptsOf } from '../../../src/vfio/devicetree/interrupt.js';
import { nodeOfDevice } from '../../../src/vfio/devicetree/of-node.js';
import { pciFacts } from '../../../src/vfio/devicetree/pci.js';
import { resourcesOf } from '../../../src/vfio/devicetree/resource.js';
import type { DeviceTree } from '../../../src/vfio/devicetree/tree.js';
import { bindToVfio, devicePath, findPci } from './bind.js';
import { mark } from './mark.js';
import { vfiodbg } from './tool.js';

const RTC = '9010000.pl031';
const VIRTIO = 'a000000.virtio_mmio';
const [edu = ''] = findPci(0x1234, 0x11e8);

let tree: DeviceTree;

before(() => {
  const live = liveTree(systemRoots);
  assert.ok(live);
  tree = live;
  bindToVfio('amba', RTC);
  bindToVfio('platform', VIRTIO);
  bindToVfio('pci', edu);
});

/** The value and note of the field of that label, in what dt shows. */
function field(text: string, label: string): string {
  const line = text.split('\n').find((each) => each.trimStart().startsWith(`${label}:`)) ?? '';
  return line.slice(line.indexOf(`${label}:`) + label.length + 1).trim();
}

async function dt(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await vfiodbg(...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

it('each device has the name that its node is thought to get, and the place', () => {
  let names = 0;
  let places = 0;
  for (const { bus, name } of allDevices(systemRoots)) {
    if (bus !== 'platform' && bus !== 'amba') continue;
    const device = describeDevice(bus, name);
    const found = nodeOfDevice(tree, device, systemRoots);
    if (found === undefined || found.of !== undefined) continue;
    assert.equal(deviceNameOf(found.node), name);
    names += 1;
    if (bus !== 'amba') continue;
    const [entry] = regOf(found.node)?.entries ?? [];
    const [resource] = resourcesOf(device, systemRoots);
    assert.ok(entry !== undefined && 'cpu' in entry.translated && resource !== undefined, name);
    assert.deepEqual([resource.start, resource.size], [entry.translated.cpu, entry.size], name);
    places += 1;
  }
  assert.ok(names >= 20 && places >= 3, `${names} names, ${places} places`);
});

it('the tree in sysfs is the blob that the kernel was started with', () => {
  const blob = parseBlob(readFileSync('/sys/firmware/fdt'), '/sys/firmware/fdt');
  for (const node of blob.nodes()) {
    // The kernel adds to /chosen itself.
    if (node.path.startsWith('/chosen')) continue;
    const live = tree.find(node.path);
    assert.ok(live, node.path);
    for (const { name, bytes } of node.properties)
      assert.deepEqual(Buffer.from(live.property(name)?.bytes ?? []), Buffer.from(bytes), `${node.path} ${name}`);
  }
});

/** The controller's number of each interrupt that a driver has requested, by what /proc/interrupts calls it. */
function requested(): Map<string, number> {
  const found = new Map<string, number>();
  for (const irq of readdirSync('/sys/kernel/irq')) {
    const read = (name: string): string => readFileSync(join('/sys/kernel/irq', irq, name), 'utf8').trim();
    for (const action of read('actions').split(',')) if (action !== '') found.set(action, Number(read('hwirq')));
  }
  return found;
}

it('interrupts are those that the kernel asks its controller for', () => {
  const known = requested();
  const number = (path: string, index: number): number | undefined => {
    const node = tree.find(path);
    assert.ok(node, path);
    return interruptsOf(tree, node)?.entries[index]?.decoded?.number;
  };
  assert.equal(number('/pl011@9000000', 0), known.get('uart-pl011'));
  // The virtual timer is the third of the node's.
  assert.equal(number('/timer', 2), known.get('arch_timer'));
  for (const [action, index] of [
    ['arm-smmu-v3-evtq', 0],
    ['arm-smmu-v3-gerror', 3],
  ] as const)
    if (known.has(action)) assert.equal(number('/smmuv3@9050000', index), known.get(action), action);
});

it('nothing is touched by opening a device that has a node, nor by dt', async () => {
  mark('looking begin');
  for (const device of [RTC, VIRTIO, edu]) await dt('-c', 'dt', '-c', 'regions', '-c', 'irq', device);
  mark('looking end');
});

it('an AMBA device: matched by the address that the kernel tells, by names and by its enabled interrupt', async () => {
  const text = await dt('-c', 'irq enable alarm', '-c', 'dt', '-c', 'peek rtc 0xfe0', RTC);
  assert.match(text, /\/pl031@9010000\n/);
  assert.equal(field(text, 'tree'), 'the running kernel');
  assert.equal(field(text, 'reg 0 rtc'), '0x9010000 size 0x1000  region0, by address and size (sysfs resource)');
  assert.match(
    field(text, 'interrupt 0 alarm'),
    /^SPI 2 \(INTID 34\), level high {2}irq0, by order and trigger, Linux irq \d+ \(GICv3 34\); at \/intc@8000000$/,
  );
  assert.equal(field(text, 'iommus'), '/smmuv3@9050000 0x8001');
  assert.match(text, /region0\+0xfe0\)?: 0x00000031/);
  assert.doesNotMatch(text, /warning/);
});

it('a platform device: by its name, order and size', async () => {
  const text = await dt('-c', 'dt', '-c', 'peek mmio 0x0', '-c', 'irq', VIRTIO);
  assert.equal(field(text, 'reg 0 mmio'), "0xa000000 size 0x200  region0, by address (the device's name) and size");
  assert.match(
    field(text, 'interrupt 0 queue'),
    /^SPI 16 \(INTID 48\), edge rising {2}irq0, by order and trigger, Linux irq \d+ \(GICv3 48\); at/,
  );
  assert.match(text, /region0\+0x0\)?: 0x74726976/);
  assert.match(text, /irq0 queue/);
});

it('the same device in a blob, where the running kernel had none', async () => {
  const text = await dt('--dtb', '/sys/firmware/fdt', '-c', 'dt', '-c', 'irq enable alarm', RTC);
  assert.equal(field(text, 'tree'), '/sys/firmware/fdt');
  assert.match(field(text, 'reg 0 rtc'), /region0, by address and size \(sysfs resource\)/);
});

it('a PCI device: the host bridge, its windows, and the ID at the SMMU', async () => {
  const text = await dt('-c', 'dt', edu);
  assert.match(text, /^\/pcie@10000000\n/);
  assert.match(field(text, 'node of'), /^4010000000\.pcie {2}/);
  assert.equal(field(text, 'PCI device'), `${edu}  requester ID 0x20`);
  assert.equal(field(text, 'at the IOMMU'), '/smmuv3@9050000 0x20');
  assert.match(field(text, 'region0'), /in a memory 32 window of ranges$/);
  // The kernel has followed INTA itself, when its driver was probed.
  const device = describeDevice('pci', edu);
  const bridge = nodeOfDevice(tree, device, systemRoots);
  assert.ok(bridge);
  const [pin] = pciFacts(tree, bridge.node, device, []).pins;
  const irq = readFileSync(join(realpathSync(devicePath('pci', edu)), 'irq'), 'utf8').trim();
  const hwirq = Number(readFileSync(`/sys/kernel/irq/${irq}/hwirq`, 'utf8'));
  assert.equal(pin?.decoded?.number, hwirq);
});
