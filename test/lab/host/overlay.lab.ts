import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { regOf } from '../../../src/vfio/devicetree/address.js';
import { parseBlob } from '../../../src/vfio/devicetree/blob.js';
import { interruptsOf } from '../../../src/vfio/devicetree/interrupt.js';
import { type DtNode, isCompatible } from '../../../src/vfio/devicetree/node.js';
import { crosvmOverlay } from '../../../src/vfio/guest/crosvm.js';
import { guestDevice } from '../../../src/vfio/guest/guest-device.js';
import { treeNames, treeOf } from '../../unit/device-trees.js';
import { run } from '../command.js';
import { compileAsTold } from '../device-tree-compiler.js';
import { cacheFolder } from '../project.js';
import { workFolder } from '../work-folder.js';

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
  const folder = await workFolder(join(cacheFolder, 'results', 'overlays'));
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
