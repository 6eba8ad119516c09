import { type FieldDescription, type Register, type RegisterMap, registersIn } from './register-map.js';

/**
 * A map as a header for C and assembly: offsets, reset values, and of each field its position, mask and named values, as CMSIS has them
 * (NAME_Pos, NAME_Msk). Names are the paths with _ for what C cannot have in a name.
 */
export function headerOf(map: RegisterMap): string {
  const prefix = identifier(map.name).toUpperCase();
  const guard = `${prefix}_REGISTERS_H`;
  const lines = [`/* ${comment(map.name)}, from ${comment(map.origin)} */`, `#ifndef ${guard}`, `#define ${guard}`];
  const written = new Set<string>();
  for (const register of registersIn(map.children))
    lines.push('', ...registerLines(register, prefix, map.base ?? 0, written));
  return [...lines, '', '#endif', ''].join('\n');
}

function registerLines(register: Register, prefix: string, base: number, written: Set<string>): string[] {
  const { path, offset, width, access, reset, description, title } = register;
  // The map's name stands before every name already.
  const own = path.toUpperCase().startsWith(`${prefix}.`) ? path.slice(prefix.length + 1) : path;
  const name = `${prefix}_${identifier(own)}`;
  const about = comment(description ?? title ?? '');
  const lines = [
    `/* ${path}: ${width} bits, ${access}${about === '' ? '' : `: ${about}`} */`,
    `#define ${name} ${hex(offset - base)}`,
  ];
  if (reset !== undefined) lines.push(`#define ${name}_Reset ${constant(reset, width)}`);
  // The elements of an array have the same fields: they are written once.
  const shared = `${prefix}_${identifier(own.replaceAll(/\[\d+\]/g, ''))}`;
  if (written.has(shared)) return lines;
  written.add(shared);
  return [...lines, ...register.fields.flatMap((field) => fieldLines(field, shared, width))];
}

function fieldLines({ name, low, bits, values }: FieldDescription, register: string, width: number): string[] {
  const own = `${register}_${identifier(name)}`;
  const mask = ((1n << BigInt(bits)) - 1n) << BigInt(low);
  const single = values.filter(({ from, to, isDefault }) => from === to && isDefault !== true);
  const named = new Map(single.map((value) => [identifier(value.name), value.from]));
  return [
    `#define ${own}_Pos ${low}`,
    `#define ${own}_Msk ${constant(mask, width)}`,
    ...[...named].map(([value, number]) => `#define ${own}_${value} ${constant(number, width)}`),
  ];
}

function constant(value: bigint, width: number): string {
  return `${hex(value)}${width === 64 ? 'ull' : 'u'}`;
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

function identifier(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_]+/g, '_').replace(/_$/, '');
}

/** Nothing that ends a comment or goes over its line. */
function comment(text: string): string {
  return text
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .replaceAll('*/', '* /')
    .replaceAll('/*', '/ *');
}
