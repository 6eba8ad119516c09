import { selectRegisters } from '../../vfio/registers/lookup.js';
import { beginsExpression } from '../expression.js';
import { type Argument, combine } from './argument.js';
import { type Registers, registers } from './registers.js';
import { type Span, span } from './span.js';
import type { Words } from './words.js';

/** What one part of a list of places names: a place or a range of them, or the registers that a pattern or a block names. */
export type Places =
  | { readonly kind: 'span'; readonly piece: Span }
  | { readonly kind: 'registers'; readonly named: Registers };

/** PLACES: a register, a field, a location, a range; or several registers by a pattern, a block or a space that a map describes. */
export function places(summary: string): Argument<Places> {
  const piece = span(summary);
  const several = registers(summary);
  return {
    label: 'PLACES',
    summary,
    presence: 'required',
    parse(words) {
      if (namesSeveral(words))
        return combine([several.parse(words)], ([named]) => ({ kind: 'registers', named: named as Registers }));
      return combine([piece.parse(words)], ([found]) => ({ kind: 'span', piece: found as Span }));
    },
    complete: (typed, world, before, earlier) => piece.complete(typed, world, before, earlier),
  };
}

/** Whether the next word is no single place: it has wildcards, or is a block, an array, or a space whose registers are known. */
function namesSeveral(words: Words): boolean {
  const [word, next] = [words.peek(), words.peek(1)];
  if (word === undefined || words.width !== undefined || beginsExpression(word.text)) return false;
  if (/[*?]/.test(word.text)) return true;
  const { names } = words;
  const space = names.space(word.text)?.name;
  if (space === undefined) return selectRegisters(names.registers, word.text).length > 1;
  const ranged = next !== undefined && beginsExpression(next.text);
  return !ranged && names.registers.registers.some((register) => register.space === space);
}
