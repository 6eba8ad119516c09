import type { Device } from '../device.js';
import type { Region } from '../region.js';
import type { MapDescription } from '../registers/map-description.js';
import type { ProfileDescription } from './description.js';
import type { DeviceIdentity } from './identity.js';
import { identityText } from './match-text.js';
import type { Match } from './match.js';

/** A profile to begin with, and what is to be said of its parts. */
export interface Skeleton {
  readonly description: ProfileDescription & {
    readonly name: string;
    readonly match: readonly Match[];
    readonly registers: readonly MapDescription[];
  };
  /** The device that it was made from. */
  readonly device: string;
  /** What is known of the device, in the words of a match. */
  readonly identity: readonly string[];
  readonly regions: readonly { readonly name: string; readonly says: string; readonly named: readonly string[] }[];
  readonly interrupts: readonly { readonly name: string; readonly says: string; readonly named: readonly string[] }[];
}

/** Registers of a map that a comment gives as an example. */
const example = {
  name: 'CTRL',
  offset: '0x0',
  access: 'rw',
  reset: '0x0',
  fields: [
    { name: 'EN', bits: '0' },
    { name: 'MODE', bits: '2:1', values: { OFF: 0, FAST: 1 } },
  ],
} as const;

const words =
  'access is one of ro rw wo w1c w1s rc rs reserved; readEffect "external" is a read that changes something else, such as a FIFO';

/** A profile of `device` from what is known without touching it: it fits the device and describes no register yet. */
export function skeletonOf(device: Device, identity: DeviceIdentity): Skeleton {
  const regions = device.regions.filter(({ index }) => !device.isPci || index < 6);
  const own = device.profile;
  const given = (names: readonly string[], taken: readonly string[] = []): string[] =>
    names.filter((name) => !taken.includes(name) && !/^(?:region|bar|irq)\d+$/.test(name));
  return {
    device: device.name,
    identity: identityText(identity),
    description: {
      format: 'vfiodbg-profile',
      name: nameOf(identity),
      match: matchOf(identity),
      // What the device has already from a profile that ships with the tool, it keeps.
      includes: [own !== undefined && own.file === undefined ? own.name : device.isPci ? 'pci' : 'platform'],
      registers: regions.map(({ name }) => ({ name, space: name, registers: [] })),
    },
    regions: regions.map((region) => ({
      name: region.name,
      says: regionText(region),
      named: given(region.aliases, own?.regions.get(region.name)),
    })),
    interrupts: [...device.irqs]
      .filter(({ name }) => name !== 'err' && name !== 'req')
      .map(({ name, names, info }) => ({
        name,
        says: [
          info.count === 1 ? 'one vector' : `${info.count} vectors`,
          ...(info.automasked ? ['level (automasked)'] : info.maskable ? ['maskable'] : ['edge']),
        ].join(', '),
        named: given(names.slice(1), own?.interrupts.get(name)),
      })),
  };
}

function regionText({ size, info }: Region): string {
  const access = `${info.readable ? 'r' : ''}${info.writable ? 'w' : ''}`;
  return [`0x${size.toString(16)} bytes`, access, ...(info.mappable ? ['can be mapped'] : [])].join(', ');
}

/** What says best which devices are meant: the model, else the name of this one device. */
function matchOf({ pci, compatible, amba, name }: DeviceIdentity): Match[] {
  const hex = (id: number, digits: number): string => id.toString(16).padStart(digits, '0');
  if (pci !== undefined) return [{ pci: `${hex(pci.vendor, 4)}:${hex(pci.device, 4)}` }];
  const [first] = compatible;
  const found: Match[] = [
    ...(first === undefined ? [] : [{ compatible: first }]),
    ...(amba === undefined ? [] : [{ amba: `0x${hex(amba & 0xfffff, 8)}` }]),
  ];
  return found.length > 0 ? found : [{ name }];
}

/** 'pl031' of 9010000.pl031, 'pci-1234-11e8', 'foo-uart' of vendor,foo-uart. */
function nameOf({ pci, compatible, name }: DeviceIdentity): string {
  const hex4 = (id: number): string => id.toString(16).padStart(4, '0');
  const text =
    pci === undefined
      ? (compatible[0]?.replace(/^[^,]*,/, '') ?? /^[0-9a-f]+\.(.+)$/.exec(name)?.[1] ?? name.replace(/^.*[/:]/, ''))
      : `pci-${hex4(pci.vendor)}-${hex4(pci.device)}`;
  const clean = text.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return clean === '' ? 'mine' : clean.slice(0, 60);
}

