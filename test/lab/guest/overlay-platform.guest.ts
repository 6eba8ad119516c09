import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bindToVfio } from './bind.js';
import { done } from './bindings.js';
import { RTC } from './clock.js';
import { vfiodbg } from './tool.js';

const VIRTIO = 'a000000.virtio_mmio';
/** What the host makes of the overlays that are written here. */
const FOLDER = '/run/lab/overlays';
const MERGED = `${FOLDER}/merged.dtb`;

/** What dt says that is the same in every tree that the device is in. */
interface Shown {
  readonly label?: string;
  readonly deviceName: string;
  readonly compatible: readonly string[];
  readonly reg: readonly object[];
  readonly interrupts: readonly object[];
  /** How the device's regions and interrupts, by VFIO, match these. */
  readonly device: { readonly regions: readonly { entry: number }[]; readonly irqs: readonly { entry: number }[] };
}

async function shown(device: string, ...options: readonly string[]): Promise<Shown> {
  const { code, stdout, stderr } = await vfiodbg('--json', ...options, '-c', 'dt', device);
  assert.equal(code, 0, stderr);
  process.stdout.write(stdout);
  return (JSON.parse(stdout) as { fields: Shown }).fields;
}

it('the overlays of open devices, which the host compiles and merges into a tree without them', async () => {
  mkdirSync(FOLDER);
  copyFileSync('/sys/firmware/fdt', `${FOLDER}/base.dtb`);
  bindToVfio('amba', RTC);
  bindToVfio('platform', VIRTIO);
  await done(`dt export --for crosvm ${FOLDER}/rtc.dts --symbol guest_rtc`, RTC);
  await done(`dt export --for crosvm ${FOLDER}/virtio.dts`, VIRTIO);
  writeFileSync(`${FOLDER}/written`, '');
  for (let wait = 0; wait < 600 && !existsSync(MERGED); wait += 1) await sleep(100);
  assert.ok(existsSync(MERGED), 'the host has merged nothing');
});

for (const [device, label] of [
  [RTC, 'guest_rtc'],
  [VIRTIO, 'virtio_mmio'],
] as const) {
  it(`dt finds the same matches for ${device} in the merged tree as in the kernel's`, async () => {
    const live = await shown(device);
    const merged = await shown(device, '--dtb', MERGED);
    assert.equal(merged.label, label, 'what crosvm finds it by');
    for (const key of ['deviceName', 'compatible', 'reg', 'interrupts', 'device'] as const)
      assert.deepEqual(merged[key], live[key], key);
    const { regions, irqs } = merged.device;
    for (const matched of [regions, irqs])
      assert.deepEqual(
        matched.map(({ entry }) => entry),
        [0],
      );
  });
}

it('and its names are those of the device', async () => {
  assert.match(await done('peek rtc 0xfe0', '--dtb', MERGED, RTC), /0x00000031/);
  assert.match(await done('peek mmio 0', '--dtb', MERGED, VIRTIO), /0x74726976/);
});
