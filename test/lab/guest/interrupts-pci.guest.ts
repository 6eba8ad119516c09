import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Device } from '../../../src/vfio/device.js';
import { openDevice } from '../../../src/vfio/open.js';
import { bindToVfio, findPci } from './bind.js';
import { vfiodbg } from './tool.js';

const [eduAddress = ''] = findPci(0x1234, 0x11e8);
const [nicAddress = ''] = findPci(0x8086, 0x10d3);
bindToVfio('pci', eduAddress);
bindToVfio('pci', nicAddress);

/** edu's registers. */
const RAISE = 0x60;
const ACKNOWLEDGE = 0x64;
const COMMAND = 4;
const MASTER = 4;

/** For waits that must succeed, however slow the guest is. */
const PATIENCE = { timeoutMs: 30_000 };
/** How long nothing may come before it is believed that nothing will. */
const SILENCE_MS = 300;

function signals(device: Device, name: string): bigint[] {
  device.irqs.drain();
  return device.irqs.find(name).vectors.map(({ count }) => count);
}

for (const via of ['group', 'cdev'] as const) {
  describe(`by ${via}`, () => {
    it('edu, INTx: once while it is asserted, again after each unmask, silent when acknowledged', async () => {
      using edu = await openDevice(eduAddress, { via });
      const registers = edu.region('region0');
      const { intx } = edu.irqs;
      assert.deepEqual([intx.info.maskable, intx.info.automasked], [true, true]);
      intx.enable();
      assert.equal(intx.state(), 'armed');
      registers.write32(RAISE, 1);
      assert.equal((await intx.wait(PATIENCE)).software, 0n);
      await sleep(SILENCE_MS);
      assert.deepEqual(signals(edu, 'intx'), [1n]);
      assert.equal(intx.state(), 'pending');
      for (const count of [2n, 3n]) {
        intx.unmask();
        await intx.wait(PATIENCE);
        await sleep(SILENCE_MS);
        assert.deepEqual(signals(edu, 'intx'), [count]);
      }
      registers.write32(ACKNOWLEDGE, 1);
      intx.unmask();
      await sleep(SILENCE_MS);
      assert.deepEqual(signals(edu, 'intx'), [3n]);
      assert.equal(intx.state(), 'armed');
      registers.write32(RAISE, 1);
      await intx.wait(PATIENCE);
      registers.write32(ACKNOWLEDGE, 1);
      intx.disable();
      registers.write32(RAISE, 1);
      registers.write32(ACKNOWLEDGE, 1);
      assert.equal(intx.state(), 'off');
    });

    it('edu, INTx: a level that stays asserted ends an automatic re-arming, and is told of once', async () => {
      using edu = await openDevice(eduAddress, { via });
      const reports: string[] = [];
      edu.irqs.onReport((text) => reports.push(text));
      const { intx } = edu.irqs;
      intx.enable();
      // Whatever comes first: signals hard upon each other, or, on a slow machine, too many of them.
      edu.irqs.guard = { signals: 200, withinMs: 60_000 };
      intx.rearm = 'auto';
      edu.region('region0').write32(RAISE, 1);
      for (let round = 0; reports.length === 0 && round < 3000; round += 1) await sleep(10);
      const [before] = signals(edu, 'intx');
      await sleep(SILENCE_MS);
      assert.deepEqual(signals(edu, 'intx'), [before]);
      assert.ok(before !== undefined && before > 1n);
      assert.equal(reports.length, 1);
      assert.match(reports[0] ?? '', /intx was still asserted after \d+ unmasks|interrupt storm: intx came/);
      edu.region('region0').write32(ACKNOWLEDGE, 1);
    });

    it('edu, MSI: nothing without bus mastering, each raise with it', async () => {
      using edu = await openDevice(eduAddress, { via });
      const registers = edu.region('region0');
      const { msi } = edu.irqs;
      msi.enable();
      registers.write32(RAISE, 1);
      await sleep(SILENCE_MS);
      assert.deepEqual(signals(edu, 'msi'), [0n]);
      edu.config?.write16(COMMAND, edu.config.read16(COMMAND) | MASTER);
      for (let count = 1n; count <= 100n; count += 1n) {
        registers.write32(RAISE, 1);
        await msi.wait(PATIENCE);
        assert.deepEqual(signals(edu, 'msi'), [count]);
      }
      registers.write32(ACKNOWLEDGE, 1);
      msi.disable();
      registers.write32(RAISE, 1);
      registers.write32(ACKNOWLEDGE, 1);
    });

    it('e1000e, MSI-X: each vector by software, labelled as such', async () => {
      const vectors = [0, 3, 1, 4, 2, 3];
      const lines = vectors.flatMap((vector) => [
        `irq trigger msix ${vector}`,
        `irq wait msix ${vector} --timeout 30s`,
      ]);
      const args = ['irq enable msix', ...lines, 'irq trigger msix 5'].flatMap((line) => ['-c', line]);
      const { code, stdout, stderr } = await vfiodbg('--via', via, ...args, nicAddress);
      const [enabled, ...rest] = stdout.trimEnd().split('\n');
      assert.match(enabled ?? '', /^msix: 5 of 5 vectors enabled$/);
      assert.deepEqual(
        rest.filter((line) => !line.startsWith('note: ')),
        vectors.flatMap((vector) => [
          `msix[${vector}]: triggered by software, not by the device`,
          `msix[${vector}] (software)`,
        ]),
      );
      assert.equal(code, 1);
      assert.match(stderr, /vector 5 is not enabled: 0 to 4 are/);
    });

    it('e1000e, MSI-X: each vector by the device, where its causes are sent', async () => {
      using nic = await openDevice(nicAddress, { via });
      const registers = nic.region('region0');
      // 82574 manual, 10.2.4: interrupt cause, cause set, mask set, and the vectors of the causes.
      const [ICR, ICS, IMS, IVAR] = [0xc0, 0xc8, 0xd0, 0xe4];
      /** RxQ0, RxQ1, TxQ0, TxQ1, other. */
      const causes = [20, 21, 22, 23, 24];
      /** Four bits a cause: its vector, and that it is valid. Each cause gets the vector of its own place. */
      const routes = causes.reduce((word, _cause, place) => word | ((place | 8) << (4 * place)), 0);
      const { msix } = nic.irqs;
      msix.enable();
      nic.config?.write16(COMMAND, nic.config.read16(COMMAND) | MASTER);
      registers.write32(IVAR, routes);
      registers.write32(
        IMS,
        causes.reduce((word, cause) => word | (1 << cause), 0),
      );
      for (const [place, cause] of causes.entries()) {
        registers.write32(ICS, 1 << cause);
        const event = await msix.wait({ vector: place, ...PATIENCE });
        assert.deepEqual([event.vector, event.count, event.software], [place, 1n, 0n]);
        registers.write32(ICR, 1 << cause);
      }
      await sleep(SILENCE_MS);
      assert.deepEqual(signals(nic, 'msix'), [1n, 1n, 1n, 1n, 1n]);
    });
  });
}
