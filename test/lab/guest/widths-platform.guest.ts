import assert from 'node:assert/strict';
import { it } from 'node:test';
import { edu, pl031, virtio } from '../width-plan.js';
import { bindToVfio, findPci } from './bind.js';
import { mark } from './mark.js';
import { vfiodbg } from './tool.js';
import { makeWidthRuns } from './widths.js';

const RTC = '9010000.pl031';
const VIRTIO = 'a000000.virtio_mmio';
const [eduAddress = ''] = findPci(0x1234, 0x11e8);
bindToVfio('amba', RTC);
bindToVfio('platform', VIRTIO);
bindToVfio('pci', eduAddress);

makeWidthRuns({ name: 'pl031', address: RTC, plan: pl031, paths: ['mapped', 'file'] });
makeWidthRuns({ name: 'virtio', address: VIRTIO, plan: virtio, paths: ['file'] });
makeWidthRuns({ name: 'edu', address: eduAddress, plan: edu, paths: ['mapped', 'file'] });

it('pl031: 8 bytes by the file would be two accesses; refused, none is made', async () => {
  const refused = ['peek.q region0 0xfe0', 'poke.q region0 0x0 0', 'dump.q region0 0xfe0 16B', 'fill.q region0 0 8B 0'];
  mark('pl031 refused begin');
  const args = ['-k', '-c', 'option mmap off', ...refused.flatMap((line) => ['-c', line]), RTC];
  const { code, stdout, stderr } = await vfiodbg(...args);
  mark('pl031 refused end');
  assert.equal(code, 1);
  assert.doesNotMatch(stdout, /region0/);
  assert.equal(stderr.match(/no single access: vfio-amba splits 8 bytes/g)?.length, refused.length, stderr);
});
