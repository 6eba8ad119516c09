import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import type {
  Block,
  FieldDescription,
  NamedValue,
  Register,
  WriteConstraint,
} from '../../src/vfio/registers/register-map.js';
import type { SvdDevice, SvdPeripheral } from '../../src/vfio/registers/svd/svd-device.js';
import { readSvd } from './svd-fixture.js';

const folder = 'test/fixtures/svd/features';

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

function constraintText(constraint: WriteConstraint): string {
  if (constraint.kind === 'range') return ` write ${hex(constraint.from)}..${hex(constraint.to)}`;
  return constraint.kind === 'as-read' ? ' write as read' : ' write named';
}

/** What is not as it is by default: stored when it is written, harmless to read, and whatever is said of it in `access`. */
function kindText({ access, writeEffect, readEffect }: FieldDescription | Register, usual: string): string {
  return [
    access === usual ? '' : ` ${access}`,
    writeEffect === 'modify' ? '' : ` ${writeEffect}`,
    readEffect === undefined ? '' : ` read:${readEffect}`,
  ].join('');
}

function valueText({ name, from, mask, usage, isDefault }: NamedValue, bits: number): string {
  let digits = String(from);
  if (mask !== undefined) {
    const bit = (nth: number): string => ((mask >> BigInt(nth)) & 1n ? String((from >> BigInt(nth)) & 1n) : 'x');
    digits = Array.from({ length: bits }, (_, nth) => bit(bits - 1 - nth)).join('');
  }
  return `      ${name} ${isDefault === true ? 'default' : digits}${usage === 'both' ? '' : ` ${usage}`}`;
}

function fieldLines(field: FieldDescription): string[] {
  const { name, low, bits, constraint, description, values } = field;
  const text = description === undefined ? '' : ` (${description})`;
  const limit = constraint === undefined ? '' : constraintText(constraint);
  return [
    `    ${name} ${low + bits - 1}:${low}${kindText(field, 'rw')}${limit}${text}`,
    ...values.map((value) => valueText(value, bits)),
  ];
}

function registerLines(register: Register): string[] {
  const { path, offset, width, reset, resetMask, protection, constraint, alternate, title, fields } = register;
  const parts = [
    `  ${path} ${hex(offset)}`,
    width === 32 ? '' : ` ${width}`,
    kindText(register, 'rw'),
    reset === undefined ? '' : ` reset ${hex(reset)}${resetMask === undefined ? '' : `/${hex(resetMask)}`}`,
    protection === undefined ? '' : ` ${protection}`,
    constraint === undefined ? '' : constraintText(constraint),
    alternate === true ? ' alternate' : '',
    title === undefined ? '' : ` "${title}"`,
  ];
  return [parts.join(''), ...fields.flatMap(fieldLines)];
}

function nodeLines(node: Block | Register): string[] {
  if (node.kind === 'register') return registerLines(node);
  return [...(node.title === undefined ? [] : [`  ${node.path} "${node.title}"`]), ...node.children.flatMap(nodeLines)];
}

function peripheralLine({ name, address, size, group, alternate, interrupts }: SvdPeripheral): string {
  const parts = [
    `${name} at ${hex(address)}`,
    ...(size === 0 ? [] : [`size ${hex(size)}`]),
    ...(group === undefined ? [] : [`group ${group}`]),
    ...(alternate === undefined ? [] : [`alternate of ${alternate}`]),
    ...interrupts.map((interrupt) => `interrupt ${interrupt.name} ${interrupt.value}`),
  ];
  return parts.join(', ');
}

function deviceLines({ vendor, cpu }: SvdDevice): string[] {
  return vendor === undefined || cpu === undefined ? [] : [`device by ${vendor}, cpu ${cpu}`];
}

/** What the comment at the head of the file says that is in it: all behind the first paragraph. */
function promised(xml: string): string {
  const [, , rest = ''] = /<!--(.*?)\n\n(.*?)\n-->/s.exec(xml) ?? [];
  return rest.replaceAll(/^ {2}/gm, '');
}

const files = readdirSync(folder);

test('there is a file for each feature of CMSIS-SVD', () => {
  assert.ok(files.length >= 26 && files.every((name) => name.endsWith('.svd')), files.join());
});

for (const name of files) {
  test(`${name}: what its comment says is read of it`, () => {
    const xml = readFileSync(`${folder}/${name}`, 'utf8');
    const { device, blocks, problems } = readSvd(xml);
    assert.deepEqual(problems, []);
    const lines = [
      ...deviceLines(device),
      ...device.peripherals.flatMap((one) => [peripheralLine(one), ...(blocks.get(one.name) ?? []).flatMap(nodeLines)]),
    ];
    assert.equal(lines.join('\n'), promised(xml));
  });
}
