import type { PciBar, PciCapability, PciConfig, PciRegister } from '../vfio/pci-config.js';
import type { PciNames } from '../vfio/pci-ids.js';
import type { AllView, FieldsView, Span, View } from './view.js';

type Fields = FieldsView['fields'];

/** A decoded configuration space as lspci -vvv shows one: identity, header, BARs, then each capability. */
export function configView(config: PciConfig, names: PciNames): AllView {
  const { vendorId, deviceId } = config;
  if (config.silent) {
    const line =
      'every byte reads as ones: the device does not answer (in D3, in reset, unplugged, or its link is down)';
    return { kind: 'all', views: [{ kind: 'text', lines: [[{ text: line, role: 'warning' }]] }] };
  }
  const views: View[] = [
    {
      kind: 'fields',
      title: `PCI ${headerKinds[config.headerType ?? -1] ?? 'function'} ${id(vendorId)}:${id(deviceId)}`,
      fields: [...identity(config, names), ...config.registers.map(registerField), ...config.bars.map(barField)],
      data: headerData(config, names),
    },
    ...config.capabilities.map(capabilityView),
  ];
  if (config.faults.length > 0) {
    views.push({ kind: 'text', lines: config.faults.map((fault) => [{ text: fault, role: 'warning' }]) });
  }
  return { kind: 'all', views };
}

const headerKinds: Readonly<Record<number, string>> = { 0: 'device', 1: 'bridge', 2: 'CardBus bridge' };

function identity(config: PciConfig, names: PciNames): Fields {
  const { classCode, subsystemVendorId, subsystemId, revision } = config;
  const fields = [
    named('Vendor', id(config.vendorId), names.vendor),
    named('Device', id(config.deviceId), names.device),
    named('Revision', digits(revision, 2), undefined),
    named('Class', digits(classCode, 6), className(names)),
  ];
  if (config.headerType === 0) {
    fields.push(named('Subsystem', `${id(subsystemVendorId)}:${id(subsystemId)}`, names.subsystem));
  }
  return fields;
}

function className(names: PciNames): string | undefined {
  if (names.class === undefined || names.programmingInterface === undefined) return names.class;
  return `${names.class} [${names.programmingInterface}]`;
}

function named(label: string, value: string, note: string | undefined): Fields[number] {
  const cell: Span[] = [{ text: value, role: value === unreadable ? 'fault' : 'value' }];
  return note === undefined ? { label, value: cell } : { label, value: cell, note };
}

const unreadable = 'unreadable';

/** An id's four digits, as lspci writes them. */
function id(value: number | undefined): string {
  return digits(value, 4);
}

function digits(value: number | undefined, count: number): string {
  return value === undefined ? unreadable : value.toString(16).padStart(count, '0');
}

/** 'Count=1/32, Enable- Maskable+': what has a value, then each bit with '+' or '-'. */
function registerField(register: PciRegister): Fields[number] {
  if (register.unreadable === true) return { label: register.name, value: [{ text: unreadable, role: 'fault' }] };
  const values = Object.entries(register.values);
  const flags = Object.entries(register.flags);
  // A register that is one value and nothing else need not say a name twice.
  const alone = values.length === 1 && flags.length === 0;
  const spans: Span[] = [];
  for (const [index, [name, value]] of values.entries()) {
    const text = alone ? String(value) : valueText(name, value);
    const last = index === values.length - 1 && flags.length === 0;
    spans.push({ text: last ? text : `${text}, `, role: 'plain' });
  }
  for (const [index, [name, set]] of flags.entries()) {
    if (index > 0) spans.push(space);
    spans.push({ text: `${name}${set ? '+' : '-'}`, role: set ? 'value' : 'dim' });
  }
  return { label: register.name, value: spans };
}

function valueText(name: string, value: string | number): string {
  return /\s/.test(`${name}${value}`) ? `${name}: ${value}` : `${name}=${value}`;
}

const space: Span = { text: ' ', role: 'plain' };

/** 'Memory at 0xfea00000 (32-bit, non-prefetchable) [size=128K]'; regions have the numbers of their BARs. */
function barField(bar: PciBar): Fields[number] {
  const place = bar.address === 0n ? 'unassigned address' : `0x${bar.address.toString(16).padStart(8, '0')}`;
  const spans: Span[] = [
    { text: bar.kind === 'io' ? 'I/O ports at ' : 'Memory at ', role: 'plain' },
    { text: place, role: 'address' },
  ];
  if (bar.kind === 'memory') {
    const type = bar.bits === 16 ? 'below 1 MiB' : `${bar.bits ?? 32}-bit`;
    spans.push({ text: ` (${type}, ${bar.prefetchable === true ? '' : 'non-'}prefetchable)`, role: 'plain' });
  }
  if (bar.size !== undefined) spans.push({ text: ` [size=${sizeText(bar.size)}]`, role: 'plain' });
  return { label: `Region ${bar.index}`, value: spans };
}

/** '128K', as lspci writes sizes. */
function sizeText(size: number): string {
  const units = ['', 'K', 'M', 'G', 'T'];
  let unit = 0;
  let value = size;
  while (value >= 1024 && value % 1024 === 0 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value}${units[unit] ?? ''}`;
}

function capabilityView(capability: PciCapability): View {
  const { offset, version, name, words } = capability;
  const place = `[${offset.toString(16).padStart(2, '0')}${version === undefined ? '' : ` v${version}`}]`;
  return {
    kind: 'fields',
    title: `${place} ${name === words ? name : `${name}: ${words}`}`,
    fields: capability.registers.map(registerField),
    data: {
      offset,
      id: capability.id,
      name,
      words,
      version,
      registers: capability.registers.map(registerData),
    },
  };
}

function headerData(config: PciConfig, names: PciNames): object {
  return {
    vendorId: config.vendorId ?? null,
    deviceId: config.deviceId ?? null,
    subsystemVendorId: config.subsystemVendorId ?? null,
    subsystemId: config.subsystemId ?? null,
    revision: config.revision ?? null,
    classCode: config.classCode ?? null,
    headerType: config.headerType ?? null,
    multiFunction: config.multiFunction,
    names,
    registers: config.registers.map(registerData),
    bars: config.bars,
    faults: config.faults,
  };
}

function registerData(register: PciRegister): object {
  const { name, flags, values } = register;
  return register.unreadable === true ? { name, unreadable: true } : { name, values, flags };
}
