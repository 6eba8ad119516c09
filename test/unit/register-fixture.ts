import type {
  Block,
  FieldDescription,
  NamedValue,
  Register,
  RegisterMap,
} from '../../src/vfio/registers/register-map.js';

/** A field of `bits` [highest, lowest]; plain read and write where nothing else is said. */
export function field(
  name: string,
  [high, low]: readonly [number, number],
  more: Partial<Omit<FieldDescription, 'values'>> & { readonly values?: Readonly<Record<string, number>> } = {},
): FieldDescription {
  const { values = {}, ...rest } = more;
  const named = Object.entries(values).map(([each, value]): NamedValue => ({
    name: each,
    from: BigInt(value),
    to: BigInt(value),
    usage: 'both',
  }));
  return { name, low, bits: high - low + 1, access: 'rw', writeEffect: 'modify', ...rest, values: named };
}

/** A register of 32 bits in region0 at `offset`; plain read and write where nothing else is said. */
export function register(path: string, offset: number, more: Partial<Register> = {}): Register {
  const [, name = path, index] = /([^.[]+)(?:\[(\d+)\])?$/.exec(path) ?? [];
  return {
    kind: 'register',
    name,
    ...(index !== undefined && { index: Number(index) }),
    path,
    space: 'region0',
    offset,
    width: 32,
    access: 'rw',
    writeEffect: 'modify',
    fields: [],
    ...more,
  };
}

export function block(path: string, offset: number, children: readonly (Block | Register)[]): Block {
  return { kind: 'block', name: path, path, space: children[0]?.space ?? 'region0', offset, children };
}

export function map(name: string, children: readonly (Block | Register)[]): RegisterMap {
  return { name, origin: `map ${name}`, children, problems: [] };
}
