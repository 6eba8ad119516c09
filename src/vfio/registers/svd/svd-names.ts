import { MOST_REGISTERS } from '../layout.js';
import type { Repeat } from '../sketch.js';
import { type Chain, inherited } from './derivation.js';
import type { Reading } from './reading.js';
import { dimIndexOf, proseOf, short } from './svd-text.js';

/** What a thing is called, and how often it is there. */
export interface Naming {
  /** With %s where a label of a list stands. */
  readonly name: string;
  readonly repeat?: Repeat;
}

/** Names around a register's own: prependToName and appendToName of its peripheral, the alternateGroup behind them. */
export interface Affixes {
  readonly before: string;
  readonly after: string;
}

/**
 * The name of an element and the array or list that it stands for (dimElementGroup). `ownStride` is what dimIncrement is where it is
 * missing. Undefined, and a problem, where there is no name or the array cannot be.
 */
export function namingOf(
  chain: Chain,
  reading: Reading,
  ownStride: number | undefined,
  affixes?: Affixes,
): Naming | undefined {
  const [element] = chain;
  if (element === undefined) return undefined;
  const raw = inherited(chain, 'name')?.text.trim() ?? '';
  if (raw === '') {
    reading.report(element, `this ${element.name} has no name`);
    return undefined;
  }
  const dim = inherited(chain, 'dim');
  const array = raw.endsWith('[%s]');
  const { before = '', after = '' } = affixes ?? {};
  // A placeholder in brackets within a name is a list's, as is one in a field.
  const template = `${before}${raw.replaceAll('[%s]', array ? '' : '%s')}${after}`;
  const name = identifierOf(dim === undefined ? template.replaceAll('%s', '') : template);
  if (name !== template) reading.report(element, `"${short(template)}" is no name: it is called ${name} here`);
  if (dim === undefined) return { name };

  const count = reading.whole(dim);
  if (count === undefined) return undefined;
  if (count > MOST_REGISTERS) {
    reading.report(dim, `dim: ${count} are more than the ${MOST_REGISTERS} registers of a map`);
    return undefined;
  }
  if (!reading.spend(count, dim)) return undefined;
  const increment = inherited(chain, 'dimIncrement');
  const stride = reading.whole(increment) ?? (count === 1 ? 0 : ownStride);
  if (increment === undefined && count > 1) {
    reading.report(dim, `dimIncrement is missing${stride === undefined ? '' : `: ${stride} is taken`}`);
  }
  if (stride === undefined) return undefined;
  const index = inherited(chain, 'dimIndex');
  const labels =
    reading.value(index, (text) => dimIndexOf(text, count)) ?? Array.from({ length: count }, (_, at) => String(at));
  const numbered = labels.every((label) => /^\d{1,9}$/.test(label));
  if (numbered && !name.includes('%s')) {
    return { name, repeat: { kind: 'array', stride, labels, ...titlesOf(chain, labels) } };
  }
  const list = { kind: 'list', stride, labels: labels.map((label) => identifierPart(label)) } as const;
  return { name: name.includes('%s') ? name : `${name}%s`, repeat: list };
}

/** What the elements of an array are called in words (dimArrayIndex). */
function titlesOf(chain: Chain, labels: readonly string[]): Pick<Repeat, 'titles'> {
  const values = inherited(chain, 'dimArrayIndex')?.all('enumeratedValue') ?? [];
  if (values.length === 0) return {};
  const titles = new Map(
    values.map((each) => [each.child('value')?.text.trim(), proseOf(each.child('name')?.text ?? '')]),
  );
  return { titles: labels.map((label) => titles.get(label)) };
}

/** `text` with what a name in the command language cannot hold replaced by _; %s is kept. */
export function identifierOf(text: string): string {
  const kept = text.split('%s').map(identifierPart).join('%s');
  return /^[0-9]/.test(kept) ? `_${kept}` : kept;
}

function identifierPart(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_]/g, '_');
}
