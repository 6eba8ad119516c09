import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { openKernelDevice } from '../../../src/vfio/bus/open.js';
import { bindToVfio, findPci } from './bind.js';
import { commandIn, doctor } from './doctor.js';
import { mark } from './mark.js';

const [edu = ''] = findPci(0x1234, 0x11e8);
const remapped = !readFileSync('/proc/cmdline', 'utf8').includes('intremap=off');

it('without a driver: the command that binds it, and then nothing is missing that interrupts do not miss', async () => {
  const unbound = await doctor(edu);
  assert.equal(unbound.code, 3);
  assert.equal(unbound.check('driver').verdict, 'fail');
  bindToVfio('pci', edu);
  mark('doctor begin');
  const { code, check } = await doctor(edu);
  mark('doctor end');
  assert.equal(check('driver').verdict, 'pass');
  assert.equal(code, remapped ? 0 : 3);
});

it('interrupt remapping: what doctor says is what the kernel does', async () => {
  for (const via of ['cdev', 'group'] as const) {
    if (!remapped) {
      assert.throws(() => openKernelDevice(edu, { via }), /EPERM/);
      continue;
    }
    openKernelDevice(edu, { via }).close();
  }
  if (remapped) return;
  const interrupts = (await doctor(edu)).check('interrupts');
  assert.equal(interrupts.verdict, 'fail');
  execFileSync('sh', ['-ec', commandIn(interrupts)]);
  const { code, check } = await doctor(edu);
  assert.deepEqual([code, check('interrupts').verdict], [0, 'warn']);
  openKernelDevice(edu).close();
});
