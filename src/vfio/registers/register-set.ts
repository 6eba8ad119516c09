import type { Caution } from './caution.js';
import { type Register, type RegisterMap, registersIn } from './register-map.js';

const effects = {
  clear: 'reading it clears it',
  set: 'reading it sets it',
  modify: 'reading it changes it',
  external: 'reading it changes something else',
} as const;

/**
 * The register maps of one device, by name and by place, and what of it must not be read by commands that only look around. Knows
 * descriptions only: nothing here accesses the device.
 */
export class RegisterSet {
  readonly #maps: RegisterMap[] = [];
  readonly #profileCautions = new Set<Caution>();
  readonly #listeners = new Set<() => void>();
  #registers: readonly Register[] = [];
  #byPath = new Map<string, Register[]>();
  #cautions: readonly Caution[] | undefined;

  get maps(): readonly RegisterMap[] {
    return this.#maps;
  }

  /** Every register of every map, in their order. */
  get registers(): readonly Register[] {
    return this.#registers;
  }

  /** Adds a map, or puts it in the place of the one of the same name. */
  add(map: RegisterMap): void {
    const known = this.#maps.findIndex(({ name }) => name === map.name);
    if (known >= 0) this.#maps.splice(known, 1, map);
    else this.#maps.push(map);
    this.#changed();
  }

  /** Takes the map of that name away; false where there is none. */
  remove(name: string): boolean {
    const known = this.#maps.findIndex((map) => map.name === name);
    if (known < 0) return false;
    this.#maps.splice(known, 1);
    this.#changed();
    return true;
  }

  /** Adds what a profile warns of, beside what the maps' read effects say. The returned function takes it away again. */
  addCautions(cautions: readonly Caution[]): () => void {
    for (const caution of cautions) this.#profileCautions.add(caution);
    this.#changed();
    return () => {
      for (const caution of cautions) this.#profileCautions.delete(caution);
      this.#changed();
    };
  }

  /** Runs `listener` whenever names may mean something else. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** The registers whose path (without regard to case) is `path`: of `space` if it is given. */
  find(path: string, space?: string): readonly Register[] {
    const found = this.#byPath.get(path.toUpperCase()) ?? [];
    return space === undefined ? found : found.filter((register) => register.space === space);
  }

  /** What must not be read of [start, end) of `space`, sorted by place. */
  cautionsIn(space: string, start: number, end: number): readonly Caution[] {
    this.#cautions ??= this.#allCautions();
    return this.#cautions.filter((one) => one.space === space && one.start < end && start < one.end);
  }

  #allCautions(): Caution[] {
    const own = this.#registers.flatMap(({ readEffect, space, offset, width, path }) =>
      readEffect === undefined
        ? []
        : [{ space, start: offset, end: offset + width / 8, reason: `${path}: ${effects[readEffect]}` }],
    );
    return [...own, ...this.#profileCautions].sort((one, other) => one.start - other.start);
  }

  #changed(): void {
    this.#registers = this.#maps.flatMap((map) => [...registersIn(map.children)]);
    this.#byPath = new Map();
    for (const register of this.#registers) {
      const path = register.path.toUpperCase();
      const known = this.#byPath.get(path);
      if (known) known.push(register);
      else this.#byPath.set(path, [register]);
    }
    this.#cautions = undefined;
    for (const listener of this.#listeners) listener();
  }
}
