import type { Caution } from './caution.js';
import { type Register, type RegisterMap, registersIn } from './register-map.js';
import type { Width } from '../width.js';

/** Bytes of the widest register. */
const WIDEST = 8;

/** What a read effect is, in words. */
export const readEffectText = {
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
  /** A map, or what makes it when somebody asks for a register. */
  readonly #sources: { readonly name: string; map: RegisterMap | (() => RegisterMap) }[] = [];
  readonly #profileCautions = new Set<Caution>();
  readonly #listeners = new Set<() => void>();
  // All of these are made when they are first asked for.
  #maps: readonly RegisterMap[] | undefined;
  #registers: readonly Register[] | undefined;
  #byPath: Map<string, Register[]> | undefined;
  /** By the last step of their paths. */
  #byName: Map<string, Register[]> | undefined;
  #byPlace: Map<string, readonly Register[]> | undefined;
  #cautions: Map<string, readonly Caution[]> | undefined;

  get maps(): readonly RegisterMap[] {
    this.#maps ??= this.#sources.map((source) => {
      if (typeof source.map === 'function') source.map = source.map();
      return source.map;
    });
    return this.#maps;
  }

  /** Every register of every map, in their order. */
  get registers(): readonly Register[] {
    this.#registers ??= this.maps.flatMap((map) => [...registersIn(map.children)]);
    return this.#registers;
  }

  /** Adds a map, or puts it in the place of the one of the same name. */
  add(map: RegisterMap): void {
    this.#put(map.name, map);
  }

  /** The same for the map of that name that `make` makes, once somebody asks for a register: many a session never does. */
  addLater(name: string, make: () => RegisterMap): void {
    this.#put(name, make);
  }

  #put(name: string, map: RegisterMap | (() => RegisterMap)): void {
    const known = this.#sources.findIndex((source) => source.name === name);
    if (known >= 0) this.#sources.splice(known, 1, { name, map });
    else this.#sources.push({ name, map });
    this.#changed();
  }

  /** Takes the map of that name away; false where there is none. */
  remove(name: string): boolean {
    const known = this.#sources.findIndex((source) => source.name === name);
    if (known < 0) return false;
    this.#sources.splice(known, 1);
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
    this.#byPath ??= grouped(this.registers, (register) => register.path.toUpperCase());
    const found = this.#byPath.get(path.toUpperCase()) ?? [];
    return space === undefined ? found : found.filter((register) => register.space === space);
  }

  /** The registers whose path ends with the step or steps `end`, but is not all of it: of `space` if it is given. */
  findEnding(end: string, space?: string): readonly Register[] {
    this.#byName ??= grouped(this.registers, ({ path }) => lastStep(path.toUpperCase()));
    const upper = end.toUpperCase();
    const found = this.#byName.get(lastStep(upper)) ?? [];
    return found.filter(
      (register) =>
        (space === undefined || register.space === space) && register.path.toUpperCase().endsWith(`.${upper}`),
    );
  }

  /** The registers that have bytes of [start, end) of `space`, by their offsets; alternates among them. */
  registersIn(space: string, start: number, end: number): readonly Register[] {
    const all = this.#inSpace(space);
    const found: Register[] = [];
    for (let at = firstFrom(all, start - WIDEST + 1, placeOf); at < all.length; at += 1) {
      const register = all[at];
      if (register === undefined || register.offset >= end) break;
      if (register.offset + register.width / 8 > start) found.push(register);
    }
    return found;
  }

  /** The registers of `space`, sorted by their offsets. */
  #inSpace(space: string): readonly Register[] {
    this.#byPlace ??= sorted(
      grouped(this.registers, (register) => register.space),
      placeOf,
    );
    return this.#byPlace.get(space) ?? [];
  }

  /** The register of exactly that place and width, the last map's that is no alternate view: what its bytes are called. */
  registerAt(space: string, offset: number, width: Width): Register | undefined {
    const all = this.#inSpace(space);
    let found: Register | undefined;
    for (let at = firstFrom(all, offset, placeOf); at < all.length; at += 1) {
      const register = all[at];
      if (register === undefined || register.offset !== offset) break;
      if (register.width === width && (found === undefined || register.alternate !== true)) found = register;
    }
    return found;
  }

  /** What must not be read of [start, end) of `space`, sorted by place. */
  cautionsIn(space: string, start: number, end: number): readonly Caution[] {
    this.#cautions ??= sorted(
      grouped(this.#allCautions(), (caution) => caution.space),
      (caution) => caution.start,
    );
    return (this.#cautions.get(space) ?? []).filter((one) => one.start < end && start < one.end);
  }

  #allCautions(): Caution[] {
    const own = this.registers.flatMap(({ readEffect, space, offset, width, path }) =>
      readEffect === undefined
        ? []
        : [{ space, start: offset, end: offset + width / 8, reason: `${path}: ${readEffectText[readEffect]}` }],
    );
    return [...own, ...this.#profileCautions];
  }

  #changed(): void {
    this.#maps = undefined;
    this.#registers = undefined;
    this.#byPath = undefined;
    this.#byName = undefined;
    this.#byPlace = undefined;
    this.#cautions = undefined;
    for (const listener of this.#listeners) listener();
  }
}

function grouped<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    const known = groups.get(key);
    if (known) known.push(one);
    else groups.set(key, [one]);
  }
  return groups;
}

function placeOf({ offset }: Register): number {
  return offset;
}

function sorted<T>(groups: Map<string, T[]>, placeIn: (one: T) => number): Map<string, readonly T[]> {
  for (const group of groups.values()) group.sort((one, other) => placeIn(one) - placeIn(other));
  return groups;
}

/** The index of the first of `all`, which are sorted, that is at `place` or behind it. */
function firstFrom<T>(all: readonly T[], place: number, placeIn: (one: T) => number): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = all[middle];
    if (one !== undefined && placeIn(one) < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

function lastStep(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}
