import { readFileSync } from 'node:fs';

/** Names of a device and its class; what is not known is left out. */
export interface PciNames {
  readonly vendor?: string;
  readonly device?: string;
  readonly subsystem?: string;
  /** Subclass where it is known, else base class. */
  readonly class?: string;
  readonly programmingInterface?: string;
}

export interface PciNumbers {
  readonly vendorId: number | undefined;
  readonly deviceId: number | undefined;
  readonly subsystemVendorId: number | undefined;
  readonly subsystemId: number | undefined;
  /** Base class, subclass and programming interface, as 0x020000. */
  readonly classCode: number | undefined;
}

/** Where distributions put the list of https://pci-ids.ucw.cz. */
const installed = [
  '/usr/share/misc/pci.ids',
  '/usr/share/hwdata/pci.ids',
  '/usr/share/pci.ids',
  '/var/lib/pciutils/pci.ids',
];

/** Base classes, for where no list is installed. Source: PCI Code and ID Assignment Specification 1.11. */
const baseClasses: Readonly<Record<number, string>> = {
  0x00: 'Unclassified device',
  0x01: 'Mass storage controller',
  0x02: 'Network controller',
  0x03: 'Display controller',
  0x04: 'Multimedia controller',
  0x05: 'Memory controller',
  0x06: 'Bridge',
  0x07: 'Communication controller',
  0x08: 'Generic system peripheral',
  0x09: 'Input device controller',
  0x0a: 'Docking station',
  0x0b: 'Processor',
  0x0c: 'Serial bus controller',
  0x0d: 'Wireless controller',
  0x0e: 'Intelligent controller',
  0x0f: 'Satellite communications controller',
  0x10: 'Encryption controller',
  0x11: 'Signal processing controller',
  0x12: 'Processing accelerators',
  0x13: 'Non-Essential Instrumentation',
  0x40: 'Coprocessor',
  0xff: 'Unassigned class',
};

/**
 * Names for `numbers` from the installed pci.ids, or the base class alone where there is none. The list is read anew each
 * time (1.3 MB, a few milliseconds): it is asked for once a session or so. `list` is the text of another list.
 */
export function pciNames(numbers: PciNumbers, list = installedList()): PciNames {
  const { vendorId, deviceId, subsystemVendorId, subsystemId, classCode } = numbers;
  const vendor = section(list, vendorId, 4);
  const device = entry(vendor, deviceId, 4);
  const names: { -readonly [K in keyof PciNames]: PciNames[K] } = {};
  if (vendor !== undefined) names.vendor = vendor.name;
  if (device !== undefined) names.device = device.name;
  const subsystem = subsystemName(device?.body, subsystemVendorId, subsystemId);
  if (subsystem !== undefined) names.subsystem = subsystem;
  if (classCode === undefined) return names;
  const base = section(list, classCode >>> 16, 2, 'C ');
  const subclass = entry(base, (classCode >>> 8) & 0xff, 2);
  const className = subclass?.name ?? base?.name ?? baseClasses[classCode >>> 16];
  if (className !== undefined) names.class = className;
  const programmingInterface = nested(subclass?.body, (classCode & 0xff).toString(16).padStart(2, '0'));
  if (programmingInterface !== undefined) names.programmingInterface = programmingInterface;
  return names;
}

function installedList(): string {
  for (const path of installed) {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      // Not there, or not for us: the next one, or no names.
    }
  }
  return '';
}

interface Entry {
  readonly name: string;
  /** The lines below it, up to the next entry of its level. */
  readonly body: string;
}

/** '8086  Intel Corporation' with the indented lines that follow. */
function section(list: string, number: number | undefined, digits: number, prefix = ''): Entry | undefined {
  if (number === undefined) return undefined;
  const head = `${prefix}${number.toString(16).padStart(digits, '0')}  `;
  const start = list.startsWith(head) ? 0 : list.indexOf(`\n${head}`) + 1;
  if (!list.startsWith(head, start)) return undefined;
  const text = list.slice(start + head.length);
  const end = text.search(/\n[^\t#\n]/);
  return split(end < 0 ? text : text.slice(0, end));
}

/** '\t10d3  82574L ...' with the doubly indented lines that follow. */
function entry(parent: Entry | undefined, number: number | undefined, digits: number): Entry | undefined {
  if (parent === undefined || number === undefined) return undefined;
  const head = `\n\t${number.toString(16).padStart(digits, '0')}  `;
  const start = parent.body.indexOf(head);
  if (start < 0) return undefined;
  const text = parent.body.slice(start + head.length);
  const end = text.search(/\n\t[^\t]/);
  return split(end < 0 ? text : text.slice(0, end));
}

function split(text: string): Entry {
  const end = text.indexOf('\n');
  return end < 0 ? { name: text.trim(), body: '' } : { name: text.slice(0, end).trim(), body: text.slice(end) };
}

function subsystemName(
  body: string | undefined,
  vendor: number | undefined,
  device: number | undefined,
): string | undefined {
  if (vendor === undefined || device === undefined) return undefined;
  return nested(body, `${vendor.toString(16).padStart(4, '0')} ${device.toString(16).padStart(4, '0')}`);
}

/** '\t\tKEY  name' in `body`. */
function nested(body: string | undefined, key: string): string | undefined {
  const head = `\n\t\t${key}  `;
  const start = body?.indexOf(head) ?? -1;
  if (body === undefined || start < 0) return undefined;
  return split(body.slice(start + head.length)).name;
}
