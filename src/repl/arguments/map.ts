import { VfioError } from '../../vfio/errors.js';
import { openMapFile } from '../../vfio/registers/map-file.js';
import { didYouMean } from '../did-you-mean.js';
import { parseExpression } from '../expression.js';
import { clip } from '../number.js';
import { Scanner } from '../scanner.js';
import { type Argument, type Candidate, combine } from './argument.js';
import { offsetOf } from './location.js';
import { expandHome } from '../../vfio/home.js';

/** Where a register map goes. */
export interface Place {
  readonly space: string;
  /** Bytes from the start of the space. */
  readonly offset: number;
}

const spaceName = /[A-Za-z_][A-Za-z0-9_-]*/y;

/** SPACE or SPACE+OFFSET: region0+0x1000. Where no device is open any name will do. */
export function place(summary: string): Argument<Place> {
  return {
    label: 'SPACE[+OFFSET]',
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take('SPACE');
      const { names } = words;
      const scanner: Scanner = new Scanner(words.line, word, names);
      const name = scanner.match(spaceName);
      if (name === undefined)
        scanner.fail('a place is a space and an offset', 0, scanner.end, 'such as region0+0x1000');
      const found = names.space(name);
      if (found === undefined && names.spaceNames.length > 0) {
        const hint = didYouMean(name, names.spaceNames) ?? `spaces are ${names.spaceNames.join(', ')}`;
        scanner.fail(`there is no space "${clip(name)}"`, 0, name.length, hint);
      }
      const space = found?.name ?? name;
      if (scanner.done) return { constant: { space, offset: 0 } };
      if (!scanner.accept('+')) scanner.fail('an offset follows behind "+"', scanner.at, scanner.end, `${name}+0x1000`);
      const start = scanner.at;
      const offset = parseExpression(scanner);
      if (!scanner.done) scanner.fail('this does not belong to an offset', scanner.at, scanner.end);
      return combine([offset], ([value = 0n]) => ({ space, offset: offsetOf(scanner, value, start, scanner.end) }));
    },
    complete: (_typed, world) => world.spaceNames.map((text) => ({ text })),
  };
}

/** The name of a register map that is loaded. */
export function mapName(summary: string): Argument<string> {
  return {
    label: 'MAP',
    summary,
    presence: 'required',
    parse: (words) => ({ constant: words.take('MAP').text }),
    complete: (_typed, world) => world.mapNames.map((text) => ({ text })),
  };
}

/** A peripheral of the CMSIS-SVD file that is the argument before it, or a pattern for several. */
export function peripheral(summary: string): Argument<string> {
  return {
    label: 'PERIPHERAL',
    summary,
    presence: 'required',
    parse: (words) => ({ constant: words.take('PERIPHERAL').text }),
    complete: (_typed, _world, _before, earlier) => peripheralsOf(earlier.at(-1) ?? ''),
  };
}

function peripheralsOf(path: string): readonly Candidate[] {
  try {
    const file = openMapFile(expandHome(path));
    if (file.kind === 'own') return [];
    return file.svd.device.peripherals.map(({ name, description }) => ({
      text: name,
      ...(description !== undefined && { summary: clip(description) }),
    }));
  } catch (error) {
    if (error instanceof VfioError) return [];
    throw error;
  }
}
