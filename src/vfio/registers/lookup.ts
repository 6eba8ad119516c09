import { nearest } from '../nearest.js';
import type { Block, FieldDescription, Register } from './register-map.js';
import { type PathStep, fitsStep, pathText } from './register-path.js';
import type { RegisterSet } from './register-set.js';

/** What a path names. */
export interface FoundRegister {
  readonly register: Register;
  readonly field?: FieldDescription;
}

/** Names that a message lists at the most. */
const MOST_NAMED = 6;

/** 'region0.CH[2].STATUS'. */
export function fullName({ space, path }: Register): string {
  return `${space}.${path}`;
}

/**
 * The register or field at `path`, or why there is none, as a sentence. Case does not matter. A path is the whole of a register's, or, where no
 * register has it, the end of one that no other register ends with: CR is UART0.CR, where there is no UART1.CR. Of alternates the
 * first that is none is meant, of maps that describe the same name the one that was added last.
 */
export function findRegister(
  set: RegisterSet,
  space: string | undefined,
  path: readonly PathStep[],
): FoundRegister | string {
  return lookUp(set, space, path) ?? missing(set, space, pathText(path));
}

/** The same without a word on why there is none, which costs a look at every name. */
export function lookUp(
  set: RegisterSet,
  space: string | undefined,
  path: readonly PathStep[],
): FoundRegister | string | undefined {
  const whole = pathText(path);
  const above = path.length === 1 ? '' : pathText(path.slice(0, -1));
  for (const find of ['find', 'findEnding'] as const) {
    const named = oneOf(set[find](whole, space));
    if (named !== undefined) return typeof named === 'string' ? `${whole} ${named}` : { register: named };
    if (above === '') continue;
    const register = oneOf(set[find](above, space));
    if (typeof register === 'string') return `${above} ${register}`;
    if (register === undefined) continue;
    const last = pathText(path.slice(-1));
    return fieldNamed(register, last) ?? `${fullName(register)} has no field "${last}"${meant(last, register.fields)}`;
  }
  return undefined;
}

/** The field of that name, as something found. */
function fieldNamed(register: Register, name: string): FoundRegister | undefined {
  const field = findField(register, name);
  return field && { register, field };
}

/** The field of `register` that is called `name`, without regard to case. */
export function findField(register: Register, name: string): FieldDescription | undefined {
  const upper = name.toUpperCase();
  return register.fields.find((field) => field.name.toUpperCase() === upper);
}

/** '; did you mean EN?', or which fields there are, or that there are none. */
export function meant(wrong: string, fields: readonly FieldDescription[]): string {
  if (fields.length === 0) return ': its map describes no fields';
  const names = fields.map(({ name }) => name);
  const near = nearest(wrong, names);
  return near.length > 0 ? `; did you mean ${near.join(' or ')}?` : `: it has ${listed(names)}`;
}

/**
 * The register that is meant where several have the name; a string says that nobody knows which. Those of a PCI function's header, COMMAND and
 * STATUS among them, are meant only where no other has the name: every function has them.
 */
function oneOf(named: readonly Register[]): Register | string | undefined {
  if (named.length < 2) return named[0];
  const own = named.filter(({ space }) => space !== 'config');
  const found = own.length > 0 ? own : named;
  const names = new Set(found.map(fullName));
  if (names.size > 1) return `may be ${listed([...names])}`;
  return found.findLast(({ alternate }) => alternate !== true) ?? found[0];
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMED).join(', ');
  return names.length > MOST_NAMED ? `${shown} and ${names.length - MOST_NAMED} more` : shown;
}

/** Why there is no register `text`: no map, an index that is missing, a name that is near, a block. */
function missing(set: RegisterSet, space: string | undefined, text: string): string {
  const where = set.registers.filter((register) => space === undefined || register.space === space);
  if (where.length === 0) return space === undefined ? 'no register map is loaded' : `no map describes ${space}`;
  const selected = selectRegisters(set, text, space);
  const [first] = selected;
  if (first !== undefined) {
    const block = first.path.split('.').length > text.split('.').length;
    return `"${text}" is ${block ? 'a block' : 'an array'} of ${selected.length}: ${listed(selected.map(fullName))}`;
  }
  const near = nearest(text, [...new Set(where.map(({ path }) => path))]);
  const hint = near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
  return `${space === undefined ? 'there is' : `${space} has`} no register "${text}"${hint}`;
}

/**
 * The registers that a pattern names, in the order of the maps, each once: `UART*.CR?` by wildcards that stay within one step, `UART0` all of
 * a block, `CH.STATUS` of every element, `*` everything. A pattern that fits no path from its beginning may fit the ends of paths.
 */
export function selectRegisters(set: RegisterSet, pattern: string, space?: string): readonly Register[] {
  const exact = set.find(pattern, space);
  const one = oneOf(exact);
  if (typeof one === 'object' && !exact.some(({ alternate }) => alternate === true)) return [one];
  const steps = pattern.split('.');
  for (const anchored of [true, false]) {
    const found = new Map<string, Register>();
    for (const { children } of set.maps) collect(children, steps, space, anchored, found);
    if (found.size > 0) return [...found.values()];
  }
  return [];
}

function collect(
  nodes: readonly (Block | Register)[],
  steps: readonly string[],
  space: string | undefined,
  anchored: boolean,
  found: Map<string, Register>,
): void {
  for (const node of nodes) {
    if (node.kind === 'block') {
      // The whole of a block that fits; else what is in it may.
      const inside = fitsPath(node.path, steps, anchored) ? ['**'] : steps;
      collect(node.children, inside, space, anchored, found);
    } else if (
      (space === undefined || node.space === space) &&
      (steps[0] === '**' || fitsPath(node.path, steps, anchored))
    ) {
      // Of two maps that describe one name the later one is meant; alternates are one place under several names.
      const key = fullName(node);
      if (found.get(key) === undefined || node.alternate !== true) found.set(key, node);
    }
  }
}

function fitsPath(path: string, steps: readonly string[], anchored: boolean): boolean {
  const own = path.split('.');
  if (anchored ? own.length !== steps.length : own.length < steps.length) return false;
  const skipped = own.length - steps.length;
  return steps.every((step, index) => fitsStep(own[skipped + index] ?? '', step));
}
