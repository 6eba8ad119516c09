import type { AccessKind } from '../access-word.js';
import type { Protection } from '../register-map.js';
import { registerOf } from '../register-sketch.js';
import type { BlockSketch, RegisterSketch, Sketch } from '../sketch.js';
import type { Width } from '../../width.js';
import { type Chain, type Derivations, inherited, inheritedMembers } from './derivation.js';
import type { Reading } from './reading.js';
import { constraintIn, effectsIn, fieldsIn } from './svd-fields.js';
import { type Affixes, type Naming, namingOf } from './svd-names.js';
import { proseOf } from './svd-text.js';
import { accessWords, protections } from './svd-words.js';
import type { Element } from './xml-tree.js';

/** Clusters in clusters, at the most. */
const DEEPEST = 32;

/** What a register or cluster weighs beside a value of a field. */
const REGISTER = 16;

/** registerPropertiesGroup: what each level hands down to the next. */
export interface Properties {
  readonly size?: number;
  readonly access?: AccessKind['access'];
  readonly protection?: Protection;
  readonly reset?: bigint;
  readonly resetMask?: bigint;
}

export interface RegisterContext {
  readonly reading: Reading;
  readonly derivations: Derivations;
  /** Bytes that one address counts (addressUnitBits). */
  readonly unit: number;
  readonly prefix: string;
  readonly suffix: string;
  /** Within a cluster that is another view of one (alternateCluster). */
  readonly alternate?: boolean;
}

/** What a level says of registerPropertiesGroup, in place of what is handed down to it. */
export function propertiesIn(chain: Chain, reading: Reading, from: Properties): Properties {
  const size = reading.whole(inherited(chain, 'size')) ?? from.size;
  const access = reading.word(inherited(chain, 'access'), accessWords) ?? from.access;
  const protection = reading.word(inherited(chain, 'protection'), protections) ?? from.protection;
  const reset = reading.scaled(inherited(chain, 'resetValue')) ?? from.reset;
  const resetMask = reading.scaled(inherited(chain, 'resetMask')) ?? from.resetMask;
  return {
    ...(size !== undefined && { size }),
    ...(access !== undefined && { access }),
    ...(protection !== undefined && { protection }),
    ...(reset !== undefined && { reset }),
    ...(resetMask !== undefined && { resetMask }),
  };
}

/** The registers and clusters of a peripheral or cluster, with those that it inherits. `around` are the clusters being read. */
export function sketchesIn(
  holder: Chain,
  properties: Properties,
  context: RegisterContext,
  around: readonly Element[] = [],
): Sketch[] {
  const members = inheritedMembers(holder, (element) => {
    const lists = element.name === 'peripheral' ? element.all('registers') : [element];
    return lists.flatMap(({ children }) => children.filter(({ name }) => name === 'register' || name === 'cluster'));
  });
  return members.flatMap((element) => {
    const sketch =
      element.name === 'register'
        ? registerIn(element, properties, context)
        : clusterIn(element, properties, context, around);
    return sketch === undefined ? [] : [sketch];
  });
}

function clusterIn(
  element: Element,
  from: Properties,
  context: RegisterContext,
  around: readonly Element[],
): BlockSketch | undefined {
  const { reading, derivations, unit } = context;
  const chain = derivations.chain(element);
  if (chain.some((each) => around.includes(each))) {
    reading.report(element, 'the cluster holds itself, by what it is derived from: it is left out');
    return undefined;
  }
  if (around.length >= DEEPEST) {
    reading.report(element, `clusters go no deeper than ${DEEPEST}`);
    return undefined;
  }
  const naming = namingOf(chain, reading, undefined);
  const offset = offsetIn(chain, context);
  if (naming === undefined || offset === undefined || !reading.spend(REGISTER, element)) return undefined;
  const within = element.child('alternateCluster') === undefined ? context : { ...context, alternate: true };
  const children = sketchesIn(chain, propertiesIn(chain, reading, from), within, [...around, ...chain]);
  return { kind: 'block', ...commonOf(chain, naming, offset, reading, unit), children };
}

function registerIn(element: Element, from: Properties, context: RegisterContext): RegisterSketch | undefined {
  const { reading, derivations, unit } = context;
  const chain = derivations.chain(element);
  const properties = propertiesIn(chain, reading, from);
  const width = widthOf(properties.size ?? 32, element, reading);
  const group = element.child('alternateGroup')?.text.trim();
  const affixes: Affixes = { before: context.prefix, after: `${context.suffix}${group ? `_${group}` : ''}` };
  const naming = width && namingOf(chain, reading, width / 8 / unit, affixes);
  const offset = offsetIn(chain, context);
  if (!width || !naming || offset === undefined || !reading.spend(REGISTER, element)) return undefined;
  const { access, reset, resetMask, protection } = properties;
  const constraint = constraintIn(chain, reading);
  const common = commonOf(chain, naming, offset, reading, unit);
  if (common.offset % (width / 8) !== 0) {
    reading.report(
      element,
      `${naming.name} lies at 0x${common.offset.toString(16)}, where ${width} bits cannot be accessed at once`,
    );
  }
  const settled = registerOf({
    width,
    kind: effectsIn(chain, reading, { access: access ?? 'rw', writeEffect: 'modify' }),
    accessIsKnown: access !== undefined,
    fields: (kind) => fieldsIn(chain, { reading, derivations, width, kind, constraint }),
    constraint,
    reset,
    resetMask,
  });
  const alternate =
    context.alternate === true ||
    ['alternateRegister', 'alternateGroup'].some((name) => element.child(name) !== undefined);
  return {
    ...common,
    ...settled,
    ...(protection !== undefined && { protection }),
    ...(alternate && { alternate }),
  };
}

function offsetIn(chain: Chain, { reading, unit }: RegisterContext): number | undefined {
  const given = inherited(chain, 'addressOffset');
  if (given === undefined && chain[0] !== undefined) reading.report(chain[0], 'addressOffset is missing');
  const offset = reading.whole(given);
  return offset === undefined ? undefined : offset * unit;
}

function commonOf(
  chain: Chain,
  { name, repeat }: Naming,
  offset: number,
  reading: Reading,
  unit: number,
): Omit<BlockSketch, 'kind' | 'children' | 'size'> {
  const title = proseOf(inherited(chain, 'displayName')?.text ?? '');
  const description = proseOf(inherited(chain, 'description')?.text ?? '');
  const [element] = chain;
  return {
    name,
    offset,
    where: element === undefined ? reading.file : reading.where(element),
    ...(repeat !== undefined && { repeat: { ...repeat, stride: repeat.stride * unit } }),
    ...(title !== '' && { title }),
    ...(description !== '' && { description }),
  };
}

/** The width of the access that a register of `size` bits takes. */
function widthOf(size: number, element: Element, reading: Reading): Width | undefined {
  const width = ([8, 16, 32, 64] as const).find((each) => each >= size);
  if (width === undefined || size < 1) {
    reading.report(element, `${size} bits are no width of a register: it is left out`);
    return undefined;
  }
  if (width !== size) reading.report(element, `no access has ${size} bits: ${width} are taken`);
  return width;
}
