import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { devicePath, driverOf } from './bind.js';
import { bindings, done, records } from './bindings.js';
import { clockWorks, RTC } from './clock.js';
import { commandIn, doctor } from './doctor.js';
import { mark } from './mark.js';
import { vfiodbg } from './tool.js';

const VIRTIO = 'a000000.virtio_mmio';
const FW_CFG = '9020000.fw-cfg';

/** How every device of both buses is bound; taken before the tool has done anything. */
const allBindings = (): Record<'amba' | 'platform', Record<string, string>> => ({
  amba: bindings('amba'),
  platform: bindings('platform'),
});
const atBoot = allBindings();

interface Step {
  readonly command: string;
  readonly file: string;
  readonly bytes: string;
}

/** What `-n` says that the line would write to sysfs. */
async function planOf(line: string): Promise<readonly Step[]> {
  const { code, stdout, stderr } = await vfiodbg('--json', '-n', '-c', line);
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as { steps: Step[] }).steps;
}

/** Runs the line and holds the session's journal against what `-n` said before: each write, in that order, and no other. */
async function asPlanned(line: string): Promise<void> {
  const plan = await planOf(line);
  const { code, stdout, stderr } = await vfiodbg('--json', '-c', line, '-c', 'log bind');
  process.stdout.write(`vfiodbg -c '${line}' -c 'log bind'\n${stdout}${stderr}`);
  assert.equal(code, 0, stderr);
  const { rows } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { rows: { text: string; data: Step }[] };
  assert.deepEqual(
    rows.map(({ text, data: { file, bytes } }) => ({ command: text, file, bytes })),
    plan.map(({ command, file, bytes }) => ({ command, file, bytes })),
  );
}

/** What `devices` says is in the way of each device, by name. */
async function obstacles(): Promise<Map<string, string | undefined>> {
  const { stdout } = await vfiodbg('--json', 'devices');
  const { rows } = JSON.parse(stdout) as { rows: { name: string; obstacles: { brief: string }[] }[] };
  return new Map(rows.map((row) => [row.name, row.obstacles[0]?.brief]));
}

/** The value of the field of that label, in what dt shows. */
function field(text: string, label: string): string {
  const line = text.split('\n').find((each) => each.trimStart().startsWith(`${label}:`)) ?? '';
  return line.slice(line.indexOf(`${label}:`) + label.length + 1).trim();
}

it('from boot: the kernel has the RTC, and devices and doctor say what is in the way', async () => {
  assert.equal(driverOf('amba', RTC), 'rtc-pl031');
  assert.equal(await clockWorks(), 'rtc0');
  const inTheWay = await obstacles();
  for (const device of [RTC, VIRTIO, FW_CFG]) assert.equal(inTheWay.get(device), 'bind first', device);
  assert.equal(inTheWay.get('9000000.pl011'), 'no IOMMU group');
  const { code, check } = await doctor(RTC);
  assert.equal(code, 3);
  assert.match(check('driver').found, /bound to the driver rtc-pl031 and not to vfio-amba/);
  assert.equal(commandIn(check('driver')), `vfiodbg bind ${RTC}`);
  assert.deepEqual(allBindings(), atBoot);
});

it('bind takes an AMBA device from its driver, and one without a driver, and one that gets its group only then', async () => {
  mark('bind begin');
  for (const device of [RTC, VIRTIO, FW_CFG]) await asPlanned(`bind ${device}`);
  mark('bind end');
  const { amba, platform } = atBoot;
  assert.deepEqual(allBindings(), {
    amba: { ...amba, [RTC]: 'vfio-amba by override vfio-amba' },
    platform: {
      ...platform,
      [VIRTIO]: 'vfio-platform by override vfio-platform',
      [FW_CFG]: 'vfio-platform by override vfio-platform',
    },
  });
  assert.deepEqual(readdirSync('/sys/class/rtc'), [], 'the driver has let go of it');
  assert.deepEqual(records(), [`amba-${RTC}.json`, `platform-${FW_CFG}.json`, `platform-${VIRTIO}.json`]);
  for (const device of [RTC, VIRTIO]) assert.equal((await doctor(device)).code, 0);
  assert.match(await done(`bind ${RTC}`), /it is bound like that already/);
});

it('the devices open, with regions and interrupts matched to the tree', async () => {
  const rtc = await done('dt', '-c', 'peek rtc 0xfe0', '-c', 'regions', '-c', 'irq', RTC);
  assert.equal(field(rtc, 'reg 0 rtc'), '0x9010000 size 0x1000  region0, by address and size (sysfs resource)');
  assert.match(field(rtc, 'interrupt 0 alarm'), /^SPI 2 \(INTID 34\), level high {2}irq0, by order and trigger/);
  assert.match(rtc, /region0\+0xfe0\)?: 0x00000031/);
  const virtio = await done('dt', '-c', 'peek mmio 0x0', VIRTIO);
  assert.equal(field(virtio, 'reg 0 mmio'), "0xa000000 size 0x200  region0, by address (the device's name) and size");
  assert.match(field(virtio, 'interrupt 0 queue'), /^SPI 16 \(INTID 48\), edge rising {2}irq0, by order and trigger/);
  assert.match(virtio, /region0\+0x0\)?: 0x74726976/);
  const fwCfg = await done('dt', '-c', 'irq', FW_CFG);
  assert.match(field(fwCfg, 'reg 0'), /^0x9020000 size 0x18 {2}region0, by address/);
  for (const text of [rtc, virtio, fwCfg]) assert.doesNotMatch(text, /warning|not matched/);
});

it('a device that somebody has open is not taken from them', async () => {
  const { code, stderr } = await vfiodbg('-c', `release ${RTC}`, RTC);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`why: it is open in this session\n {2}try: close ${RTC}`));
});

it('release gives everything back: /dev/rtc0 is there and works, and sysfs is as it was', async () => {
  for (const device of [RTC, VIRTIO, FW_CFG]) await asPlanned(`release ${device}`);
  assert.deepEqual(allBindings(), atBoot);
  assert.deepEqual(records(), []);
  assert.equal(await clockWorks(), 'rtc0');
  assert.match(await done(`release ${RTC}`), /there is nothing to release/);
  assert.deepEqual(allBindings(), atBoot);
});

it('release undoes what bind has not done too: an override and a driver that somebody else has left', async () => {
  writeFileSync(join(devicePath('amba', RTC), 'driver_override'), 'vfio-amba');
  writeFileSync(join(devicePath('amba', RTC), 'driver/unbind'), RTC);
  writeFileSync('/sys/bus/amba/drivers_probe', RTC);
  assert.equal(driverOf('amba', RTC), 'vfio-amba');
  const said = await done(`release ${RTC}`);
  assert.match(said, /bound to rtc-pl031 .*\n.*no record of how .* was before; the kernel looks for a driver/);
  assert.deepEqual(allBindings(), atBoot);
  assert.equal(await clockWorks(), 'rtc0');
});
