import type { Space } from '../../vfio/space.js';
import type { Width } from '../../vfio/width.js';
import type { FieldDescription, Register } from '../../vfio/registers/register-map.js';
import type { Names, PathStep, World } from '../environment.js';
import { beginsExpression, parseExpression } from '../expression.js';
import { didYouMean } from '../did-you-mean.js';
import { clip } from '../number.js';
import { Scanner } from '../scanner.js';
import { type Argument, type Candidate, combine, type Parsed } from './argument.js';
import type { Words } from './words.js';

/** One place: a space, an offset in it, and the width to access it with. */
export interface Location {
  readonly space: Space;
  /** Bytes from the start of the space. */
  readonly offset: number;
  /** What was asked for (:16, .w), else the register's own, else 32. */
  readonly width: Width;
  /** The width was asked for. */
  readonly asked: boolean;
  /** The register's canonical name without its space ('CTRL'), where the place was named so. */
  readonly name?: string;
  /** That register, where a map describes it. */
  readonly register?: Register;
  /** The field of it that was named. */
  readonly field?: FieldDescription;
}

/** How the parts of a location are told apart. */
export interface LocationContext {
  /** The scanner to read the offset from that follows a space's name; by default the same one, behind white space. */
  readonly offsetAfter?: () => Scanner;
  /** The width from behind the command word. */
  readonly width?: Width | undefined;
}

const spaceName = /[A-Za-z_][A-Za-z0-9_-]*/y;
const registerName = /[A-Za-z_][A-Za-z0-9_]*/y;
const widthSuffix = /:[0-9A-Za-z]*/y;

/** LOCATION: `region0 0x100`, `region0+0x100:16`, `region0.CTRL`, `region0.CTRL.EN`, `CTRL`, `config.COMMAND`, `ring 0x40`. */
export function location(summary: string): Argument<Location> {
  return {
    label: 'LOCATION',
    summary,
    presence: 'required',
    parse: (words) => wholeLocation(words),
    complete: completeLocation,
  };
}

/** The name of a space: region0, config, a DMA buffer. */
export function space(summary: string): Argument<Space> {
  return {
    label: 'SPACE',
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take('SPACE');
      const found = words.names.space(word.text);
      return {
        constant: found ?? words.fail(unknownSpace(words.names, word.text), word, spaceHint(words.names, word.text)),
      };
    },
    complete: (_typed, world) => world.spaceNames.map((text) => ({ text })),
  };
}

/** The words of one LOCATION. */
export function wholeLocation(words: Words, label = 'LOCATION'): Parsed<Location> {
  const word = words.take(label);
  let scanner = new Scanner(words.line, word, words.names);
  const offsetAfter = (): Scanner => {
    if (!scanner.done) return scanner;
    const next = words.peek();
    const example = `such as ${clip(word.text)} 0x0`;
    if (next === undefined) words.fail(`the offset in ${clip(word.text)} is missing`, word, example);
    if (!beginsExpression(next.text)) words.fail(`"${clip(next.text)}" is no offset`, next, example);
    scanner = new Scanner(words.line, words.take('OFFSET'), words.names);
    return scanner;
  };
  const parsed = parseLocation(scanner, { offsetAfter, width: words.width });
  if (!scanner.done)
    scanner.fail(`"${clip(scanner.text.slice(scanner.at))}" does not belong to a location`, scanner.at, scanner.end);
  return parsed;
}

/** Reads a LOCATION from where the scanner stands. Throws UsageError only. */
export function parseLocation(scanner: Scanner, context: LocationContext): Parsed<Location> {
  scanner.skipSpace();
  const { names } = scanner;
  const start = scanner.at;
  const first = scanner.match(spaceName);
  if (first === undefined) {
    if (!beginsExpression(scanner.char))
      scanner.fail(scanner.done ? 'LOCATION is missing' : 'a LOCATION is a space and an offset, or a register');
    const home = names.defaultSpace;
    if (home === undefined) {
      scanner.fail(
        'in which space is this offset?',
        start,
        scanner.end,
        'write region0 0x0, or choose a space first: use region0',
      );
    }
    return atOffset(scanner, home, context);
  }
  const found = names.space(first);
  if (found === undefined) return atRegister(scanner, undefined, first, start, context);
  if (scanner.char === '+') {
    scanner.at += 1;
    return atOffset(scanner, found, context);
  }
  if (scanner.accept('.')) {
    const name = scanner.match(registerName);
    if (name === undefined) scanner.fail('a register\'s name is missing behind "."', scanner.at - 1, scanner.at);
    return atRegister(scanner, found, name, start, context);
  }
  const separate = context.offsetAfter?.() ?? scanner;
  separate.skipSpace();
  if (!beginsExpression(separate.char)) {
    separate.fail(
      `the offset in ${clip(first)} is missing`,
      start,
      Math.max(start + 1, separate.at),
      `such as ${clip(first)} 0x0`,
    );
  }
  return atOffset(separate, found, context);
}

