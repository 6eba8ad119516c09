import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { bindings, done, records, refused } from './bindings.js';
import { clockWorks, RTC } from './clock.js';
import { commandIn, doctor } from './doctor.js';
import { vfiodbg } from './tool.js';

const VIRTIO = 'a000000.virtio_mmio';
const FW_CFG = '9020000.fw-cfg';

const allBindings = (): Record<'amba' | 'platform', Record<string, string>> => ({
  amba: bindings('amba'),
  platform: bindings('platform'),
});
const atBoot = allBindings();
const ALARM_TIMER = 'alarmtimer.0.auto';

it('before anything is bound, doctor names the parameter that each refusal to come is about', async () => {
  const virtio = await doctor(VIRTIO);
  assert.equal(virtio.code, 3);
  const reset = virtio.check('reset function');
  assert.deepEqual([reset.verdict, virtio.check('interrupts').verdict], ['fail', 'fail']);
  assert.match(reset.found, /no module here is vfio-reset:virtio,mmio/);
  assert.match(reset.remedy ?? '', /vfio_platform\.reset_required=0/);
  const { remedy = '', found } = (await doctor(RTC)).check('interrupts');
  assert.match(remedy, /iommufd\.allow_unsafe_interrupts=1 on the kernel command line/);
  assert.match(found, /for --via group: vfio_iommu_type1\.allow_unsafe_interrupts is off as well/);
});

it('bind to vfio-platform fails in the kernel: it is told why and what to do, and nothing has changed', async () => {
  for (const [device, compatible] of [
    [VIRTIO, 'virtio,mmio'],
    [FW_CFG, 'qemu,fw-cfg-mmio'],
  ] as const) {
    const { why, stderr } = await refused(`bind ${device}`);
    assert.match(stderr, new RegExp(`^error: bind ${device}: ENOENT\\n`), "the errno is the driver's probe's");
    assert.match(why, new RegExp(`cannot reset, and no module here is vfio-reset:${compatible}`));
    assert.match(why, new RegExp(`the kernel's log says: .*No reset function found for device ${device}`));
    assert.match(why, /rolled back: .* is without a driver, as before/);
    assert.match(stderr, /try: .*vfio_platform\.reset_required=0/);
    assert.deepEqual(allBindings(), atBoot);
    assert.deepEqual(records(), []);
    assert.match(await done(`bind ${device} -n`), /may be refused: .*vfio_platform\.reset_required=0/);
  }
});

it('vfio-amba takes the RTC, which cannot be opened by either way in: each names its own parameter', async () => {
  await done(`bind ${RTC}`);
  for (const [via, module, operation] of [
    ['cdev', 'iommufd', 'VFIO_DEVICE_BIND_IOMMUFD'],
    ['group', 'vfio_iommu_type1', 'VFIO_SET_IOMMU'],
  ] as const) {
    const { code, stderr } = await vfiodbg('--via', via, '-c', 'peek region0 0', RTC);
    assert.equal(code, 4);
    assert.match(stderr, new RegExp(`^error: ${operation} ${RTC}: EPERM\\n`));
    assert.match(stderr, new RegExp(`${module}\\.allow_unsafe_interrupts=1 on the kernel command line`));
  }
  const { code, check } = await doctor(RTC);
  assert.equal(code, 3);
  execFileSync('sh', ['-ec', commandIn(check('interrupts'))]);
  const after = await doctor(RTC);
  assert.deepEqual([after.code, after.check('interrupts').verdict], [0, 'warn']);
  assert.match(after.check('interrupts').found, /for --via group: vfio_iommu_type1\.allow_unsafe_interrupts is off/);
  assert.match(await done('peek rtc 0xfe0', RTC), /0x00000031/);
});

it('release gives the RTC back', async () => {
  await done(`release ${RTC}`);
  // The alarm timer's device below the RTC went with it: the kernel makes it once.
  const { [ALARM_TIMER]: gone, ...platform } = bindings('platform');
  const { [ALARM_TIMER]: timer, ...others } = atBoot.platform;
  assert.deepEqual([timer, gone], ['alarmtimer', undefined]);
  assert.deepEqual({ amba: bindings('amba'), platform }, { amba: atBoot.amba, platform: others });
  assert.deepEqual(records(), []);
  await clockWorks();
  assert.match(await done('devices --all alarmtimer'), /^no device/);
});
