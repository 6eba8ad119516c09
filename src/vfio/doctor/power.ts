import { join } from 'node:path';
import { isVfioBound } from '../bus/bus-device.js';
import { attribute } from '../bus/sysfs.js';
import { liveTree } from '../devicetree/folder.js';
import { nodeOfDevice } from '../devicetree/of-node.js';
import { powerWarnings } from '../devicetree/warning.js';
import { deviceCheck, fail, pass, skip, warn } from './check.js';

/** Whether the device has power, as far as the kernel remembers: its registers are not asked. */
export const powerCheck = deviceCheck({
  name: 'power',
  looksAt: ({ path }, { roots }) => [
    join(path, 'power_state'),
    join(path, 'power/runtime_status'),
    join(roots.sys, 'module/vfio_pci/parameters/disable_idle_d3'),
  ],
  examine(device, { roots }) {
    const state = attribute(join(device.path, 'power_state'));
    const status = attribute(join(device.path, 'power/runtime_status'));
    const both = [state, status].filter((part) => part !== undefined).join(', ');
    if (status === 'error') {
      return fail({
        why: `${both}: the kernel failed to switch its power, and will not try again`,
        hint: `as root: echo on > ${join(device.path, 'power/control')}; then look at the end of dmesg`,
      });
    }
    if (both === '') return skip('the kernel says nothing of it');
    if (device.bus === 'pci' && status === 'suspended' && isVfioBound(device)) {
      const stays = attribute(join(roots.sys, 'module/vfio_pci/parameters/disable_idle_d3'));
      return pass(
        `${both}: asleep until it is opened${stays === 'N' ? ' (vfio-pci.disable_idle_d3=1 keeps devices awake)' : ''}`,
      );
    }
    if (state === 'D3cold' || state === 'error') return warn(`${both}: it may not answer until it is opened`);
    return pass(both);
  },
});

/** Source: linux/ioport.h. */
const IORESOURCE_IO = 0x100n;
const IORESOURCE_MEM = 0x200n;
const IORESOURCE_UNSET = 0x2000_0000n;

/** Whether the kernel found addresses for the BARs: one without is no region. */
export const resourcesCheck = deviceCheck({
  name: 'BARs',
  looksAt: ({ path }) => [join(path, 'resource')],
  examine(device) {
    const lines = (attribute(join(device.path, 'resource')) ?? '').split('\n').slice(0, 6);
    if (device.bus !== 'pci' || lines.length < 6) return skip('only PCI devices have them');
    const bars = lines.flatMap((line, index) => {
      const [first, last, flags] = line.trim().split(/\s+/).map(number);
      if (first === undefined || last === undefined || flags === undefined) return [];
      if ((flags & (IORESOURCE_IO | IORESOURCE_MEM)) === 0n) return [];
      return [{ name: `BAR${index}`, lost: (flags & IORESOURCE_UNSET) !== 0n || first === 0n }];
    });
    const lost = bars.filter((bar) => bar.lost).map(({ name }) => name);
    if (lost.length > 0) {
      return warn(
        `${lost.join(', ')} ${lost.length === 1 ? 'was' : 'were'} given no address, and will be no region`,
        'start Linux with pci=realloc, or switch "above 4G decoding" on in the firmware',
      );
    }
    return bars.length === 0
      ? pass('it has none')
      : pass(`${bars.map(({ name }) => name).join(' ')}, each with an address`);
  },
});

function number(text: string): bigint | undefined {
  return /^0x[0-9a-f]{1,16}$/i.test(text) ? BigInt(text) : undefined;
}

/** What of the device's node says that a read may hang the bus: clocks, resets and power domains that no driver is left to see to. */
export const suppliesCheck = deviceCheck({
  name: 'clocks, power',
  looksAt: ({ path }) => ['clocks', 'resets', 'power-domains', 'status'].map((name) => join(path, 'of_node', name)),
  examine(device, { roots }) {
    const tree = liveTree(roots);
    const found = tree === undefined || device.bus === 'pci' ? undefined : nodeOfDevice(tree, device, roots);
    if (tree === undefined || found === undefined || found.of !== undefined) return skip('no device tree describes it');
    const runtime = attribute(join(device.path, 'power/runtime_status'));
    const warnings = powerWarnings(tree, found.node, { bus: device.bus, ...(runtime !== undefined && { runtime }) });
    if (warnings.length === 0) return pass('its node lists none that a driver would have to see to');
    return warn(
      warnings.map(({ text }) => text).join('; '),
      'start Linux with clk_ignore_unused and pd_ignore_unused, or have the firmware leave the device running',
    );
  },
});
