import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { regOf } from '../../../src/vfio/devicetree/address.js';
import { parseBlob } from '../../../src/vfio/devicetree/blob.js';
import { interruptsOf } from '../../../src/vfio/devicetree/interrupt.js';
import { type DtNode, isCompatible } from '../../../src/vfio/devicetree/node.js';
import { crosvmOverlay } from '../../../src/vfio/guest/crosvm.js';
import { guestDevice } from '../../../src/vfio/guest/guest-device.js';
import { treeNames, treeOf } from '../../unit/device-trees.js';
import { run } from '../command.js';
import { runGuestTests } from '../guest-tests.js';
import { ensure } from '../packages.js';
import { cacheFolder } from '../project.js';
import { workFolder } from '../work-folder.js';

const compiler = [{ probe: 'fdtoverlay', packages: ['device-tree-compiler'] }];

/** Runs the line for dtc that stands in an overlay, where it stands. @returns the overlay's blob, and what dtc had to say: nothing, if all is well. */
async function compileAsTold(folder: string, file: string): Promise<{ blob: string; said: string }> {
  const source = await readFile(join(folder, file), 'utf8');
  const line = /^ \* +(dtc .*)$/m.exec(source)?.[1];
  assert.ok(line !== undefined, source);
  return { blob: file.replace(/\.dts$/, '.dtbo'), said: await run('sh', ['-c', `${line} 2>&1`], { cwd: folder }) };
}

test('overlays of open devices compile, and in a tree that they are merged into the devices are found again', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'overlay',
    tests: ['overlay-platform'],
    timeoutSeconds: 400,
    async meanwhile(results, ended) {
      const folder = join(results, 'overlays');
      while (!existsSync(join(folder, 'written'))) {
        if (ended.aborted) throw new Error('the guest has written no overlays');
        await sleep(100);
      }
      for (const node of ['/pl031@9010000', '/virtio_mmio@a000000'])
        await run('fdtput', ['-r', join(folder, 'base.dtb'), node]);
      const overlays = [await compileAsTold(folder, 'rtc.dts'), await compileAsTold(folder, 'virtio.dts')];
      for (const { said } of overlays) assert.equal(said, '');
      await run('fdtoverlay', ['-i', 'base.dtb', '-o', 'merged', ...overlays.map(({ blob }) => blob)], { cwd: folder });
      await rename(join(folder, 'merged'), join(folder, 'merged.dtb'));
    },
  });
});

/** A guest's tree as a monitor makes it, but for what this is not about. */
const guestTree = `/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;
	interrupt-parent = <&intc>;
	intc: intc@ffff0000 {
		compatible = "arm,gic-v3";
		interrupt-controller;
		#interrupt-cells = <3>;
		reg = <0xffffffff 0xffff0000 0 0x10000>;
	};
};
`;

/** QEMU gives this bus no cells, and the device on it a reg that does not fit those that are taken then: dtc says so. */
function isBroken(board: string, { path }: DtNode): boolean {
  return board === 'qemu-ppce500' && path === '/soc@fe0000000/i2c@3000';
}

/** The places in memory that the kernel makes resources of: up to the first that it cannot translate; one for an AMBA device. */
function placesOf(node: DtNode, isAmba: boolean): (readonly [bigint, bigint | undefined])[] {
  const places: (readonly [bigint, bigint | undefined])[] = [];
  for (const { translated, size } of regOf(node)?.entries ?? []) {
    if (!('cpu' in translated) || (isAmba && places.length === 1)) break;
    places.push([translated.cpu, size]);
  }
  return places;
}

test('the overlay of every device of every board compiles, and says the same of regions and interrupts when it is merged', async (t) => {
  await ensure(compiler, () => undefined);
  const folder = await workFolder(join(cacheFolder, 'results', 'overlays'));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'guest.dts'), guestTree);
  await run('dtc', ['-@', '-q', '-I', 'dts', '-O', 'dtb', '-o', 'guest.dtb', 'guest.dts'], { cwd: folder });
  let total = 0;
  for (const board of treeNames) {
    await t.test(board, async () => {
      const tree = treeOf(board);
      let [devices, interrupts] = [0, 0];
      for (const node of tree.nodes()) {
        const isAmba = isCompatible(node, 'arm,primecell');
        const places = placesOf(node, isAmba);
        if (node.property('compatible') === undefined || places.length === 0) continue;
        const device = guestDevice({ tree, node, guest: {}, isAmba });
        await writeFile(join(folder, 'x.dts'), crosvmOverlay({ device, isAmba, sysfs: '/sys/x', file: 'x.dts' }));
        const { blob, said } = await compileAsTold(folder, 'x.dts');
        if (!isBroken(board, node)) assert.equal(said, '', node.path);
        await run('fdtoverlay', ['-i', 'guest.dtb', '-o', 'merged.dtb', blob], { cwd: folder });
        const merged = parseBlob(await readFile(join(folder, 'merged.dtb')), `${board} ${node.path}`);
        const found = [...merged.nodes()].find((one) => merged.labelOf(one) === device.symbol);
        assert.ok(found !== undefined, node.path);
        assert.deepEqual(placesOf(found, false), places, node.path);
        const [before, after] = [interruptsOf(tree, node)?.entries ?? [], interruptsOf(merged, found)?.entries ?? []];
        assert.equal(after.length, before.length, node.path);
        for (const [nth, { decoded, name }] of before.entries()) {
          assert.equal(after[nth]?.name, name);
          if (decoded?.text.startsWith('SPI ') !== true) continue;
          assert.equal(after[nth]?.decoded?.number, decoded.number, node.path);
          interrupts += 1;
        }
        devices += 1;
      }
      assert.ok(devices > 0);
      t.diagnostic(`${board}: ${devices} devices, ${interrupts} shared interrupts of a GIC`);
      total += devices;
    });
  }
  assert.ok(total > 800, `${total} devices`);
});
