import { VfioError } from '../errors.js';
import { nearest } from '../nearest.js';
import { markAlternates } from './layout.js';
import { entriesOf } from './map-export.js';
import { registerMapOf } from './map-format.js';
import { type Loose, isLoose, listOf, merged } from './merge.js';
import { type Block, type MapProblem, type Register, type RegisterMap, registersIn } from './register-map.js';
import { fitsStep } from './register-path.js';

/** Keys of an overlay's file. */
const keys: readonly string[] = ['overlay', 'for', 'description', 'changes'];

/** What can be said of a block; of a whole map only what is added to it. */
const keysOfBlocks: readonly string[] = ['name', 'title', 'description', 'offset', 'size', 'registers'];

/** One correction: what it is of, and a merge patch of its description in the own format; null takes it away. */
interface Change {
  readonly pattern: string;
  readonly steps: readonly string[];
  readonly change: Loose | null;
}

type Node = Block | Register;

/** Whether `data` says that it is an overlay. */
export function isOverlay(data: unknown): boolean {
  return isLoose(data) && 'overlay' in data;
}

/**
 * A user's corrections of maps, whatever they were made from:
 *
 *     { "overlay": true, "for": "nrf52840*", "changes": {
 *       "UARTE*.RXD.PTR": { "access": "ro", "fields": { "PTR": { "bits": "15:0" }, "OLD": null } },
 *       "UARTE0.ERRORSRC": { "access": "w1c", "readEffect": "clear", "name": "ERRSRC" },
 *       "UARTE0.TASKS_OLD": null,
 *       "UARTE0": { "registers": [{ "name": "SECRET", "offset": "0x600" }] } } }
 *
 * What is named by a path, with the map's or peripheral's name before it or not and with wildcards, takes the keys of the own format in
 * place of its own; null takes a key, or all of it, away; `registers` of a block or map are added to it. One overlay can be applied to
 * several maps; then `unmatched` says what fitted none of them.
 */
export class Overlay {
  readonly origin: string;
  readonly #target: string | undefined;
  readonly #changes: readonly Change[];
  readonly #used = new Set<Change>();
  /** Those that fitted blocks, which have nothing of the kind. */
  readonly #unsaid = new Set<Change>();
  readonly #problems: MapProblem[] = [];

