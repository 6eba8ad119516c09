import type { Register } from '../../vfio/registers/register-map.js';
import { type Argument, combine, type Parsed } from './argument.js';
import { completeLocation, type Location, wholeLocation } from './location.js';
import { clip } from '../number.js';
import type { Word } from '../lexer.js';
import type { Words } from './words.js';

/** A register that a map describes. */
export interface DescribedLocation extends Location {
  readonly register: Register;
}

/** A register by its name, at its own width; not a field of it. What a map says of it is in the location's `register`. */
export function register(summary: string): Argument<DescribedLocation> {
  return {
    label: 'REG',
    summary,
    presence: 'required',
    parse: parseRegister,
    complete: completeLocation,
  };
}

/** Reads a LOCATION that must be a register. Throws UsageError only. */
export function parseRegister(words: Words): Parsed<DescribedLocation> {
  const word = words.peek();
  // Looked for with care for time: scripts name a register in every line.
  const [, path, field] =
    word?.text.includes('=') === true ? (/^([A-Za-z_].*)\.(\w+=[^=].*)$/.exec(word.text) ?? []) : [];
  if (word !== undefined && path !== undefined)
    words.fail('a field stands behind its register', word, `${clip(path)} ${clip(field ?? '')}`);
  return asRegister(words, word, wholeLocation(words, 'REG'));
}

/** A LOCATION that was read from `word` on, which must be a register. Throws UsageError only. */
export function asRegister(words: Words, word: Word | undefined, parsed: Parsed<Location>): Parsed<DescribedLocation> {
  return combine([parsed], ([at]) => {
    if (word === undefined || at === undefined) throw new Error('a location was parsed from nothing');
    const { register: found, field, width, space: home, offset } = at;
    const described = found ?? (at.asked ? undefined : words.names.registers.registerAt(home.name, offset, width));
    if (described === undefined) {
      const why = at.name === undefined ? 'no map describes a register there' : `no map describes ${at.name}`;
      words.fail(why, word, 'regs lists the registers that are known; poke writes any place');
    }
    if (field !== undefined)
      words.fail(`${field.name} is a field`, word, `name the register: ${described.path} ${field.name}=VALUE`);
    if (width !== described.width) {
      words.fail(
        `${described.path} has ${described.width} bits`,
        word,
        'leave the width out: a register is accessed at its own',
      );
    }
    return { ...at, register: described, name: described.path };
  });
}
