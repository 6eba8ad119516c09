import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../command.js';
import { compileAsTold } from '../device-tree-compiler.js';
import { runGuestTests } from '../guest-tests.js';

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
