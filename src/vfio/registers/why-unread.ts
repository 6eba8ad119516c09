import { bytesOf, type Width } from '../width.js';
import type { FieldDescription, Register } from './register-map.js';
import type { RegisterSet } from './register-set.js';

/** A place, with what a map says of it where it was named. */
export interface NamedPlace {
  /** The space's name. */
  readonly space: string;
  readonly offset: number;
  readonly width: Width;
  readonly register?: Register | undefined;
  readonly field?: FieldDescription | undefined;
}

/** Why what a read of a register or field brings is not its value, if so. */
export function whyWriteOnly(register: Register | undefined, field?: FieldDescription): string | undefined {
  const access = field?.access ?? register?.access;
  if (register === undefined || (access !== 'wo' && access !== 'wo-once')) return undefined;
  return `${nameOf(register, field)} can only be written: what a read brings is not its value`;
}

/** Why a place must not be read by what only looks around, if so: reading it has an effect, or brings nothing. */
export function whyUnread(registers: RegisterSet, place: NamedPlace): string | undefined {
  const { space, offset, width, register, field } = place;
  const writeOnly = whyWriteOnly(register, field);
  if (writeOnly !== undefined) return writeOnly;
  const access = field?.access ?? register?.access;
  if (register !== undefined && access === 'reserved') return `${nameOf(register, field)} is reserved`;
  return registers.cautionsIn(space, offset, offset + bytesOf(width))[0]?.reason;
}

function nameOf({ path }: Register, field: FieldDescription | undefined): string {
  return field === undefined ? path : `${path}.${field.name}`;
}
