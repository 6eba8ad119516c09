import { shellWord } from '../shell-word.js';
import { names } from './crosvm.js';
import type { GuestDevice } from './guest-node.js';
import { clockLines, commentLines, leftLines, nodeLines } from './source.js';

/** The platform bus of QEMU's virt machine. Source: hw/arm/virt.c of QEMU 10.1, a15memmap and a15irqmap, VIRT_PLATFORM_BUS. */
const BUS = { node: '/platform-bus@c000000', firstSpi: 112 } as const;
const PAGE = 0x1000n;

/** The devices that QEMU had a node for. Source: hw/core/sysbus-fdt.c of QEMU 10.1, bindings[]. */
const ownNodes: Readonly<Record<string, string>> = {
  'calxeda,hb-xgmac': 'vfio-calxeda-xgmac',
  'amd,xgbe-seattle-v1a': 'vfio-amd-xgbe',
};

/** The line for a platform device, of QEMU versions that had any. */
export function qemuPlatformCommand(name: string, compatible: readonly string[]): string {
  const driver = compatible.map((one) => ownNodes[one]).find((one) => one !== undefined) ?? 'vfio-platform';
  return `qemu-system-aarch64 -machine virt -device ${shellWord(`${driver},host=${name}`)} ...`;
}

/**
 * What QEMU up to 10.1 needs for a platform device: a line, and, since it made nodes for two kinds of devices only, the node that it would have to
 * make for this one, below its platform bus.
 */
export function qemuPlatform(
  device: GuestDevice,
  name: string,
  compatible: readonly string[],
  isAmba: boolean,
): string {
  const { regions, interrupts, clocks, children, symbol } = device;
  const hasNode = compatible.some((one) => Object.hasOwn(ownNodes, one));
  let next = 0n;
  const places = regions.map(({ size }) => {
    const at = next;
    next += ((size + PAGE - 1n) / PAGE) * PAGE;
    return at;
  });
  const reg = regions
    .map(({ size }, nth) => `<0x${(places[nth] ?? 0n).toString(16)} 0x${size.toString(16)}>`)
    .join(', ');
  const lines = interrupts.map(({ flags }, nth) => `<0 ${BUS.firstSpi + nth} ${flags}>`).join(', ');
  const [first, ...others] = device.properties;
  const base = device.name.split('@')[0] ?? device.name;
  const head = [
    ...(first === undefined ? [] : [`${first.name} = ${first.value};`]),
    ...(regions.length === 0 ? [] : [`reg = ${reg};`, ...names('reg-names', regions)]),
    ...(interrupts.length === 0 ? [] : [`interrupts = ${lines};`, ...names('interrupt-names', interrupts)]),
  ];
  const node = { name: regions.length === 0 ? base : `${base}@0`, label: symbol, properties: others, children };
  const about = [
    `${device.path} of ${device.origin}, for a guest of QEMU:`,
    `  ${qemuPlatformCommand(name, compatible)}`,
    'QEMU has had no vfio-platform since 10.2: up to 10.1 this works, from then on crosvm is the way (dt export --for crosvm).',
    hasNode
      ? "QEMU makes the guest's node of this device by itself; what follows is what it comes to."
      : 'QEMU made nodes for calxeda-xgmac and amd-xgbe only, and refuses a device that it has none for: hw/core/sysbus-fdt.c needs a function that makes ' +
        `this one below ${BUS.node}, and an entry of bindings[] with ${compatible[0] === undefined ? 'its compatible' : `"${compatible[0]}"`}.`,
    'Addresses and interrupts are those of the first device on the bus of the virt machine.',
    ...(isAmba
      ? [
          'vfio-amba says that this is an AMBA device, and QEMU takes platform devices only: without "arm,primecell" in its compatible the host makes one of the node.',
        ]
      : []),
    ...device.notes,
  ];
  return `${[
    ...commentLines(about),
    ...clocks.flatMap((clock) => [...clockLines(clock), '']),
    ...nodeLines(node, { first: head, last: leftLines(device) }),
  ].join('\n')}\n`;
}
