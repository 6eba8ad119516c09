import type { Reading } from './reading.js';
import { short } from './svd-text.js';
import type { Element } from './xml-tree.js';

/** What can be derived from, by the names of their elements. */
const derivable: ReadonlySet<string> = new Set(['peripheral', 'cluster', 'register', 'field', 'enumeratedValues']);

/** Never inherited: they say where one thing is, and not what it is like. */
const ownOnly: ReadonlySet<string> = new Set([
  'name',
  'alternateRegister',
  'alternateGroup',
  'alternateCluster',
  'alternatePeripheral',
]);
const dimensions: ReadonlySet<string> = new Set(['dim', 'dimIncrement', 'dimIndex', 'dimName', 'dimArrayIndex']);

/** Candidates that are looked at for all of a file, at the most: names that fit everywhere would take for ever. */
const MOST_LOOKS = 1_000_000;
/** Bases behind one another: files of chip makers have three. Each of a long chain would be walked to its end. */
const MOST_BASES = 16;

/** An element with what it is derived from: itself first, then its base, then the base of that. */
export type Chain = readonly Element[];

/** Finds what `derivedFrom` names, wherever it stands in the file. */
export class Derivations {
  readonly #reading: Reading;
  /** Elements that can be derived from, by kind and last name. */
  readonly #named = new Map<string, Element[]>();
  /** Those with a %s in their names: each of their elements may be meant. */
  readonly #templates: Element[] = [];
  readonly #chains = new Map<Element, Chain>();
  /** The named members of a container, by kind and name. */
  readonly #members = new Map<Element, ReadonlyMap<string, Element>>();
  #looks = 0;

  constructor(root: Element, reading: Reading) {
    this.#reading = reading;
    const open = [root];
    for (let element = open.pop(); element !== undefined; element = open.pop()) {
      if (derivable.has(element.name)) this.#note(element);
      open.push(...element.children);
    }
  }

  #note(element: Element): void {
    const name = nameOf(element);
    if (name === '') return;
    const key = `${element.name} ${name}`;
    const known = this.#named.get(key);
    if (known) known.push(element);
    else this.#named.set(key, [element]);
    if (name.includes('%s')) this.#templates.push(element);
  }

  /** The element with all its bases; one that leads back to itself is a problem, and ends the chain. */
  chain(element: Element): Chain {
    const known = this.#chains.get(element);
    if (known !== undefined) return known;
    const chain = [element];
    for (let last = element; ;) {
      const base = this.#base(last);
      if (base === undefined) break;
      if (chain.includes(base) || isWithin(last, base)) {
        const names = [...chain, base].map(nameOf);
        this.#reading.report(last, `derivedFrom goes in circles: ${names.join(' from ')}`);
        break;
      }
      if (chain.length > MOST_BASES) {
        this.#reading.report(
          element,
          `derivedFrom: more than ${MOST_BASES} stand behind one another: the rest is left out`,
        );
        break;
      }
      chain.push(base);
      last = base;
    }
    this.#chains.set(element, chain);
    return chain;
  }

  #base(element: Element): Element | undefined {
    const path = element.derivedFrom?.trim();
    if (path === undefined || path === '') return undefined;
    const steps = path.split('.');
    const last = steps.at(-1) ?? '';
    const key = `${element.name} ${last}`;
    const sibling = steps.length === 1 && element.parent ? this.#membersOf(element.parent).get(key) : undefined;
    if (sibling !== undefined && sibling !== element) return sibling;
    const exact = this.#named.get(key) ?? [];
    const all =
      exact.length > 0
        ? exact
        : this.#templates.filter((each) => each.name === element.name && isElementOf(nameOf(each), last));
    this.#looks += exact.length > 0 ? exact.length : this.#templates.length;
    if (this.#looks > MOST_LOOKS) {
      this.#reading.report(element, 'derivedFrom: too many names of the file are alike to find this one');
      return undefined;
    }
    const fitting = all.filter((each) => each !== element && endsWith(each, steps));
    const best = nearestTo(element, fitting);
    if (best === undefined) {
      const self = all.includes(element) && all.length === 1;
      this.#reading.report(
        element,
        self ? `derivedFrom: ${short(path)} is itself` : `derivedFrom: there is no ${element.name} ${short(path)}`,
      );
    }
    return best;
  }

  #membersOf(container: Element): ReadonlyMap<string, Element> {
    let members = this.#members.get(container);
    if (members === undefined) {
      // The first of a name counts: later ones are left out of the map too.
      members = new Map(
        container.children
          .filter(({ name }) => derivable.has(name))
          .toReversed()
          .map((each) => [`${each.name} ${nameOf(each)}`, each]),
      );
      this.#members.set(container, members);
    }
    return members;
  }
}

