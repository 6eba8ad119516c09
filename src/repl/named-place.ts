import type { Device } from '../vfio/device.js';
import { place } from '../views/numbers.js';
import type { Location } from './arguments.js';

/** 'region1.CTRL.EN', 'region0+0x10'. */
export function nameOf({ space, offset, name, field }: Location): string {
  if (name === undefined) return place(space.name, offset);
  return `${space.name}.${name}${field ? `.${field.name}` : ''}`;
}

/**
 * `name` for a view of one access: the register or field that was named, or the register that a map has at exactly that place and of that
 * width, for a place that was given by its offset.
 */
export function shownName(device: Device, { space, offset, width, name, field }: Location): { name?: string } {
  const known = name ?? device.registers.registerAt(space.name, offset, width)?.path;
  if (known === undefined) return {};
  return { name: field === undefined ? known : `${known}.${field.name}` };
}

/** The bits of `word` that a location names, moved down to bit 0: those of its field, or all of them. */
export function namedBits(field: Location['field'], word: bigint): bigint {
  return field === undefined ? word : BigInt.asUintN(field.bits, word >> BigInt(field.low));
}
