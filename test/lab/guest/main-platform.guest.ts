import { writeFileSync } from 'node:fs';
import { it } from 'node:test';
import { bindToVfio, unbind } from './bind.js';
import { refusal } from './refusal.js';

const RTC = '9010000.pl031';

it('a device bound to another driver, to nothing, and one without an IOMMU: exit code 4', async () => {
  await refusal([RTC], {
    error: `open ${RTC}`,
    why: /bound to the driver rtc-pl031 and not to vfio-amba/,
    hint: /vfiodbg bind 9010000\.pl031/,
  });
  unbind('amba', RTC);
  await refusal([RTC], {
    error: `open ${RTC}`,
    why: /no driver is bound to it; VFIO needs vfio-amba/,
    hint: /vfiodbg bind 9010000\.pl031/,
  });
  await refusal(['9000000.pl011'], {
    error: 'open 9000000.pl011',
    why: /belongs to no IOMMU group/,
    hint: /iommus/,
  });
});

it('interrupts that the IOMMU does not isolate: the parameter that allows it; exit code 4', async () => {
  bindToVfio('amba', RTC);
  for (const [via, module] of [
    ['group', 'vfio_iommu_type1'],
    ['cdev', 'iommufd'],
  ] as const) {
    const parameter = `/sys/module/${module}/parameters/allow_unsafe_interrupts`;
    writeFileSync(parameter, 'N');
    await refusal(['--via', via, RTC], {
      error: ` ${RTC}: EPERM`,
      why: /the IOMMU cannot isolate the interrupts/,
      hint: new RegExp(parameter),
    });
    writeFileSync(parameter, 'Y');
  }
});