/** The first of the chain that has a child of that name. */
export function inherited(chain: Chain, name: string): Element | undefined {
  const [own] = chain;
  if (own === undefined) return undefined;
  if (ownOnly.has(name)) return own.child(name) ?? (name === 'name' ? firstOf(chain, name) : undefined);
  // An array's size belongs to the name with %s in it: a single one that is derived from an array is no array.
  if (dimensions.has(name) && own.child('dim') === undefined && !nameOf(own).includes('%s')) return undefined;
  return firstOf(chain, name);
}

function firstOf(chain: Chain, name: string): Element | undefined {
  for (const element of chain) {
    const child = element.child(name);
    if (child !== undefined) return child;
  }
  return undefined;
}

/**
 * What the containers `container` of a chain hold together: the bases' first, in their order, each in the place of the one of the same name
 * further up; then what is new.
 */
export function inheritedMembers(
  chain: Chain,
  membersOf: (element: Element) => readonly Element[],
): readonly Element[] {
  if (chain.length === 1) return membersOf(chain[0] as Element);
  const members = new Map<string, Element>();
  for (const element of chain.toReversed()) {
    for (const member of membersOf(element)) members.set(`${member.name} ${nameOf(member) || member.line}`, member);
  }
  return [...members.values()];
}

export function nameOf(element: Element): string {
  return element.child('name')?.text.trim() ?? '';
}

/** Whether `name` is one of the elements of the template: CH3 of CH%s, CH[3] or CH of CH[%s]. */
function isElementOf(template: string, name: string): boolean {
  if (template.replace('[%s]', '') === name || template.replace('%s', '') === name) return true;
  const [before = '', after = ''] = template.split('%s');
  const bracketless = template.replace('[%s]', '%s').split('%s');
  const fits = (head: string, tail: string): boolean =>
    name.length > head.length + tail.length &&
    name.startsWith(head) &&
    name.endsWith(tail) &&
    /^\w+$/.test(name.slice(head.length, name.length - tail.length));
  return fits(before, after) || fits(bracketless[0] ?? '', bracketless[1] ?? '');
}

/** The elements around it that have names, from the outermost peripheral to itself. */
function pathOf(element: Element): string[] {
  const path: string[] = [];
  for (let each: Element | undefined = element; each !== undefined; each = each.parent) {
    if (derivable.has(each.name)) path.unshift(nameOf(each));
  }
  return path;
}

/** Whether a path written in a file may mean `element`: each step in its order, clusters and what is understood left out. */
function endsWith(element: Element, steps: readonly string[]): boolean {
  let left = steps.length - 1;
  for (const name of pathOf(element).toReversed()) {
    if (left < 0) return true;
    const step = steps[left] ?? '';
    if (name === step || (name.includes('%s') && isElementOf(name, step))) left -= 1;
    else if (left === steps.length - 1) return false;
  }
  return left < 0;
}

/** The candidate that shares the most of what is around it: the same register's, then the same cluster's, the same peripheral's. */
function nearestTo(element: Element, candidates: readonly Element[]): Element | undefined {
  const around = new Set<Element>();
  for (let each = element.parent; each !== undefined; each = each.parent) around.add(each);
  let best: Element | undefined;
  let shared = -1;
  for (const candidate of candidates) {
    let count = 0;
    for (let each = candidate.parent; each !== undefined; each = each.parent) if (around.has(each)) count += 1;
    if (count > shared) [best, shared] = [candidate, count];
  }
  return best;
}

function isWithin(element: Element, outer: Element): boolean {
  for (let each = element.parent; each !== undefined; each = each.parent) if (each === outer) return true;
  return false;
}
