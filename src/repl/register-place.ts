import { findRegister, lookUp } from '../vfio/registers/lookup.js';
import type { RegisterSet } from '../vfio/registers/register-set.js';
import { configRegister } from './config-registers.js';
import type { PathStep, RegisterPlace } from './environment.js';

/**
 * Where the register at `path` is, in `space` if it was said, or why there is none: by the maps first; the standard header of a PCI config
 * space is known without one. `terse` says no more than that there is none: the names that are near are not looked for.
 */
export function placeOf(
  registers: RegisterSet,
  space: string | undefined,
  path: readonly PathStep[],
  terse = false,
): RegisterPlace | string {
  const found = terse ? (lookUp(registers, space, path) ?? 'no such register') : findRegister(registers, space, path);
  if (typeof found === 'string') {
    if (space !== 'config') return found;
    const known = configRegister(path);
    return typeof known === 'string' && registers.registers.some((one) => one.space === space) ? found : known;
  }
  const { register, field } = found;
  const { offset, width, path: name } = register;
  return { space: register.space, offset, width, name, register, ...(field && { field }) };
}
