import { VfioError } from '../errors.js';
import type { Width } from '../width.js';
import type { AccessKind } from './access-word.js';
import { constraintOf, effectsOf, fieldsOf } from './map-fields.js';
import { MOST_REGISTERS, layOut } from './layout.js';
import type { MapDescription } from './map-description.js';
import {
  type ClusterInput,
  type MapInput,
  type RegisterInput,
  check,
  clusterSchema,
  mapSchema,
  nameIn,
  registerSchema,
} from './map-schema.js';
import type { MapProblem, RegisterMap } from './register-map.js';
import { registerOf } from './register-sketch.js';
import type { BlockSketch, Repeat, Sketch } from './sketch.js';

export interface MapOptions {
  /** Where it comes from, for messages: a file's name, 'profile edu'. */
  readonly origin: string;
  /** The space that the offsets are in: by default what the description says, else region0. */
  readonly space?: string;
  /** Bytes from the start of the space to the map's offset 0. */
  readonly base?: number;
  /** Registers that it may have; MOST_REGISTERS by default. */
  readonly most?: number;
}

/** What registers inherit from the map and from the clusters around them. */
interface Defaults {
  readonly width: Width;
  readonly access?: AccessKind;
  readonly reset?: bigint;
  readonly resetMask?: bigint;
}

/** Clusters in clusters, at the most. */
const DEEPEST = 32;

/** `description` itself, for maps written in TypeScript: its types are checked where it is written. */
export function defineMap(description: MapDescription): MapDescription {
  return description;
}

/**
 * The register map that `data` describes in the own format (MapDescription). What cannot be used of it is left out and is one of the map's
 * problems. Throws VfioError where it is no such description at all.
 */
export function registerMapOf(data: unknown, options: MapOptions): RegisterMap {
  const { origin, most = MOST_REGISTERS } = options;
  const { map, sketches, problems } = sketchesOf(data, origin, most);
  const laid = layOut(sketches, { space: options.space ?? map.space ?? 'region0', base: options.base ?? 0, most });
  return {
    name: map.name,
    origin,
    ...(map.description !== undefined && { description: map.description }),
    ...(options.base !== undefined && { base: options.base }),
    children: laid.children,
    problems: [...problems, ...laid.problems],
  };
}

function sketchesOf(
  data: unknown,
  origin: string,
  most: number,
): { map: MapInput; sketches: Sketch[]; problems: MapProblem[] } {
  const { output: map, wrong } = check(mapSchema, data);
  if (map === undefined) {
    throw new VfioError({
      kind: 'unsupported',
      operation: `read the register map ${origin}`,
      why: wrong.join('; '),
      hint: 'a map is { "name": "uart", "registers": [{ "name": "CTRL", "offset": "0x0", "fields": [...] }] }',
    });
  }
  const reader = new Reader(origin, most);
  reader.report('', wrong);
  const sketches = reader.entries(map.registers, defaultsOf(map), '', 0);
  return { map, sketches, problems: reader.problems };
}

/** Turns entries into sketches, and keeps what was wrong with them. */
class Reader {
  readonly problems: MapProblem[] = [];
  readonly #origin: string;
  readonly #most: number;
  /** Elements of arrays, of all entries together: each becomes a register at the least. */
  #elements = 0;

  constructor(origin: string, most: number) {
    this.#origin = origin;
    this.#most = most;
  }

