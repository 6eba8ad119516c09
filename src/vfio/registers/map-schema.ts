import * as v from 'valibot';
import { nearest } from '../nearest.js';
import { accessKind, accessKinds } from './access-word.js';
import { bitRangeOf, clip, numberOf } from './notation.js';

/** The own format's objects, level by level: each is checked by itself, so that one that is wrong leaves the others as they are. */

/** Turns a value by `read`, which gives text where it cannot. */
function reading<T, R>(read: (value: T) => R | string): v.RawTransformAction<T, R> {
  return v.rawTransform<T, R>(({ dataset, addIssue, NEVER }) => {
    const made = read(dataset.value);
    if (typeof made !== 'string') return made;
    addIssue({ message: made });
    return NEVER;
  });
}

const anyNumber = v.union([v.string(), v.number(), v.bigint()], 'a number is expected, such as "0x10"');
const wide = v.pipe(
  anyNumber,
  reading((given: string | number | bigint) => {
    const value = numberOf(given);
    return typeof value === 'string' || value >> 64n === 0n ? value : 'it does not fit 64 bits';
  }),
);
const whole = v.pipe(
  wide,
  reading((value: bigint) => (value < 2n ** 53n ? Number(value) : 'it is beyond 2^53')),
);
const text = v.string('text is expected');
const name = v.pipe(
  text,
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, ({ received }) => `${received} is no name: letters, digits and _`),
);
const listName = v.pipe(
  text,
  v.regex(/^[A-Za-z0-9_%]+$/, ({ received }) => `${received} is no name: letters, digits, _ and %s`),
);

/** One of `choices`, or what was meant. */
function oneOf<const T extends string | number>(
  choices: readonly T[],
): v.PicklistSchema<readonly T[], (issue: v.PicklistIssue) => string> {
  return v.picklist(choices, ({ input }) => {
    const near = typeof input === 'string' ? nearest(input, choices.map(String)) : [];
    const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `it is one of ${choices.join(', ')}`;
    return `"${clip(String(input))}" is not known: ${hint}`;
  });
}

const access = v.pipe(
  text,
  reading((word: string) => {
    const kind = accessKind(word);
    if (kind !== undefined) return kind;
    const near = nearest(word, Object.keys(accessKinds));
    const hint =
      near.length > 0 ? `did you mean ${near.join(' or ')}?` : `it is one of ${Object.keys(accessKinds).join(' ')}`;
    return `"${clip(word)}" is no access: ${hint}`;
  }),
);

const writeEffect = oneOf(['modify', 'w1c', 'w1s', 'w1t', 'w0c', 'w0s', 'w0t', 'clear', 'set']);
const readEffect = oneOf(['clear', 'set', 'modify', 'external']);
const writes = v.union(
  [v.picklist(['as-read', 'named']), v.strictTuple([wide, wide])],
  'it is "as-read", "named" or a range [from, to]',
);

const defaults = {
  width: v.optional(oneOf([8, 16, 32, 64])),
  access: v.optional(access),
  reset: v.optional(wide),
  resetMask: v.optional(wide),
};
const described = { title: v.optional(text), description: v.optional(text) };
const repeated = {
  count: v.optional(whole),
  stride: v.optional(whole),
  names: v.optional(v.array(listName, 'a list of names is expected')),
};
const effects = {
  access: v.optional(access),
  writeEffect: v.optional(writeEffect),
  readEffect: v.optional(readEffect),
  writes: v.optional(writes),
};
const list = (of: string) => v.array(v.unknown(), `a list of ${of} is expected: [ ... ]`);

const entry = {
  name: v.optional(listName),
  offset: whole,
  first: v.optional(whole),
  ...repeated,
  ...described,
  ...defaults,
};

export const mapSchema = v.object({
  format: v.optional(v.literal('vfiodbg-registers')),
  name,
  space: v.optional(text),
  ...described,
  ...defaults,
  registers: list('registers'),
});
export const clusterSchema = v.object({ ...entry, size: v.optional(whole), registers: list('registers') });
export const registerSchema = v.object({
  ...entry,
  ...effects,
  alternate: v.optional(v.boolean()),
  protection: v.optional(oneOf(['secure', 'non-secure', 'privileged'])),
  fields: v.optional(list('fields')),
});
export const fieldSchema = v.object({
  name: v.optional(listName),
  bits: v.pipe(v.union([v.string(), v.number()], 'bits are "7:4" or 7'), reading(bitRangeOf)),
  ...repeated,
  ...effects,
  values: v.optional(
    v.union([v.array(v.unknown()), v.record(v.string(), v.unknown())], 'values are { NAME: 0, ... } or a list'),
  ),
  description: v.optional(text),
});
export const valueSchema = v.object({
  name: text,
  value: anyNumber,
  usage: v.optional(oneOf(['read', 'write', 'both'])),
  description: v.optional(text),
});

export type MapInput = v.InferOutput<typeof mapSchema>;
export type ClusterInput = v.InferOutput<typeof clusterSchema>;
export type RegisterInput = v.InferOutput<typeof registerSchema>;
export type FieldInput = v.InferOutput<typeof fieldSchema>;
export type ValueInput = v.InferOutput<typeof valueSchema>;

export interface Checked<T> {
  /** Undefined where it cannot be used. */
  readonly output?: T;
  readonly wrong: readonly string[];
}

type ObjectSchema = v.GenericSchema & { readonly entries: v.ObjectEntries };

/** What `data` is by `schema`, and what is wrong with it: 'bits: ...'. Keys that nobody knows are wrong, but do no harm. */
export function check<S extends ObjectSchema>(schema: S, data: unknown): Checked<v.InferOutput<S>> {
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    return { wrong: ['an object is expected: { ... }'] };
  const known = Object.keys(schema.entries);
  const wrong = Object.keys(data)
    .filter((key) => !known.includes(key) && !key.startsWith('$'))
    .map((key) => {
      const near = nearest(key, known);
      return `there is no "${clip(key)}" here${near.length > 0 ? `: did you mean ${near.join(' or ')}?` : ''}`;
    });
  const parsed = v.safeParse(schema, data);
  if (parsed.success) return { output: parsed.output, wrong };
  const issues = parsed.issues.map((issue) => {
    const at = v.getDotPath(issue);
    const missing = issue.input === undefined && at !== null;
    return missing ? `"${at}" is missing` : at === null ? issue.message : `${at}: ${issue.message}`;
  });
  return { wrong: [...wrong, ...issues] };
}

/** The name of an entry that may be anything. */
export function nameIn(data: unknown): string | undefined {
  return typeof data === 'object' && data !== null && 'name' in data && typeof data.name === 'string'
    ? clip(data.name)
    : undefined;
}