  /** Throws VfioError where `data` is no overlay. */
  constructor(data: unknown, origin: string) {
    this.origin = origin;
    const refuse = (why: string): VfioError =>
      new VfioError({
        kind: 'unsupported',
        operation: `read the overlay ${origin}`,
        why,
        hint: 'an overlay is { "overlay": true, "changes": { "UART*.CTRL": { "access": "ro" }, "UART0.OLD": null } }',
      });
    if (!isLoose(data) || data['overlay'] !== true) throw refuse('it does not say "overlay": true');
    const { for: target, changes } = data;
    if (target !== undefined && typeof target !== 'string') throw refuse('"for" is a name, such as "nrf52840.svd"');
    if (!isLoose(changes)) throw refuse('"changes" is missing: { PATH: change }');
    this.#target = target;
    for (const key of Object.keys(data)) {
      if (!keys.includes(key)) this.#report('', `there is no "${key}" here${meant(key, keys)}`);
    }
    this.#changes = Object.entries(changes).flatMap(([pattern, change]) => {
      if (change === null || isLoose(change)) return [{ pattern, steps: pattern.split('.'), change }];
      this.#report(pattern, 'a change is { ... }, or null to take it away');
      return [];
    });
  }

  /** How many of its changes fitted something so far. */
  get used(): number {
    return this.#used.size;
  }

  /** Whether it is for something of one of these names: a file's, a chip's, a map's. */
  isFor(names: readonly string[]): boolean {
    const target = this.#target;
    return target === undefined || names.some((name) => fitsStep(name, target));
  }

  /** `map` corrected. What is wrong with the corrections is among its problems. */
  apply(map: RegisterMap): RegisterMap {
    const { children, base = 0 } = map;
    const [first] = children;
    const problems = this.#problems.splice(0);
    const read = (registers: readonly unknown[]): readonly Node[] => {
      const where = { origin: this.origin, base, ...(first !== undefined && { space: first.space }) };
      const made = registerMapOf({ name: 'map', registers }, where);
      problems.push(...made.problems);
      return made.children;
    };
    const entries = entriesOf(children, base);
    // Only what was changed is read again.
    const kept = children.flatMap((node, index): readonly Node[] => {
      const entry = entries[index];
      const patched = isLoose(entry) ? this.#patched(map, entry, []) : undefined;
      return patched === entry ? [node] : patched === undefined ? [] : read([patched]);
    });
    const nodes = [...kept, ...read(this.#ownAdditions(map))];
    problems.push(...this.#problems.splice(0));
    return { ...map, children: markAlternates(nodes), problems: [...map.problems, ...problems] };
  }

  /** Changes that fitted nothing; what is in `elsewhere` (peripherals that were not asked for) nobody knows. */
  unmatched(maps: readonly RegisterMap[], elsewhere: readonly string[] = []): MapProblem[] {
    const left = this.#changes.filter(
      (change) => !this.#used.has(change) && !elsewhere.some((name) => fitsStep(name, change.steps[0] ?? '')),
    );
    if (left.length === 0) return [];
    const paths = maps.flatMap((map) =>
      [...registersIn(map.children)].flatMap(({ path }) => [path, `${map.name}.${path}`]),
    );
    return left.map((change) => ({
      where: `${this.origin}: ${change.pattern}`,
      why: this.#unsaid.has(change)
        ? `it is a block or a map, of which ${keysOfBlocks.join(', ')} can be said`
        : `nothing is called so${meant(change.pattern, paths)}`,
    }));
  }

  /** What is added to the map itself. */
  #ownAdditions(map: RegisterMap): readonly Loose[] {
    return added(this.#fitting(map, [], ['registers']));
  }

  /** An entry as its changes make it, itself where there are none, undefined where one takes it away; `above` is the path of what it lies in. */
  #patched(map: RegisterMap, entry: Loose, above: readonly string[]): Loose | undefined {
    const path = [...above, stepOf(entry)];
    const changes = this.#fitting(map, path, 'registers' in entry ? keysOfBlocks : undefined);
    if (changes.some(({ change }) => change === null)) return undefined;
    const own = changes.reduce((one, { pattern, change }) => this.#merged(one, change ?? {}, pattern), entry);
    if (!('registers' in entry)) return own;
    const members = listOf(entry['registers']);
    const patched = members.flatMap((member) => this.#patched(map, member, path) ?? []);
    const same =
      own === entry && patched.length === members.length && patched.every((one, index) => one === members[index]);
    return same ? entry : { ...own, registers: [...patched, ...added(changes)] };
  }

  #merged(entry: Loose, change: Loose, pattern: string): Loose {
    const { registers, ...rest } = change;
    if (registers !== undefined && !('registers' in entry)) this.#report(pattern, 'a register holds no registers');
    return merged(entry, rest, (name) => this.#report(pattern, `there is no ${name} to change`));
  }

  /**
   * The changes of what lies at `path` of the map, said with the map's name or without it. Those that say something else than `keys` do are
   * not of it: * with an access is every register, and not the blocks beside them.
   */
  #fitting(map: RegisterMap, path: readonly string[], sayable?: readonly string[]): Change[] {
    const fits = (own: readonly string[], steps: readonly string[]): boolean =>
      own.length === steps.length && steps.every((step, index) => fitsStep(own[index] ?? '', step));
    const found = this.#changes.filter(({ steps }) => fits([map.name, ...path], steps) || fits(path, steps));
    const usable = found.filter(({ change }) => {
      if (sayable === undefined) return true;
      return change === null ? path.length > 0 : Object.keys(change).every((key) => sayable.includes(key));
    });
    for (const change of found) (usable.includes(change) ? this.#used : this.#unsaid).add(change);
    return usable;
  }

  #report(pattern: string, why: string): void {
    this.#problems.push({ where: pattern === '' ? this.origin : `${this.origin}: ${pattern}`, why });
  }
}

/** The last step of an entry's path: every element of an array has an entry of its own. */
function stepOf({ name, count, first }: Loose): string {
  return count === undefined ? String(name) : `${String(name)}[${Number(first ?? 0)}]`;
}

function added(changes: readonly Change[]): readonly Loose[] {
  return changes.flatMap(({ change }) => listOf(change?.['registers']));
}

function meant(wrong: string, names: readonly string[]): string {
  const near = nearest(wrong, names);
  return near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '';
}