  report(path: string, wrong: readonly string[]): void {
    for (const why of wrong) this.problems.push({ where: this.#where(path), why });
  }

  #where(path: string): string {
    return path === '' ? this.#origin : `${this.#origin}: ${path}`;
  }

  entries(list: readonly unknown[], inherited: Defaults, within: string, depth: number): Sketch[] {
    return list.flatMap((data, index) => {
      const path = `${within === '' ? '' : `${within}.`}${nameIn(data) ?? `registers[${index}]`}`;
      const isCluster = typeof data === 'object' && data !== null && 'registers' in data;
      const sketch = isCluster ? this.#cluster(data, inherited, path, depth) : this.#register(data, inherited, path);
      return sketch === undefined ? [] : [sketch];
    });
  }

  #cluster(data: unknown, inherited: Defaults, path: string, depth: number): Sketch | undefined {
    const { output, wrong } = check(clusterSchema, data);
    this.report(path, wrong);
    if (output === undefined) return undefined;
    const repeat = this.#repeat(output, undefined);
    if (typeof repeat === 'string' || depth >= DEEPEST) {
      this.report(path, [typeof repeat === 'string' ? repeat : `clusters go no deeper than ${DEEPEST}`]);
      return undefined;
    }
    return {
      kind: 'block',
      ...commonOf(output, repeat, this.#where(path)),
      ...(output.size !== undefined && { size: output.size }),
      children: this.entries(output.registers, defaultsOf(output, inherited), path, depth + 1),
    };
  }

  /** The array or list that an entry asks for; text that says what is wrong with it. `own` is the stride where none is given. */
  #repeat(input: ClusterInput | RegisterInput, own: number | undefined): Repeat | undefined | string {
    const asked = input.names?.length ?? input.count ?? 0;
    this.#elements += asked;
    if (this.#elements <= this.#most) return repeatOf(input, own);
    this.#elements -= asked;
    return `${asked} more are too many: a map has ${this.#most} registers at the most`;
  }

  #register(data: unknown, inherited: Defaults, path: string): Sketch | undefined {
    const { output, wrong } = check(registerSchema, data);
    this.report(path, wrong);
    if (output === undefined) return undefined;
    const { width, access, reset, resetMask } = defaultsOf(output, inherited);
    const repeat = this.#repeat(output, width / 8);
    if (typeof repeat === 'string') {
      this.report(path, [repeat]);
      return undefined;
    }
    if (output.reset !== undefined && output.reset >> BigInt(width) !== 0n) {
      this.report(path, [`reset: 0x${output.reset.toString(16)} does not fit ${width} bits`]);
    }
    const report = (name: string, what: readonly string[]): void => this.report(`${path}.${name}`, what);
    return {
      ...commonOf(output, repeat, this.#where(path)),
      ...registerOf({
        width,
        kind: effectsOf(output, access ?? { access: 'rw', writeEffect: 'modify' }),
        accessIsKnown: access !== undefined,
        fields: (kind) => fieldsOf(output.fields ?? [], { width, kind, report }),
        constraint: constraintOf(output),
        reset,
        resetMask,
      }),
      ...(output.protection !== undefined && { protection: output.protection }),
      ...(output.alternate !== undefined && { alternate: output.alternate }),
    };
  }
}

function defaultsOf(input: MapInput | ClusterInput | RegisterInput, inherited?: Defaults): Defaults {
  const access = input.access ?? inherited?.access;
  const reset = input.reset ?? inherited?.reset;
  const resetMask = input.resetMask ?? inherited?.resetMask;
  return {
    width: input.width ?? inherited?.width ?? 32,
    ...(access !== undefined && { access }),
    ...(reset !== undefined && { reset }),
    ...(resetMask !== undefined && { resetMask }),
  };
}

function commonOf(
  input: ClusterInput | RegisterInput,
  repeat: Repeat | undefined,
  where: string,
): Omit<BlockSketch, 'kind' | 'children' | 'size'> {
  const { offset, title, description } = input;
  return {
    name: input.name ?? '%s',
    offset,
    where,
    ...(repeat !== undefined && { repeat }),
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
  };
}

function repeatOf(input: ClusterInput | RegisterInput, own: number | undefined): Repeat | undefined | string {
  const { name, count, names, first = 0 } = input;
  const stride = input.stride ?? own;
  const isList = names !== undefined || name?.includes('%s') === true;
  if (count === undefined && names === undefined) {
    if (name === undefined) return '"name" is missing';
    return isList ? 'the %s in the name needs a count, or names' : undefined;
  }
  if (stride === undefined) return '"stride" is missing: the bytes from one to the next';
  if (names !== undefined && count !== undefined && names.length !== count) {
    return `count is ${count}, but there are ${names.length} names`;
  }
  const most = names?.length ?? count ?? 0;
  const labels = names ?? Array.from({ length: most }, (_, index) => String(first + index));
  return { kind: isList ? 'list' : 'array', stride, labels };
}
