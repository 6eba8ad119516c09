import type { Block, MapProblem, Register } from './register-map.js';
import type { BlockSketch, RegisterSketch, Sketch } from './sketch.js';

/** Registers of one map, at the most: an array of arrays can ask for any number. */
export const MOST_REGISTERS = 2 ** 18;

export interface Place {
  readonly space: string;
  /** Bytes from the start of the space. */
  readonly base: number;
  /** The block that they are in: ''; 'UART0'. */
  readonly path?: string;
}

export interface Laid {
  readonly children: readonly (Block | Register)[];
  readonly problems: readonly MapProblem[];
}

/** Lays every array out: each element of it becomes a node with a path and an offset of its own. */
export function layOut(sketches: readonly Sketch[], { space, base, path = '' }: Place): Laid {
  const problems: MapProblem[] = [];
  let left = MOST_REGISTERS;

  const elements = (sketch: Sketch, origin: number, within: string, taken: Set<string>): (Block | Register)[] => {
    const { repeat } = sketch;
    const names =
      repeat === undefined
        ? [{ name: sketch.name }]
        : repeat.labels.map((label) => nameOf(sketch.name, repeat.kind, label));
    const found: (Block | Register)[] = [];
    for (const [at, { name, index }] of names.entries()) {
      if (left <= 0) {
        if (left === 0) problems.push({ where: sketch.where, why: `more than ${MOST_REGISTERS} registers: the map ends here` });
        left = -1;
        break;
      }
      left -= 1;
      const offset = origin + sketch.offset + at * (repeat?.stride ?? 0);
      if (!Number.isSafeInteger(offset)) {
        problems.push({ where: sketch.where, why: `${name} lies beyond 2^53 bytes` });
        break;
      }
      const own = index === undefined ? name : `${name}[${index}]`;
      if (taken.has(own)) {
        problems.push({ where: sketch.where, why: `there are two of the name ${own}: this one is left out` });
        continue;
      }
      taken.add(own);
      const place = {
        name,
        offset,
        space,
        path: within === '' ? own : `${within}.${own}`,
        ...(index !== undefined && { index }),
      };
      found.push(sketch.kind === 'register' ? registerAt(sketch, place) : blockAt(sketch, place));
    }
    return found;
  };

  const blockAt = (sketch: BlockSketch, place: Pick<Block, 'name' | 'index' | 'path' | 'space' | 'offset'>): Block => ({
    kind: 'block',
    ...place,
    ...(sketch.size !== undefined && { size: sketch.size }),
    ...(sketch.title !== undefined && { title: sketch.title }),
    ...(sketch.description !== undefined && { description: sketch.description }),
    children: all(sketch.children, place.offset, place.path),
  });

  const all = (list: readonly Sketch[], origin: number, within: string): (Block | Register)[] => {
    const taken = new Set<string>();
    return list.flatMap((sketch) => elements(sketch, origin, within, taken));
  };

  const children = markAlternates(all(sketches, base, path));
  return { children, problems };
}

/** The name of one element. 'CH' as an array is CH with an index, as a list with %s in it the label stands there. */
function nameOf(name: string, kind: 'array' | 'list', label: string): { name: string; index?: number } {
  if (kind === 'array') return { name, index: Number(label) };
  return { name: name.includes('%s') ? name.replaceAll('%s', label) : label };
}

function registerAt(
  sketch: RegisterSketch,
  place: Pick<Register, 'name' | 'index' | 'path' | 'space' | 'offset'>,
): Register {
  const { kind, width, access, writeEffect, readEffect, constraint, reset, resetMask, fields } = sketch;
  return {
    kind,
    ...place,
    width,
    access,
    writeEffect,
    ...(readEffect !== undefined && { readEffect }),
    ...(constraint !== undefined && { constraint }),
    ...(reset !== undefined && { reset }),
    ...(resetMask !== undefined && { resetMask }),
    fields,
    ...(sketch.alternate === true && { alternate: true }),
    ...(sketch.title !== undefined && { title: sketch.title }),
    ...(sketch.description !== undefined && { description: sketch.description }),
  };
}

/** Marks the registers that lie where one of those before them in the map does. */
export function markAlternates(nodes: readonly (Block | Register)[]): readonly (Block | Register)[] {
  const taken = new Set<number>();
  const mark = (node: Block | Register): Block | Register => {
    if (node.kind === 'block') return { ...node, children: node.children.map(mark) };
    let overlaps = false;
    for (let byte = node.offset; byte < node.offset + node.width / 8; byte += 1) {
      if (taken.has(byte)) overlaps = true;
      else taken.add(byte);
    }
    return overlaps && node.alternate !== true ? { ...node, alternate: true } : node;
  };
  return nodes.map(mark);
}
