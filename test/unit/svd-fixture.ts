import assert from 'node:assert/strict';
import { layOut } from '../../src/vfio/registers/layout.js';
import {
  type Block,
  type FieldDescription,
  type Register,
  registersIn,
} from '../../src/vfio/registers/register-map.js';
import { type SvdDevice, parseSvd } from '../../src/vfio/registers/svd/svd-device.js';

/** A CMSIS-SVD file around `peripherals`; `defaults` stands before them in <device>. The peripherals begin in line 3. */
export function deviceXml(peripherals: string, defaults = '<size>32</size><access>read-write</access>'): string {
  return `<?xml version="1.0" encoding="utf-8"?>
<device schemaVersion="1.3"><name>CHIP</name><version>1</version><description>A chip</description><addressUnitBits>8</addressUnitBits><width>32</width>${defaults}<peripherals>
${peripherals}
</peripherals></device>`;
}

/** A peripheral P at 0x40000000 with `registers`. */
export function peripheralXml(registers: string, rest = ''): string {
  return `<peripheral><name>P</name><baseAddress>0x40000000</baseAddress>${rest}<registers>${registers}</registers></peripheral>`;
}

/** A register R at 0 with `fields`, and what else is in it. */
export function registerXml(fields: string, rest = ''): string {
  return `<register><name>R</name><addressOffset>0</addressOffset>${rest}<fields>${fields}</fields></register>`;
}

export interface Read {
  readonly device: SvdDevice;
  /** Every register of each peripheral, laid out from offset 0. */
  readonly registers: ReadonlyMap<string, readonly Register[]>;
  readonly blocks: ReadonlyMap<string, readonly (Block | Register)[]>;
  readonly problems: readonly string[];
}

/** What is read of a file; the problems of reading and laying out as lines. */
export function readSvd(xml: string): Read {
  const contents = parseSvd(xml, 'x.svd');
  const lines = ({ problems }: { readonly problems: SvdDevice['problems'] }): string[] =>
    problems.map(({ where, why }) => `${where}: ${why}`);
  if (!('device' in contents)) assert.fail(lines(contents).join('\n'));
  const { device, registers } = contents;
  const laid = registers.map((sketches) => layOut(sketches, { space: 'region0', base: 0 }));
  const byName = <T>(of: (index: number) => T): ReadonlyMap<string, T> =>
    new Map(device.peripherals.map(({ name }, index) => [name, of(index)]));
  return {
    device,
    registers: byName((index) => [...registersIn(laid[index]?.children ?? [])]),
    blocks: byName((index) => laid[index]?.children ?? []),
    problems: [...lines(device), ...laid.flatMap((each) => lines(each))],
  };
}

/** The registers of peripheral P, of a file without a problem. */
export function registersOf(registers: string, rest = '', defaults?: string): readonly Register[] {
  const read = readSvd(deviceXml(peripheralXml(registers, rest), defaults));
  assert.deepEqual(read.problems, []);
  return read.registers.get('P') ?? [];
}

/** 'PATH offset' of each register, in their order. */
export function places(registers: readonly Register[]): string[] {
  return registers.map(({ path, offset }) => `${path} ${offset.toString(16)}`);
}

/** A register of that name and offset. */
export function reg(name: string, offset: string | number, rest = '', derivedFrom?: string): string {
  const from = derivedFrom === undefined ? '' : ` derivedFrom="${derivedFrom}"`;
  return `<register${from}><name>${name}</name><addressOffset>${offset}</addressOffset>${rest}</register>`;
}

export function field(name: string, bits: string, rest = '', derivedFrom?: string): string {
  const from = derivedFrom === undefined ? '' : ` derivedFrom="${derivedFrom}"`;
  return `<field${from}><name>${name}</name>${bits === '' ? '' : `<bitRange>[${bits}]</bitRange>`}${rest}</field>`;
}

export function dim(count: number, increment: string | number, index?: string): string {
  return `<dim>${count}</dim><dimIncrement>${increment}</dimIncrement>${index === undefined ? '' : `<dimIndex>${index}</dimIndex>`}`;
}

export function values(entries: string, rest = ''): string {
  return `<enumeratedValues>${rest}${entries}</enumeratedValues>`;
}

export function value(name: string, of: string): string {
  return `<enumeratedValue><name>${name}</name><value>${of}</value></enumeratedValue>`;
}

export function fieldsOf(fields: string, rest = ''): readonly FieldDescription[] {
  return registersOf(registerXml(fields, rest))[0]?.fields ?? [];
}

export function only(registers: string, defaults?: string): Register {
  const [register, ...others] = registersOf(registers, '', defaults);
  assert.ok(register && others.length === 0);
  return register;
}

export function span({ name, low, bits: count }: FieldDescription): string {
  return `${name} ${low + count - 1}:${low}`;
}
