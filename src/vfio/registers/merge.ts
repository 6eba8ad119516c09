import { fitsStep } from './register-path.js';

/** A JSON object whose keys nobody has checked yet. */
export type Loose = Readonly<Record<string, unknown>>;

export function isLoose(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What `change` makes of a description, as a JSON merge patch (RFC 7396) does: keys take the place of those that are there, null takes them
 * away. Lists whose elements have names (fields, values) can be changed by { NAME: change }, with wildcards; a list replaces them.
 * `missed` is told of names that fit nothing and cannot be new ones.
 */
export function merged(target: Loose, change: Loose, missed: (name: string) => void): Loose {
  const result: Record<string, unknown> = { ...target };
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete result[key];
    else if (key === 'fields' && isLoose(value)) result[key] = mergedFields(listOf(target[key]), value, missed);
    else if (key === 'values' && isLoose(value)) result[key] = mergedValues(target[key], value, missed);
    else result[key] = value;
  }
  return result;
}

function mergedFields(fields: readonly Loose[], changes: Loose, missed: (name: string) => void): Loose[] {
  const [result, added] = patched(fields, changes, missed, 'bits');
  return [...result, ...added];
}

function mergedValues(given: unknown, changes: Loose, missed: (name: string) => void): Loose[] {
  // { IDLE: 0 } is short for a list; so is it in a change.
  const values = isLoose(given) ? Object.entries(given).map(([name, value]) => ({ name, value })) : listOf(given);
  const full = Object.entries(changes).map(([name, change]) => [
    name,
    isLoose(change) || change === null ? change : { value: change },
  ]);
  const [result, added] = patched(values, Object.fromEntries(full), missed, 'value');
  return [...result, ...added];
}

/** Named things, each with the changes that fit its name; and the new ones, which are those that say where they are (`key`). */
function patched(
  list: readonly Loose[],
  changes: Loose,
  missed: (name: string) => void,
  key: string,
): readonly [Loose[], Loose[]] {
  let result = [...list];
  const added: Loose[] = [];
  for (const [name, change] of Object.entries(changes)) {
    const fits = (one: Loose): boolean => typeof one['name'] === 'string' && fitsStep(one['name'], name);
    if (!result.some(fits)) {
      if (isLoose(change) && key in change) added.push({ name, ...change });
      else missed(name);
    } else if (change === null) result = result.filter((one) => !fits(one));
    else if (isLoose(change))
      result = result.map((one) => (fits(one) ? merged(one, change, (inner) => missed(`${name}.${inner}`)) : one));
    else missed(name);
  }
  return [result, added];
}

export function listOf(value: unknown): readonly Loose[] {
  return Array.isArray(value) ? value.filter(isLoose) : [];
}
