import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { findDevice } from '../../../src/vfio/bus/bus-device.js';
import { openKernelDevice } from '../../../src/vfio/bus/open.js';
import { buildFolder } from '../project.js';
import { bindToVfio, findPci } from './bind.js';
import { vfioFds } from './open-fds.js';
import { refused } from './refused.js';

const [edu = ''] = findPci(0x1234, 0x11e8);

it('without an IOMMU: said as such, with what the kernel was told', () => {
  assert.throws(
    () => openKernelDevice(edu),
    refused('absent', /no IOMMU is at work: .*intel_iommu=off/, /enable_unsafe_noiommu_mode/),
  );
});

it('a no-IOMMU group is opened with a warning, read and written, and has no DMA', () => {
  writeFileSync('/sys/module/vfio/parameters/enable_unsafe_noiommu_mode', '1');
  bindToVfio('pci', edu);
  assert.ok(findDevice(edu).noIommu);
  const device = openKernelDevice(edu);
  assert.equal(device.via, 'group');
  assert.match(device.warnings.join(), /DMA of this device is unchecked/);
  const word = Buffer.alloc(4);
  device.read(device.regionInfo(0), 0, word);
  assert.equal(word.readUInt32LE(), 0x010000ed);
  assert.throws(() => device.dmaLimits(), refused('unsupported', /physical addresses/));
  assert.throws(() => device.dmaUnmap(0n, 4096), refused('unsupported', /physical addresses/));
  device.close();
  assert.deepEqual(vfioFds(), []);
  assert.throws(() => openKernelDevice(edu, { via: 'cdev' }), refused('absent', /no node of its own/, /--via group/));
});

it('a no-IOMMU group needs CAP_SYS_RAWIO besides the right to the node', async () => {
  const { group } = bindToVfio('pci', edu);
  chmodSync(group, 0o666);
  chmodSync('/dev/vfio/vfio', 0o666);
  const open = join(buildFolder, 'src/vfio/bus/open.js');
  const program = `import { openKernelDevice } from '${open}'; process.setgid(1000); process.setuid(1000);
    try { openKernelDevice('${edu}'); } catch (e) { console.log(e.kind, e.message, e.details.hint); }`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  other.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(other, 'close');
  process.stdout.write(said);
  assert.match(said, /^permission open \/dev\/vfio\/noiommu-0 of .*: EPERM: .*CAP_SYS_RAWIO.*run as root/);
});
