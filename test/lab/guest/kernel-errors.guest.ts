import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, rmSync, writeFileSync } from 'node:fs';
import { it } from 'node:test';
import { join } from 'node:path';
import { findDevice } from '../../../src/vfio/bus/bus-device.js';
import { listDevices } from '../../../src/vfio/bus/list.js';
import { openKernelDevice } from '../../../src/vfio/bus/open.js';
import { buildFolder } from '../project.js';
import { bindToVfio, devicePath, findPci, unbind } from './bind.js';
import { refused } from './refused.js';
import { vfiodbg } from './tool.js';

/** edu 04.0 stands alone; behind a bridge without ACS, edu 01.0 and a serial port 02.0 share a group. */
const [lone = '', inGroup = ''] = findPci(0x1234, 0x11e8);
const [neighbour = ''] = findPci(0x1b36, 0x0002);

it('a device that is not there: the nearest names', () => {
  assert.throws(
    () => openKernelDevice('00:04.7'),
    refused('absent', /no such device/, new RegExp(lone.replaceAll('.', '\\.'))),
  );
});

it('a device without a driver: the command that binds it, and it works', async () => {
  unbind('pci', lone);
  let command = '';
  assert.throws(
    () => openKernelDevice(lone),
    (error) => {
      const matches = refused('absent', /no driver is bound to it; VFIO needs vfio-pci/, /vfiodbg bind/)(error);
      command = findCommand(error);
      return matches;
    },
  );
  const { code, stderr } = await vfiodbg(...command.split(' ').slice(1));
  assert.equal(code, 0, stderr);
  openKernelDevice(lone).close();
});

function findCommand(error: unknown): string {
  const { hint = '' } = (error as { details: { hint?: string } }).details;
  return hint.replace(/^as root: /, '');
}

it('a device with another driver: its name', () => {
  const port = findPci(0x1b36, 0x0003)[0] ?? '';
  assert.equal(findDevice(port).driver, 'serial');
  assert.throws(
    () => openKernelDevice(port),
    refused('busy', /bound to the driver serial and not to vfio-pci/, /vfiodbg bind/),
  );
});

it('a bridge: VFIO takes endpoints only', () => {
  const bridge = findPci(0x1b36, 0x000e)[0] ?? '';
  assert.throws(() => openKernelDevice(bridge), refused('unsupported', /bridge/));
});

it('a group that is not viable: each device in the way and its driver, by both ways in', () => {
  bindToVfio('pci', inGroup);
  assert.equal(findDevice(neighbour).iommuGroup, findDevice(inGroup).iommuGroup);
  const driver = findDevice(neighbour).driver ?? 'none';
  assert.notEqual(driver, 'none', 'the other device of the group must have a driver for this test');
  const expected = new RegExp(`not viable: ${neighbour.replaceAll('.', '\\.')} \\(${driver}\\)`);
  for (const via of ['group', 'cdev'] as const) {
    assert.throws(() => openKernelDevice(inGroup, { via }), refused('busy', expected, /vfiodbg bind .* --whole-group/));
  }
  const entry = listDevices().find(({ name }) => name === inGroup);
  assert.match(entry?.obstacles[0]?.why ?? '', expected);
  unbind('pci', neighbour);
  for (const via of ['group', 'cdev'] as const) openKernelDevice(inGroup, { via }).close();
});

it('a device that another process has: its name and number, by all four pairs of ways', async () => {
  bindToVfio('pci', lone);
  for (const theirs of ['group', 'cdev'] as const) {
    const open = pathToImport('src/vfio/bus/open.js');
    const program = `import { openKernelDevice } from '${open}'; openKernelDevice('${lone}', { via: '${theirs}' });
      console.log('open'); setInterval(() => {}, 1000);`;
    const other = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(other.stdout, 'data');
    for (const ours of ['group', 'cdev'] as const) {
      assert.throws(
        () => openKernelDevice(lone, { via: ours }),
        refused('busy', new RegExp(`node \\(process ${other.pid}\\)`)),
        `${theirs}, then ${ours}`,
      );
    }
    other.kill('SIGKILL');
    await once(other, 'close');
  }
  openKernelDevice(lone).close();
});

function pathToImport(file: string): string {
  return join(buildFolder, file);
}

it('a node that one may not open: who owns it', async () => {
  const nodes = bindToVfio('pci', lone);
  chownSync(nodes.group, 0, 4711);
  chmodSync(nodes.group, 0o660);
  const open = pathToImport('src/vfio/bus/open.js');
  const program = `import { openKernelDevice } from '${open}'; process.setgid(1000); process.setuid(1000);
    for (const via of ['group', 'cdev']) try { openKernelDevice('${lone}', { via }); } catch (e) { console.log(e.kind, e.message, e.details.hint); }`;
  chmodSync('/dev/vfio/vfio', 0o666);
  const other = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  other.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(other, 'close');
  process.stdout.write(said);
  const [group = '', cdev = ''] = said.split('\n');
  assert.match(group, /^permission open \/dev\/vfio\/\d+ of .*: EACCES: .*root:4711, mode 0660.*join the group 4711/);
  assert.match(cdev, /^permission open \/dev\/iommu of .*: EACCES: .*root:root, mode 0660/);
});

it('more memory than may be locked: the limit', async () => {
  const nodes = bindToVfio('pci', lone);
  for (const node of [nodes.group, nodes.cdev, '/dev/vfio/vfio', '/dev/iommu']) chmodSync(node, 0o666);
  const program = `import { openKernelDevice } from '${pathToImport('src/vfio/bus/open.js')}';
    import { mmap } from '${pathToImport('src/vfio/sys/libc.js')}';
    process.setgid(1000); process.setuid(1000);
    const size = 1 << 20, address = mmap(size, 3, 0x21, -1, 0).value;
    for (const via of ['group', 'cdev']) {
      const device = openKernelDevice('${lone}', { via });
      try { device.dmaMap({ iova: 0x100000n, size, readable: true, writable: true, address, fd: -1, fdOffset: 0 }); }
      catch (e) { console.log(e.kind, e.message, e.details.hint); }
      device.close();
    }`;
  const command = 'ulimit -l 64; exec node --input-type=module -e "$0"';
  const other = spawn('sh', ['-c', command, program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  other.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(other, 'close');
  process.stdout.write(said);
  const lines = said.trim().split('\n');
  assert.equal(lines.length, 2);
  for (const line of lines) assert.match(line, /^limit .*: ENOMEM: .*RLIMIT_MEMLOCK\) is 64 KiB.*ulimit -l unlimited/);
});

it('nodes that are missing: what stands in for them', () => {
  const nodes = bindToVfio('pci', lone);
  rmSync(nodes.cdev);
  openKernelDevice(lone).close();
  assert.throws(() => openKernelDevice(lone, { via: 'cdev' }), refused('absent', /no node of its own/, /--via group/));
  rmSync(nodes.group);
  assert.throws(() => openKernelDevice(lone, { via: 'group' }), refused('absent', /no node for the IOMMU group/));
  unbind('pci', lone);
});

it('a kernel module parameter of VFIO is where the hints say', () => {
  for (const parameter of [
    'vfio_iommu_type1/parameters/allow_unsafe_interrupts',
    'iommufd/parameters/allow_unsafe_interrupts',
  ]) {
    writeFileSync(`/sys/module/${parameter}`, 'N');
  }
  writeFileSync('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode', '0');
  assert.ok(devicePath('pci', lone));
});
