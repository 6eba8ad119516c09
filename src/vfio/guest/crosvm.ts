import { shellWord } from '../shell-word.js';
import type { GuestDevice } from './guest-node.js';
import { clockLines, commentLines, indented, leftLines, nodeLines } from './source.js';
import { pairOf, textOf } from './value.js';

export interface Overlay {
  readonly device: GuestDevice;
  /** Its directory in sysfs, as crosvm is given it. */
  readonly sysfs: string;
  /** What the file is going to be called, without a folder. */
  readonly file: string;
  readonly isAmba: boolean;
}

/** What compiles the overlay, and what hands the device and the overlay to crosvm. */
export function crosvmCommands({ device, sysfs, file }: Overlay): readonly string[] {
  const blob = `${file.replace(/\.dts$/, '')}.dtbo`;
  return [
    `dtc -@ -Wno-interrupts_property -I dts -O dtb -o ${shellWord(blob)} ${shellWord(file)}`,
    `crosvm run --vfio ${shellWord(`${sysfs},dt-symbol=${device.symbol}`)} --device-tree-overlay ${shellWord(`${blob},filter`)} ...`,
  ];
}

const amba =
  'vfio-amba says that this is an AMBA device, and crosvm takes platform and PCI devices only: without "arm,primecell" in its compatible, and with a ' +
  'driver that does not need it, the host makes a platform device of the node.';

/**
 * A device tree overlay for crosvm. It finds the node by its label, and writes the addresses and interrupts of the guest in the place of those
 * here, as pairs of 64 bits and as shared interrupts of a GIC. Source: crosvm, arch/src/fdt.rs, patch_fdt_node().
 */
export function crosvmOverlay(overlay: Overlay): string {
  const { device, isAmba } = overlay;
  const { regions, interrupts, clocks, children, notes, name, symbol } = device;
  const reg = regions.map(({ address = 0n, size }) => `<${pairOf(address)} ${pairOf(size)}>`).join(', ');
  const lines = interrupts.map(({ spi, flags }, nth) => `<0 ${spi ?? nth} ${flags}>`).join(', ');
  const first = [
    ...(regions.length === 0 ? [] : [`reg = ${reg};`, ...names('reg-names', regions)]),
    ...(interrupts.length === 0 ? [] : [`interrupts = ${lines};`, ...names('interrupt-names', interrupts)]),
  ];
  const [compatible, ...others] = device.properties;
  const node = { name, label: symbol, properties: others, children };
  const head = compatible === undefined ? [] : [`${compatible.name} = ${compatible.value};`];
  return `${[
    '/dts-v1/;',
    '/plugin/;',
    '',
    ...commentLines([
      `${device.path} of ${device.origin}, for a guest of crosvm:`,
      ...crosvmCommands(overlay).map((command) => `  ${command}`),
      `crosvm finds the node by its label, and puts the guest's addresses and interrupts in the place of the host's that stand here.`,
      ...(isAmba ? [amba] : []),
      ...notes,
    ]),
    '/ {',
    ...indented([
      'fragment@0 {',
      ...indented([
        'target-path = "/";',
        '',
        '__overlay__ {',
        ...indented([
          '#address-cells = <2>;',
          '#size-cells = <2>;',
          ...clocks.flatMap((clock) => ['', ...clockLines(clock)]),
          '',
          ...nodeLines(node, { first: [...head, ...first], last: leftLines(device) }),
        ]),
        '};',
      ]),
      '};',
    ]),
    '};',
  ].join('\n')}\n`;
}

/** reg-names or interrupt-names, where each has one. */
export function names(property: string, all: readonly { readonly name?: string }[]): string[] {
  const given = all.flatMap(({ name }) => (name === undefined ? [] : [name]));
  return given.length === all.length ? [`${property} = ${textOf(given)};`] : [];
}
