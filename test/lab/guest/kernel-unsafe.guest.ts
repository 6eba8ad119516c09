import { it } from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { openKernelDevice } from '../../../src/vfio/bus/open.js';
import { bindToVfio } from './bind.js';
import { vfioFds } from './open-fds.js';
import { refused } from './refused.js';

const RTC = '9010000.pl031';
const modules = { group: 'vfio_iommu_type1', cdev: 'iommufd' } as const;

for (const via of ['group', 'cdev'] as const) {
  it(`interrupts that the IOMMU does not isolate, by ${via}: refused, with the parameter that allows it`, () => {
    bindToVfio('amba', RTC);
    const parameter = `/sys/module/${modules[via]}/parameters/allow_unsafe_interrupts`;
    assert.throws(
      () => openKernelDevice(RTC, { via }),
      refused('permission', /EPERM: the IOMMU cannot isolate the interrupts/, new RegExp(parameter)),
    );
    assert.deepEqual(vfioFds(), [], 'a refused open leaves nothing open');
    writeFileSync(parameter, 'Y');
    openKernelDevice(RTC, { via }).close();
  });
}
