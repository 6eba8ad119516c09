import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { bindToVfio, driverOf, findPci } from './bind.js';
import { Terminal } from './terminal.js';
import { Tool, vfiodbg } from './tool.js';
import { SysfsWrite } from './unplug.js';

const UNBIND = '/sys/bus/pci/drivers/vfio-pci/unbind';
const GONE = /is gone: the kernel takes the device back: it is being unbound or unplugged/;
const [edu = ''] = findPci(0x1234, 0x11e8);
const [nic = ''] = findPci(0x8086, 0x10d3);

for (const via of ['group', 'cdev'] as const) {
  describe(`a device that is taken away, by ${via}`, () => {
    it('at the prompt: a message, every further access is refused, and it can be opened again', async () => {
      bindToVfio('pci', edu);
      using tool = new Tool(['-i', '--via', via, edu]);
      // A mapping and an interrupt are in use, which must not keep the device.
      tool.type('peek region0 0x0');
      tool.type('irq enable intx');
      await tool.printed('stdout', /0x010000ed[^]*intx: 1 of 1 vectors enabled/);
      const unbind = new SysfsWrite(UNBIND, edu);
      await tool.printed('stdout', GONE);
      await unbind.succeeded();
      assert.equal(driverOf('pci', edu), undefined);
      tool.type('peek region0 0x0');
      await tool.printed(
        'stderr',
        /error: read region0\+0x0 \(32 bits\) of .*\n {2}why: the kernel takes the device back/,
      );
      tool.type('irq unmask intx');
      await tool.printed('stderr', /error: .*interrupt intx/);
      bindToVfio('pci', edu);
      const seen = tool.stdout.length;
      tool.type(`open ${edu} --via ${via}`);
      tool.type('peek region0 0x0');
      tool.type('quit');
      const { code, stdout } = await tool.ended();
      assert.match(
        stdout.slice(seen),
        new RegExp(`PCI device by ${via}[^]*region0\\.ID \\(region0\\+0x0\\): 0x010000ed`, 'i'),
      );
      assert.equal(code, 0);
    });

    it('while a script waits for an interrupt: the wait ends, exit code 1', async () => {
      bindToVfio('pci', edu);
      using tool = new Tool(['--via', via, '-c', 'irq enable intx', '-c', 'irq wait intx --timeout 10m', edu]);
      await tool.printed('stdout', /intx: 1 of 1 vectors enabled/);
      const unbind = new SysfsWrite(UNBIND, edu);
      await unbind.succeeded();
      const { code, stderr } = await tool.ended();
      assert.match(stderr, GONE);
      assert.match(stderr, /error: wait for interrupt intx of .*\n {2}why: the kernel takes the device back/);
      assert.equal(code, 1);
    });

    it('while a script sleeps: closed at once, and the next access fails, exit code 1', async () => {
      bindToVfio('pci', edu);
      using tool = new Tool(['--via', via, '-c', 'peek region0 0; sleep 3s; peek region0 0; echo never', edu]);
      await tool.printed('stdout', /0x010000ed/);
      const unbind = new SysfsWrite(UNBIND, edu);
      await tool.printed('stderr', GONE);
      await unbind.succeeded();
      const { code, stdout, stderr } = await tool.ended();
      assert.equal(stdout, 'region0.ID (region0+0x0): 0x010000ed\n');
      assert.match(stderr, /error: read region0\+0x0 .*\n {2}why: the kernel takes the device back/);
      assert.equal(code, 1);
    });

    it('while a script reads a place until it changes: the reading ends, exit code 1', async () => {
      bindToVfio('pci', edu);
      using tool = new Tool(['--via', via, '-c', 'echo begin', '-c', 'wait region0 0 == 0 --timeout 10m', edu]);
      await tool.printed('stdout', /begin/);
      const unbind = new SysfsWrite(UNBIND, edu);
      await unbind.succeeded();
      const { code, stderr } = await tool.ended();
      assert.match(stderr, GONE);
      assert.match(stderr, /error: poll region0\+0x0 .*\n {2}why: the kernel takes the device back/);
      assert.equal(code, 1);
    });

    it('unplugged, with MSI-X on', async () => {
      bindToVfio('pci', nic);
      using tool = new Tool(['-i', '--via', via, nic]);
      tool.type('peek region0 0x38');
      tool.type('irq enable msix');
      await tool.printed('stdout', /0x00008100[^]*msix: 5 of 5 vectors enabled/);
      const remove = new SysfsWrite(`/sys/bus/pci/devices/${nic}/remove`, '1');
      await tool.printed('stdout', GONE);
      await remove.succeeded();
      assert.equal(existsSync(`/sys/bus/pci/devices/${nic}`), false);
      tool.type(`open ${nic}`);
      await tool.printed('stderr', /no such device/);
      tool.type('quit');
      assert.equal((await tool.ended()).code, 0);
      writeFileSync('/sys/bus/pci/rescan', '1');
      bindToVfio('pci', nic);
      const again = await vfiodbg('--via', via, '-c', 'peek region0 0x38', nic);
      assert.equal(again.code, 0);
      assert.match(again.stdout, /^region0.*\+0x38\)?: 0x00008100\n$/);
    });
  });
}

it('at a terminal: the message comes above the line that is being typed, and the prompt says that it is gone', async () => {
  bindToVfio('pci', edu);
  const prompt = new Terminal(edu);
  await prompt.answers('', /region0> /);
  await prompt.answers('peek region0 0x', /0x/);
  const unbind = new SysfsWrite(UNBIND, edu);
  await prompt.answers('', /is gone: the kernel takes the device back[^]*\(gone\)[^]*> peek region0 0x/);
  await unbind.succeeded();
  await prompt.answers('0\r', /error: [^]*why: the kernel takes the device back[^]*> /);
  prompt.type('\u0004');
  assert.equal(await prompt.ended, 0);
});
