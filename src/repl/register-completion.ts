import { readEffectText } from '../vfio/registers/register-set.js';
import type { Block, FieldDescription, Register } from '../vfio/registers/register-map.js';
import { bitsText } from '../vfio/registers/field-value.js';
import type { RegisterSet } from '../vfio/registers/register-set.js';
import type { Candidate } from './arguments/argument.js';
import { configRegisterNames } from './config-registers.js';
import type { Names } from './environment.js';

/** Candidates that are shown at once: of more, only the beginnings that tell them apart. */
const MOST_CANDIDATES = 64;

type Node = Block | Register;

/**
 * How a register's name can go on that begins with `typed`, step by step: blocks and registers of the space or block that is named already, the
 * fields of the register that is. Case does not matter. Looks at descriptions only.
 */
export function registerCandidates(typed: string, names: Pick<Names, 'space' | 'registers'>): readonly Candidate[] {
  const steps = typed.split('.');
  const begun = steps.pop() ?? '';
  const space = steps[0] === undefined ? undefined : names.space(steps[0])?.name;
  const before = typed.slice(0, typed.length - begun.length);
  const below = step(names.registers, space, space === undefined ? steps : steps.slice(1));
  const found = 'fields' in below ? below.fields.map(fieldCandidate) : below.nodes.map(nodeCandidate);
  if (space === 'config' && steps.length === 1)
    found.push(...configRegisterNames.map((text) => ({ text, summary: 'register' })));
  const upper = begun.toUpperCase();
  const fitting = new Map(
    found.filter(({ text }) => text.toUpperCase().startsWith(upper)).map((candidate) => [candidate.text, candidate]),
  );
  return gathered([...fitting.values()], begun.length).map((candidate) => ({
    ...candidate,
    text: before + candidate.text,
    name: true,
  }));
}

/** What can stand behind `steps`. */
function step(
  registers: RegisterSet,
  space: string | undefined,
  steps: readonly string[],
): { readonly nodes: readonly Node[] } | { readonly fields: readonly FieldDescription[] } {
  let nodes: Node[] = registers.maps.flatMap(({ children }) =>
    space === undefined ? children : children.filter((node) => node.space === space),
  );
  for (const [index, wanted] of steps.entries()) {
    const upper = wanted.toUpperCase();
    const named = nodes.filter((node) => lastStep(node).toUpperCase() === upper);
    const register = named.find((node) => node.kind === 'register');
    if (register !== undefined) return { fields: index === steps.length - 1 ? register.fields : [] };
    nodes = named.flatMap((node) => (node.kind === 'block' ? node.children : []));
  }
  return { nodes };
}

function lastStep({ path }: Node): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

function nodeCandidate(node: Node): Candidate {
  const text = lastStep(node);
  if (node.kind === 'block') return { text: `${text}.`, summary: node.title ?? 'block', more: true };
  const effect = node.readEffect === undefined ? '' : `; ${readEffectText[node.readEffect]}`;
  return { text, summary: (node.title ?? 'register') + effect };
}

export function fieldCandidate(field: FieldDescription): Candidate {
  return { text: field.name, summary: `${bitsText(field)} ${field.access}` };
}

/**
 * The candidates themselves where there are few; else the longest beginnings that are few, each once: CH[ for CH[0] to CH[511], and what ten
 * thousand registers begin with.
 */
export function gathered(candidates: readonly Candidate[], typed: number): readonly Candidate[] {
  if (candidates.length <= MOST_CANDIDATES) return candidates;
  let best: Map<string, Candidate> | undefined;
  const longest = Math.max(...candidates.map(({ text }) => text.length));
  for (let length = typed + 1; length <= longest; length += 1) {
    const beginnings = new Map<string, Candidate>();
    for (const candidate of candidates) {
      const { text } = candidate;
      if (text.length <= length) beginnings.set(text, candidate);
      else beginnings.set(text.slice(0, length), { text: text.slice(0, length), more: true });
    }
    if (beginnings.size > MOST_CANDIDATES && best !== undefined) break;
    best = beginnings;
    if (beginnings.size > MOST_CANDIDATES) break;
  }
  return [...(best ?? new Map<string, Candidate>()).values()];
}
