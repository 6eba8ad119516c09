import type { AccessKind } from './access-word.js';
import type { FieldDescription, WriteConstraint } from './register-map.js';
import type { RegisterSketch } from './sketch.js';
import type { Width } from '../width.js';

export interface RegisterFacts {
  readonly width: Width;
  /** What holds for the register, and for fields that do not say otherwise. */
  readonly kind: AccessKind;
  /** Whether anything said what its access is. */
  readonly accessIsKnown: boolean;
  fields(inherited: AccessKind): readonly FieldDescription[];
  readonly constraint?: WriteConstraint | undefined;
  readonly reset?: bigint | undefined;
  readonly resetMask?: bigint | undefined;
}

type Facts = Omit<RegisterSketch, 'name' | 'offset' | 'where' | 'repeat' | 'title' | 'description' | 'alternate'>;

/** A register from what any format says of it: its access and effects settled with those of its fields. */
export function registerOf(facts: RegisterFacts): Facts {
  const { width, kind, constraint, reset, resetMask } = facts;
  const fields = facts.fields(kind).toSorted((one, other) => other.low - one.low);
  // A register that says nothing of its access is what all its fields are.
  const [first] = fields;
  const alike = first !== undefined && fields.every(({ access }) => access === first.access);
  const access = !facts.accessIsKnown && alike ? first.access : kind.access;
  const readEffect = kind.readEffect ?? fields.find((field) => field.readEffect !== undefined)?.readEffect;
  return {
    kind: 'register',
    width,
    access,
    writeEffect: kind.writeEffect,
    ...(readEffect !== undefined && { readEffect }),
    ...(constraint !== undefined && { constraint }),
    ...(reset !== undefined && { reset: BigInt.asUintN(width, reset) }),
    ...(resetMask !== undefined && { resetMask: BigInt.asUintN(width, resetMask) }),
    fields,
  };
}

/** Why a field cannot be one of its register's. */
export function misplaced(
  { name, low, bits }: Pick<FieldDescription, 'name' | 'low' | 'bits'>,
  width: Width,
  taken: ReadonlySet<string>,
): string | undefined {
  if (taken.has(name)) return 'there are two fields of this name: this one is left out';
  return low + bits > width ? `bits ${low + bits - 1}:${low} are beyond the ${width} bits of the register` : undefined;
}
