import { type AccessKind, accessWord } from './access-word.js';
import type {
  ClusterEntry,
  EntryDescription,
  FieldEntry,
  MapDescription,
  Numeric,
  RegisterEntry,
  ValueEntry,
} from './map-description.js';
import { patternText } from './notation.js';
import type { Block, FieldDescription, NamedValue, Register, RegisterMap, WriteConstraint } from './register-map.js';

/**
 * A map in the own format: `registerMapOf` makes the same of it, but for what the map was made from. Elements of arrays that are alike but for
 * their places become arrays again. Plain data for JSON: numbers beyond 2^53, masks and reset values are text.
 */
export function descriptionOf({ name, children, description, base = 0 }: RegisterMap): MapDescription {
  const [first] = children;
  return {
    format: 'vfiodbg-registers',
    name: name.replaceAll(/[^A-Za-z0-9_]/g, '_'),
    ...(description !== undefined && { description }),
    ...(first !== undefined && { space: first.space }),
    registers: folded(children.map((node) => entryOf(node, base, folded))),
  };
}

/** The entries of nodes that lie in something at `origin`, each element of an array by itself. */
export function entriesOf(nodes: readonly (Block | Register)[], origin: number): readonly EntryDescription[] {
  return apart(nodes.map((node) => entryOf(node, origin, apart)));
}

/** Makes entries of the members of a block or map. */
type Gather = (nodes: readonly Placed[]) => readonly EntryDescription[];

interface Placed {
  readonly entry: EntryDescription;
  readonly index: number | undefined;
  readonly offset: number;
  /** All that makes two elements of an array alike. */
  readonly likeness: string;
}

/** A node with its offset from `origin`, without it and without its index. */
function entryOf(node: Block | Register, origin: number, gather: Gather): Placed {
  const { name, index, offset } = node;
  const entry = node.kind === 'register' ? registerEntry(node) : clusterEntry(node, gather);
  const title = node.title === undefined ? {} : { title: node.title };
  return {
    entry: { name, offset: '', ...title, ...entry },
    index,
    offset: offset - origin,
    likeness: index === undefined ? '' : JSON.stringify([name, title, entry]),
  };
}

function apart(nodes: readonly Placed[]): readonly EntryDescription[] {
  return nodes.map((node) => ({ ...node.entry, offset: hex(node.offset), ...repeatOf(node, 1, 0) }));
}

/** Runs of alike elements whose indices and places go up in equal steps, as arrays. */
function folded(nodes: readonly Placed[]): EntryDescription[] {
  const entries: EntryDescription[] = [];
  for (let at = 0; at < nodes.length;) {
    const [first, second] = [nodes[at], nodes[at + 1]];
    if (first === undefined) break;
    const stride = second === undefined ? 0 : second.offset - first.offset;
    let count = 1;
    const continues = (next: Placed | undefined): boolean =>
      next !== undefined &&
      stride >= 0 &&
      first.index !== undefined &&
      next.index === first.index + count &&
      next.likeness === first.likeness &&
      next.offset === first.offset + count * stride;
    while (continues(nodes[at + count])) count += 1;
    entries.push({ ...first.entry, offset: hex(first.offset), ...repeatOf(first, count, stride) });
    at += count;
  }
  return entries;
}

/** An array's members: one that stands alone keeps its index as an array of one. */
function repeatOf(
  { index }: Placed,
  count: number,
  stride: number,
): Pick<EntryDescription, 'count' | 'stride' | 'first'> {
  if (index === undefined) return {};
  return { count, stride: hex(count === 1 ? 0 : stride), ...(index !== 0 && { first: index }) };
}

function clusterEntry(
  { size, description, children, offset }: Block,
  gather: Gather,
): Omit<ClusterEntry, 'name' | 'offset' | 'title'> {
  return {
    ...(size !== undefined && { size: hex(size) }),
    ...(description !== undefined && { description }),
    registers: gather(children.map((child) => entryOf(child, offset, gather))),
  };
}

/** A register without its name and place. */
function registerEntry(register: Register): Omit<RegisterEntry, 'name' | 'offset' | 'title'> {
  const { width, access, writeEffect, reset, resetMask, protection, alternate, description, constraint, fields } =
    register;
  // Its fields' read effects are told with them.
  const readEffect = fields.some((field) => field.readEffect === register.readEffect) ? undefined : register.readEffect;
  const own: AccessKind = { access, writeEffect, ...(readEffect !== undefined && { readEffect }) };
  return {
    width,
    ...effectsOf(own),
    ...(constraint !== undefined && { writes: writesOf(constraint) }),
    ...(reset !== undefined && { reset: hex(reset) }),
    ...(resetMask !== undefined && { resetMask: hex(resetMask) }),
    ...(protection !== undefined && { protection }),
    ...(alternate === true && { alternate }),
    ...(description !== undefined && { description }),
    ...(fields.length > 0 && { fields: fields.map((field) => fieldEntry(field, own)) }),
  };
}

/** A field; what it has from its register is left out. */
function fieldEntry(field: FieldDescription, register: AccessKind): FieldEntry {
  const { name, low, bits, access, writeEffect, readEffect, constraint, values, description } = field;
  const same = access === register.access && writeEffect === register.writeEffect && readEffect === register.readEffect;
  return {
    name,
    bits: bits === 1 ? low : `${low + bits - 1}:${low}`,
    ...(!same && effectsOf(field)),
    ...(constraint !== undefined && { writes: writesOf(constraint) }),
    ...(description !== undefined && { description }),
    ...(values.length > 0 && { values: valuesOf(values, bits) }),
  };
}

/** { IDLE: 0 } where that says all; a list where it does not. */
function valuesOf(values: readonly NamedValue[], bits: number): Readonly<Record<string, Numeric>> | ValueEntry[] {
  const entries = values.map(({ name, usage, description, ...range }) => ({
    name,
    value: valueOf(range, bits),
    ...(usage !== 'both' && { usage }),
    ...(description !== undefined && { description }),
  }));
  const unique = new Set(entries.map(({ name }) => name)).size === entries.length;
  // Keys that are numbers would come out in another order.
  const plain = entries.every((entry) => Object.keys(entry).length === 2 && !/^\d|^__proto__$/.test(entry.name));
  return unique && plain ? Object.fromEntries(entries.map(({ name, value }) => [name, value])) : entries;
}

function valueOf(
  { from, to, mask, isDefault }: Pick<NamedValue, 'from' | 'to' | 'mask' | 'isDefault'>,
  bits: number,
): Numeric {
  if (isDefault === true) return 'default';
  if (mask !== undefined) return patternText(from, mask, bits);
  if (from !== to) return `${hex(from)}..${hex(to)}`;
  return from < 10n ? Number(from) : hex(from);
}

function effectsOf(kind: AccessKind): { access: string; writeEffect?: string; readEffect?: string } {
  const word = accessWord(kind);
  if (word !== undefined) return { access: word };
  const { access, writeEffect, readEffect } = kind;
  return { access, ...(writeEffect !== 'modify' && { writeEffect }), ...(readEffect !== undefined && { readEffect }) };
}

function writesOf(constraint: WriteConstraint): 'as-read' | 'named' | readonly [Numeric, Numeric] {
  if (constraint.kind === 'range') return [hex(constraint.from), hex(constraint.to)];
  return constraint.kind === 'enumerated' ? 'named' : 'as-read';
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
