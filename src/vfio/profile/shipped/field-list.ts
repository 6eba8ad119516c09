import type { FieldEntry } from '../../registers/map-description.js';

type Bits = readonly (readonly [name: string, bits: number | string, description?: string])[];

/** Fields without named values, in the datasheet's order. */
export function fields(bits: Bits): FieldEntry[] {
  return bits.map(([name, at, description]) => ({ name, bits: at, ...(description !== undefined && { description }) }));
}
