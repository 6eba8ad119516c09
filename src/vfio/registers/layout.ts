import type { Block, MapProblem, Register } from './register-map.js';
import type { Sketch } from './sketch.js';

/** Registers and blocks of one map, at the most: an array of arrays can ask for any number. */
export const MOST_REGISTERS = 2 ** 18;

export interface Place {
  readonly space: string;
  /** Bytes from the start of the space. */
  readonly base: number;
  /** Registers and blocks that there is room for; MOST_REGISTERS by default. */
  readonly most?: number;
}

export interface Laid {
  readonly children: readonly (Block | Register)[];
  readonly problems: readonly MapProblem[];
}

/** Lays every array out: each element of it becomes a node with a path and an offset of its own. */
export function layOut(sketches: readonly Sketch[], { space, base, most = MOST_REGISTERS }: Place): Laid {
  const layout = new Layout(space, most);
  return { children: markAlternates(layout.all(sketches, base, '')), problems: layout.problems };
}

class Layout {
  readonly problems: MapProblem[] = [];
  readonly #space: string;
  readonly #most: number;
  #left: number;

  constructor(space: string, most: number) {
    this.#space = space;
    this.#most = most;
    this.#left = most;
  }

  /** What lies within the block `within`, whose offset is `origin`. */
  all(sketches: readonly Sketch[], origin: number, within: string): (Block | Register)[] {
    const taken = new Set<string>();
    return sketches.flatMap((sketch) => this.#elements(sketch, origin, within, taken));
  }

  #elements(sketch: Sketch, origin: number, within: string, taken: Set<string>): (Block | Register)[] {
    const { name, repeat, offset: first, where: _where, title, description, ...rest } = sketch;
    const node =
      rest.kind === 'register' ? rest : { kind: rest.kind, ...(rest.size !== undefined && { size: rest.size }) };
    const prefix = within === '' ? '' : `${within}.`;
    const found: (Block | Register)[] = [];
    const add = (own: string, at: number, label = '', index?: number): void => {
      const path = `${prefix}${index === undefined ? own : `${own}[${index}]`}`;
      const offset = origin + first + at * (repeat?.stride ?? 0);
      if (!this.#admit(sketch, offset)) return;
      const heading = repeat?.titles?.[at] ?? title?.replaceAll('%s', label);
      const place = {
        name: own,
        path,
        space: this.#space,
        offset,
        ...(index !== undefined && { index }),
        ...(heading !== undefined && { title: heading }),
        ...(description !== undefined && {
          description: label === '' ? description : description.replaceAll('%s', label),
        }),
      };
      if (node.kind === 'register') found.push({ ...node, ...place });
      else if (rest.kind === 'block')
        found.push({ ...node, ...place, children: this.all(rest.children, offset, path) });
    };
    if (repeat === undefined) add(this.#free(sketch, name, taken), 0);
    else if (repeat.kind === 'array') {
      const own = this.#freeArray(sketch, name, taken);
      for (const [at, label] of repeat.labels.entries()) add(own, at, label, Number(label));
    } else {
      for (const [at, label] of repeat.labels.entries()) add(this.#free(sketch, nameOf(name, label), taken), at, label);
    }
    return found;
  }

  /** Whether one more can be there, at `offset`. */
  #admit(sketch: Sketch, offset: number): boolean {
    if (this.#left <= 0) {
      if (this.#left === 0) this.#report(sketch, `more than ${this.#most} registers: the map ends here`);
      this.#left = -1;
      return false;
    }
    this.#left -= 1;
    if (Number.isSafeInteger(offset)) return true;
    this.#report(sketch, `${sketch.name} lies beyond 2^53 bytes`);
    return false;
  }

  /** `name`, or with a number behind it where something else has it: a register that is left out would not be warned of either. */
  #free(sketch: Sketch, name: string, taken: Set<string>): string {
    let free = name;
    for (let number = 2; taken.has(free.toUpperCase()); number += 1) free = `${name}_${number}`;
    if (free !== name) this.#report(sketch, `there are two of the name ${name}: this one is called ${free}`);
    taken.add(free.toUpperCase());
    return free;
  }

  /** The same for an array: two of the same name may share it, as long as their indices differ. */
  #freeArray(sketch: Sketch, name: string, taken: Set<string>): string {
    const labels = sketch.repeat?.labels ?? [];
    const isTaken = (own: string): boolean => labels.some((label) => taken.has(`${own.toUpperCase()}[${label}]`));
    let free = name;
    for (let number = 2; isTaken(free); number += 1) free = `${name}_${number}`;
    if (free !== name) this.#report(sketch, `there are two of the name ${name}[]: this one is called ${free}[]`);
    const upper = free.toUpperCase();
    for (const label of labels) taken.add(`${upper}[${label}]`);
    return free;
  }

  #report({ where }: Sketch, why: string): void {
    this.problems.push({ where, why });
  }
}

/** The name of one of a list: the label stands for %s in it, or is all of it. */
function nameOf(template: string, label: string): string {
  return template.includes('%s') ? template.replaceAll('%s', label) : label;
}

/** Marks the registers that lie where one of those before them in the map does. */
export function markAlternates(nodes: readonly (Block | Register)[]): readonly (Block | Register)[] {
  // Which bytes of each group of eight are taken, as a bit mask.
  const taken = new Map<number, number>();
  const mark = (node: Block | Register): Block | Register => {
    if (node.kind === 'block') return { ...node, children: node.children.map(mark) };
    // One that is declared to be an alternate takes nothing: what it stands beside may come behind it.
    if (node.alternate === true) return node;
    let overlaps = false;
    const bytes = node.width / 8;
    // Two groups where the register lies across their border.
    for (let start = node.offset; start < node.offset + bytes;) {
      const group = Math.floor(start / 8);
      const end = Math.min((group + 1) * 8, node.offset + bytes);
      const mask = ((1 << (end - start)) - 1) << (start - group * 8);
      const known = taken.get(group) ?? 0;
      if ((known & mask) !== 0) overlaps = true;
      taken.set(group, known | mask);
      start = end;
    }
    return overlaps ? { ...node, alternate: true } : node;
  };
  return nodes.map(mark);
}
