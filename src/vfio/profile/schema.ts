import * as v from 'valibot';
import { architectures } from '../disassembler.js';
import { nearest } from '../nearest.js';
import { numberOf } from '../registers/notation.js';
import type { ProfileDescription } from './description.js';
import { placeShape } from './map-of.js';
import { testOf } from './match.js';

/** An object of which every key is known: one that is spelled wrong would be a caution that does not warn. */
function known<const E extends v.ObjectEntries>(
  entries: E,
): v.StrictObjectSchema<E, v.ErrorMessage<v.StrictObjectIssue>> {
  return v.strictObject(entries, (issue) => {
    if (issue.expected !== 'never') return missingOr('an object is expected: { ... }')(issue);
    const near = nearest(String(issue.input), Object.keys(entries));
    return `there is no such key${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}`;
  });
}

/** What is said of a key that is not there, and of what is no object at all. */
function missingOr(otherwise: string): (issue: { readonly expected: string | null }) => string {
  return ({ expected }) => (expected?.startsWith('"') === true ? 'it is missing' : otherwise);
}

const text = v.pipe(v.string('text is expected'), v.nonEmpty('it is empty'));
const texts = v.array(text, 'a list of texts is expected: [ ... ]');
const number = v.pipe(
  v.union([v.string(), v.number(), v.bigint()], 'a number is expected, such as "0x10"'),
  v.rawCheck(({ dataset, addIssue }) => {
    const value = dataset.typed ? numberOf(dataset.value) : 0n;
    if (typeof value === 'string') addIssue({ message: value });
    else if (value >> 64n !== 0n) addIssue({ message: 'it does not fit 64 bits' });
  }),
);

const match = v.pipe(
  known({
    pci: v.optional(text),
    class: v.optional(text),
    compatible: v.optional(text),
    amba: v.optional(text),
    name: v.optional(text),
    bus: v.optional(
      v.picklist(
        ['pci', 'platform', 'amba', 'ccw', 'ap', 'fsl-mc', 'cdx'],
        'it is one of pci, platform, amba, fsl-mc, cdx',
      ),
    ),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    const test = dataset.typed ? testOf(dataset.value) : '';
    if (typeof test === 'string' && dataset.typed) addIssue({ message: test });
  }),
);

/** A name that a line can use. */
const spaceName = v.pipe(
  text,
  v.regex(/^[A-Za-z_][A-Za-z0-9_-]*$/, ({ received }) => `${received} is no name: letters, digits, _ and -`),
);
/** One or more of them for each region or interrupt. */
const names = v.record(
  text,
  v.union(
    [spaceName, v.array(spaceName)],
    ({ issues }) => issues?.[0]?.message ?? 'a name or a list of names is expected',
  ),
  'names are { region0: "ctrl" }',
);

const list = (of: string): string => `a list of ${of} is expected: [ ... ]`;
const registerFile = known({
  file: text,
  peripheral: v.optional(text),
  base: v.optional(number),
  at: v.optional(
    v.pipe(
      text,
      v.regex(placeShape, ({ received }) => `${received} is no place: write "region0" or "region0+0x1000"`),
    ),
  ),
  as: v.optional(
    v.pipe(
      text,
      v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, ({ received }) => `${received} is no name: letters, digits and _`),
    ),
  ),
});
/** The map's own reader looks into it. */
const map = v.looseObject(
  { name: v.unknown(), registers: v.array(v.unknown(), list('registers')) },
  missingOr('a register map is { "name": "uart", "registers": [ ... ] }, or { "file": "uart.svd" }'),
);
const register = v.lazy((given) => (isObject(given) && 'file' in given ? registerFile : map));
const caution = known({ space: text, offset: v.optional(number), size: v.optional(number), reason: text });

const property = v.union(
  [v.literal(true), text, number, v.array(v.string()), v.array(number)],
  'a property is true (empty), text, a number, or a list of texts or of numbers',
);
const guest = known({
  compatible: v.optional(texts),
  keep: v.optional(texts),
  drop: v.optional(texts),
  properties: v.optional(v.record(text, property)),
  clocks: v.optional(v.array(known({ name: v.optional(text), hertz: number }), list('clocks'))),
  notes: v.optional(texts),
});

const script = v.pipe(
  known({
    summary: v.optional(text),
    lines: v.optional(v.array(v.string(), list('lines'))),
    file: v.optional(text),
    run: v.optional(v.function('a function is expected')),
  }),
  v.check(
    ({ lines, file, run }) => [lines, file, run].filter((one) => one !== undefined).length === 1,
    'it has lines, a file or (in a module) a function run: one of them',
  ),
);

const profile = known({
  format: v.optional(v.literal('vfiodbg-profile', 'it is "vfiodbg-profile", or left out')),
  name: v.optional(
    v.pipe(
      text,
      v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, ({ received }) => `${received} is no name: letters, digits, . _ and -`),
    ),
  ),
  title: v.optional(text),
  source: v.optional(text),
  match: v.optional(v.array(match)),
  includes: v.optional(texts),
  regions: v.optional(names),
  interrupts: v.optional(names),
  registers: v.optional(v.array(register)),
  cautions: v.optional(v.array(caution, list('cautions'))),
  restore: v.optional(texts),
  guest: v.optional(guest),
  scripts: v.optional(v.record(text, script)),
  architecture: v.optional(
    v.pipe(
      text,
      // A family stands for its processors of 64 bits, as it does for disasm.
      v.check(
        (name) => architectures.some((one) => one === name || one === `${name}-64`),
        `there is no such architecture: it is one of ${architectures.join(', ')}`,
      ),
    ),
  ),
  notes: v.optional(texts),
});

/** What can be one or a list of them. */
const listed = ['match', 'registers'] as const;

/** Something that is wrong with a profile: where in the data, and in words that begin with that: 'match[0].pci: ...'. */
export interface Mistake {
  readonly path: readonly (string | number)[];
  readonly why: string;
}

/** `data` as a profile; what is wrong with it, at least one thing. Keys that begin with $ are the author's own. */
export function checkProfile(
  data: unknown,
): { readonly profile: ProfileDescription } | { readonly wrong: readonly Mistake[] } {
  if (!isObject(data)) return { wrong: [{ path: [], why: 'an object is expected: { ... }' }] };
  const given: Record<string, unknown> = Object.fromEntries(
    Object.entries(data).filter(([key]) => !key.startsWith('$')),
  );
  const single = listed.filter((key) => isObject(given[key]));
  for (const key of single) given[key] = [given[key]];
  const parsed = v.safeParse(profile, given);
  if (parsed.success) return { profile: given };
  return {
    wrong: parsed.issues.map((issue) => {
      const path = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)));
      const isSingle = single.some((key) => key === path[0]);
      return { path: isSingle ? path.toSpliced(1, 1) : path, why: `${pathText(path)}: ${issue.message}` };
    }),
  };
}

/** 'cautions[2].offset' */
function pathText(path: readonly (string | number)[]): string {
  const steps = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`));
  return steps.join('').replace(/^\./, '');
}

function isObject(data: unknown): data is object {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}