/** An offset in `home`, with the width behind it. */
export function atOffset(scanner: Scanner, home: Space, context: LocationContext): Parsed<Location> {
  const start = scanner.at;
  const offset = parseExpression(scanner);
  const end = scanner.at;
  const asked = parseWidth(scanner, context);
  return combine([offset], ([value = 0n]) => ({
    space: home,
    offset: offsetOf(scanner, value, start, end),
    width: asked ?? 32,
    asked: asked !== undefined,
  }));
}

/** A value as an offset: below 2^53, so that a number holds it. */
export function offsetOf(scanner: Scanner, value: bigint, start: number, end: number): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw scanner.error(
      `0x${value.toString(16)} is no offset`,
      start,
      end,
      'offsets are below 2^53, and below the size of their space',
    );
  }
  return Number(value);
}

function atRegister(
  scanner: Scanner,
  home: Space | undefined,
  first: string,
  start: number,
  context: LocationContext,
): Parsed<Location> {
  const { names } = scanner;
  const steps: Parsed<PathStep>[] = [parseStep(scanner, first)];
  while (scanner.accept('.')) {
    const name = scanner.match(registerName);
    if (name === undefined) scanner.fail('a name is missing behind "."', scanner.at - 1, scanner.at);
    steps.push(parseStep(scanner, name));
  }
  const end = scanner.at;
  const asked = parseWidth(scanner, context);
  return combine(steps, (path) => {
    const register = names.register(home?.name, path);
    if (typeof register === 'string') {
      if (home !== undefined) throw scanner.error(register, start, end);
      const described = names.spaceNames.length > 0 && names.registers.registers.length > 0;
      if (described) throw scanner.error(eitherWay(register), start, end, hintBeside(register, names, first));
      const message = `${unknownSpace(names, first)}, and as a register: ${register}`;
      throw scanner.error(message, start, end, spaceHint(names, first));
    }
    const holder = names.space(register.space);
    if (holder === undefined) throw scanner.error(unknownSpace(names, register.space), start, end);
    if (register.field !== undefined && asked !== undefined && asked !== register.width) {
      const hint = `leave the width out, or give an offset: ${register.space} 0x${register.offset.toString(16)}`;
      throw scanner.error(
        `${register.name} has ${register.width} bits: a field is accessed with all of them`,
        start,
        end,
        hint,
      );
    }
    return {
      space: holder,
      offset: register.offset,
      width: asked ?? register.width,
      asked: asked !== undefined,
      name: register.name,
      ...(register.register && { register: register.register }),
      ...(register.field && { field: register.field }),
    };
  });
}

function parseStep(scanner: Scanner, name: string): Parsed<PathStep> {
  if (scanner.char !== '[') return { constant: { name } };
  const start = scanner.at;
  scanner.at += 1;
  const index = scanner.nested(() => parseExpression(scanner));
  scanner.skipSpace();
  if (!scanner.accept(']')) scanner.fail('an index ends with "]"', start, scanner.at);
  const end = scanner.at;
  return combine([index], ([value = 0n]) => ({ name, index: offsetOf(scanner, value, start, end) }));
}

/** The width behind a location, or else the one behind the command word. */
function parseWidth(scanner: Scanner, context: LocationContext): Width | undefined {
  const start = scanner.at;
  const suffix = scanner.match(widthSuffix);
  if (suffix === undefined) return context.width;
  const width = ([8, 16, 32, 64] as const).find((bits) => suffix === `:${bits}`);
  if (width === undefined)
    scanner.fail(`"${clip(suffix)}" is no width`, start, scanner.at, 'widths are :8 :16 :32 :64');
  if (context.width !== undefined && context.width !== width) {
    scanner.fail(
      `the command asks for ${context.width} bits, the location for ${width}`,
      start,
      scanner.at,
      'leave one of them out',
    );
  }
  return width;
}

function unknownSpace(names: Names, name: string): string {
  return names.spaceNames.length === 0
    ? `no device is open, so there is no space "${clip(name)}"`
    : `there is no space "${clip(name)}"`;
}

/** Why a word names no register, where it could have been a space as well. */
function eitherWay(why: string): string {
  return why.replace(/^there is no register/, 'there is no space and no register');
}

/** What to try where a word names neither; nothing where `why` proposes something, or tells what the word does name. */
function hintBeside(why: string, names: Names, name: string): string | undefined {
  if (why.includes('did you mean') || !why.startsWith('there is no register'))
    return didYouMean(name, names.spaceNames);
  return spaceHint(names, name);
}

function spaceHint(names: Names, name: string): string {
  if (names.spaceNames.length === 0) return 'open DEVICE (try sim:edu)';
  if (name === 'iova') return 'it is there once memory is mapped for the device: dma alloc NAME SIZE';
  return didYouMean(name, names.spaceNames) ?? `spaces are ${names.spaceNames.join(', ')}`;
}

export function completeLocation(typed: string, world: World, before: readonly string[]): readonly Candidate[] {
  if (before.length > 0) return [];
  return [...world.spaceNames.map((text) => ({ text, more: true })), ...world.registerNames(typed)];
}
