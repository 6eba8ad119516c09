import type { Register } from '../../vfio/registers/register-map.js';
import { findRegister, selectRegisters } from '../../vfio/registers/lookup.js';
import { nearest } from '../../vfio/nearest.js';
import type { RegisterSet } from '../../vfio/registers/register-set.js';
import { clip } from '../number.js';
import type { Argument } from './argument.js';
import type { Words } from './words.js';
import type { Word } from '../lexer.js';

/** What one word names: one register or more. */
export interface Registers {
  readonly typed: string;
  readonly found: readonly Register[];
}

/**
 * NAME: registers by name. `*` stands for any characters of a step, `?` for one; a block or a space for all that is in it, an array for all of
 * its elements: region0.UART*.CR?, UART0, region0, CH.STATUS.
 */
export function registers(summary: string): Argument<Registers> {
  return {
    label: 'NAME',
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take('NAME');
      return { constant: { typed: word.text, found: select(words, word, words.names.registers) } };
    },
    complete: (typed, world) => [
      ...world.spaceNames.map((text) => ({ text, more: true })),
      ...world.registerNames(typed),
    ],
  };
}

/** What one word names among registers that are known only when the command runs. */
export interface RegistersAmong {
  /** Throws UsageError where it names none of `known`. */
  in(known: RegisterSet): readonly Register[];
}

/** NAME as above, of registers that need not be the device's: a file that the command reads may describe them. */
export function registersAmong(summary: string): Argument<RegistersAmong> {
  return {
    ...registers(summary),
    parse(words) {
      const word = words.take('NAME');
      return { constant: { in: (known) => select(words, word, known) } };
    },
  };
}

/** The name of one register, which need not be of an open device. */
export function describedRegister(summary: string): Argument<Register> {
  return {
    label: 'REG',
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take('REG');
      const steps = word.text.split('.').map((name) => ({ name }));
      const known = words.names.registers;
      const [first, ...below] = steps;
      const space =
        words.names.space(first?.name ?? '')?.name ?? known.registers.find((one) => one.space === first?.name)?.space;
      const found = findRegister(known, space, space === undefined ? steps : below);
      if (typeof found === 'string') {
        const none = known.registers.length === 0;
        return words.fail(
          found,
          word,
          none ? 'open a device that has one, or load one' : 'regs lists the registers that are known',
        );
      }
      const { register, field } = found;
      if (field !== undefined) words.fail(`${field.name} is a field`, word, `name the register: ${register.path}`);
      return { constant: register };
    },
    complete: (typed, world) => world.registerNames(typed),
  };
}

function select(words: Words, word: Word, known: RegisterSet): readonly Register[] {
  const { names } = words;
  const dot = word.text.indexOf('.');
  const space = names.space(dot < 0 ? word.text : word.text.slice(0, dot))?.name;
  const pattern = space === undefined ? word.text : dot < 0 ? '*' : word.text.slice(dot + 1);
  const found = selectRegisters(known, pattern, space);
  if (found.length > 0) return found;
  return words.fail(why(known.registers, pattern, space), word, hint(known.registers, pattern, space));
}

function why(known: readonly Register[], pattern: string, space: string | undefined): string {
  if (known.length === 0) return 'no register map is loaded';
  if (space !== undefined && !known.some((register) => register.space === space)) return `no map describes ${space}`;
  return `${space === undefined ? 'there is' : `${space} has`} no register "${clip(pattern)}"`;
}

function hint(known: readonly Register[], pattern: string, space: string | undefined): string {
  const there = known.filter((register) => space === undefined || register.space === space);
  const near = nearest(pattern, [...new Set(there.map(({ path }) => path))]);
  return near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'regs lists the registers that are known';
}
