import { Region } from '../vfio/region.js';
import type { Space } from '../vfio/space.js';
import type { Width } from '../vfio/width.js';
import type { Location } from './arguments.js';

/** The expression for a space: a region of the device by its name, or what else has one (a DMA buffer, iova). */
export function jsSpace(space: Space): string {
  return space instanceof Region ? `device.region('${space.name}')` : `device.findSpace('${space.name}')`;
}

/** One access of the width at `at`; `value` is an expression, for a write. */
export function jsAccess(
  kind: 'read' | 'write',
  { space, offset, width }: Location,
  allowSplit: boolean,
  value?: string,
): string {
  const at = `0x${offset.toString(16)}`;
  const written = value === undefined ? '' : `, ${value}`;
  // Regions have a method for each width; the general one takes options, and is all that other spaces have.
  if (space instanceof Region && !allowSplit) return `${jsSpace(space)}.${kind}${width}(${at}${written})`;
  return `${jsSpace(space)}.${kind}(${width}, ${at}${written}${allowSplit ? ', { allowSplit: true }' : ''})`;
}

/** A value as a Region takes it at that width. */
export function jsValue(value: bigint, width: Width): string {
  return `0x${value.toString(16)}${width === 64 ? 'n' : ''}`;
}

/** The cells of a block, as an object; a stride only where it is not the width's own. */
export function jsShape(at: Location, count: number, stride?: number): string {
  const every = stride === undefined ? '' : `, stride: ${stride}`;
  return `{ offset: 0x${at.offset.toString(16)}, width: ${at.width}, count: ${count}${every} }`;
}