/** The skeleton as JSON. What is to be filled in stands in keys that begin with $, which nobody reads. */
export function jsonText({ description, device, identity, regions, interrupts }: Skeleton): string {
  const { registers, ...head } = description;
  const names = (all: Skeleton['regions']): Record<string, readonly string[]> =>
    Object.fromEntries(all.filter(({ named }) => named.length > 0).map(({ name, named }) => [name, named]));
  return `${JSON.stringify(
    {
      ...head,
      $device: `${device}: ${identity.join(', ')}`,
      $title: 'title: what the device is, in one line; source: the datasheet',
      $regions: Object.fromEntries(regions.map(({ name, says }) => [name, says])),
      regions: names(regions),
      $interrupts: Object.fromEntries(interrupts.map(({ name, says }) => [name, says])),
      interrupts: names(interrupts),
      $registers: words,
      registers: registers.map((map, nth) => ({ ...map, ...(nth === 0 && { $example: example }) })),
      $cautions:
        'what must not be read: { "space": "region0", "offset": "0x40", "size": 4, "reason": "popping the FIFO" }',
      cautions: [],
    },
    undefined,
    2,
  )}\n`;
}

/** The skeleton as a module with comments. */
export function moduleText({ description, device, identity, regions, interrupts }: Skeleton): string {
  const { name, match, includes = [], registers } = description;
  const named = (all: Skeleton['regions'], sample: string): string[] =>
    all.map(({ name: of, named: given, says }, nth) => {
      const names = given.length > 0 ? given : [nth === 0 ? sample : `${sample}${nth + 1}`];
      return `    ${given.length > 0 ? '' : '// '}${of}: ${quotedList(names)}, // ${comment(says)}`;
    });
  return `${[
    `// A profile of ${comment(device)}: ${comment(identity.join(', '))}`,
    '// In ~/.config/vfiodbg/profiles it is found by itself; vfiodbg --profile FILE takes it from anywhere.',
    'export default {',
    `  name: ${quoted(name)},`,
    "  // title: 'what the device is, in one line',",
    "  // source: 'the datasheet, with its section',",
    `  match: [${match
      .map(
        (one) =>
          `{ ${Object.entries(one)
            .map(([key, value]) => `${key}: ${quoted(String(value))}`)
            .join(', ')} }`,
      )
      .join(', ')}],`,
    `  includes: [${includes.map(quoted).join(', ')}],`,
    ...(regions.length === 0
      ? []
      : [
          '  // Names of regions: `peek ctrl 0x10` for `peek region0 0x10`.',
          '  regions: {',
          ...named(regions, 'ctrl'),
          '  },',
        ]),
    ...(interrupts.length === 0
      ? []
      : ['  // Names of interrupts: `irq wait done`.', '  interrupts: {', ...named(interrupts, 'done'), '  },']),
    '  registers: [',
    ...registers.flatMap((map, nth) => mapLines(map, nth === 0)),
    '  ],',
    '  // What must not be read by a dump, a watch or a snapshot.',
    '  cautions: [',
    `    // { space: 'region0', offset: 0x40, size: 4, reason: 'popping the FIFO' },`,
    '  ],',
    '  // The registers that restore writes, in this order: what starts the device last.',
    "  // restore: ['MODE', 'CTRL'],",
    "  // scripts: { bringup: { summary: 'identification and a loopback', lines: ['expect region0 0x0 == 0x1234'] } },",
    '};',
  ].join('\n')}\n`;
}

function mapLines({ name, space = '' }: MapDescription, first: boolean): string[] {
  if (!first) return [`    { name: ${quoted(name)}, space: ${quoted(space)}, registers: [] },`];
  const head = [`    {`, `      name: ${quoted(name)},`, `      space: ${quoted(space)},`, '      registers: ['];
  const sample = [
    `        // ${words}`,
    '        // {',
    "        //   name: 'CTRL', offset: 0x0, access: 'rw', reset: 0x0, description: '',",
    "        //   fields: [{ name: 'EN', bits: 0 }, { name: 'MODE', bits: '2:1', values: { OFF: 0, FAST: 1 } }],",
    '        // },',
    "        // { name: 'STATUS', offset: 0x4, access: 'ro' },",
    "        // { name: 'CH', offset: 0x100, count: 4, stride: 0x20, registers: [{ name: 'ADDR', offset: 0x0, width: 64 }] },",
  ];
  return [...head, ...sample, '      ],', '    },'];
}

/** A string of JavaScript, whatever is in it: names come from device trees. */
function quoted(text: string): string {
  const json = JSON.stringify(text);
  return json.includes("'") ? json : `'${json.slice(1, -1).replaceAll('\\"', '"')}'`;
}

function quotedList(all: readonly string[]): string {
  const [only = ''] = all;
  return all.length === 1 ? quoted(only) : `[${all.map(quoted).join(', ')}]`;
}

/** Text for the rest of a line. */
function comment(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
