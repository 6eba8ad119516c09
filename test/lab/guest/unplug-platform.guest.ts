import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bindToVfio, driverOf, type Bus } from './bind.js';
import { Tool } from './tool.js';
import { SysfsWrite } from './unplug.js';

const devices: readonly { bus: Bus; name: string; driver: string; offset: string; value: string }[] = [
  { bus: 'amba', name: '9010000.pl031', driver: 'vfio-amba', offset: '0xfe0', value: '0x00000031' },
  { bus: 'platform', name: 'a000000.virtio_mmio', driver: 'vfio-platform', offset: '0x0', value: '0x74726976' },
];

for (const via of ['group', 'cdev'] as const) {
  describe(`a device that is taken away, by ${via}`, () => {
    for (const { bus, name, driver, offset, value } of devices) {
      it(`${name}: a message, a clean close, and nobody hangs`, async () => {
        bindToVfio(bus, name);
        using tool = new Tool(['-i', '--via', via, name]);
        tool.type(`peek region0 ${offset}`);
        tool.type('irq enable irq0');
        await tool.printed('stdout', new RegExp(`${value}[^]*irq0: 1 of 1 vectors enabled`));
        const unbind = new SysfsWrite(`/sys/bus/${bus}/drivers/${driver}/unbind`, name);
        await tool.printed('stdout', /is gone: .*takes the device back/);
        await unbind.succeeded();
        assert.equal(driverOf(bus, name), undefined);
        tool.type(`peek region0 ${offset}`);
        await tool.printed('stderr', /error: read region0.*\n {2}why: .*takes the device back/);
        tool.type('quit');
        assert.equal((await tool.ended()).code, 0);
        bindToVfio(bus, name);
      });
    }
  });
}
