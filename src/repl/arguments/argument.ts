import type { Words } from './words.js';
import type { Environment, World } from '../environment.js';

/** What a word came to: a constant, or something to be evaluated each time (it names a variable or reads the device). */
export type Parsed<T> = { readonly constant: T } | { readonly evaluate: (environment: Environment) => T };

/** A way to go on with a line: `text` replaces the word that is being typed; `more` says that the word does not end there. */
export interface Candidate {
  readonly text: string;
  readonly summary?: string;
  readonly more?: boolean;
  /** A name of the language: it fits whatever its case, and is never quoted. */
  readonly name?: boolean;
}

/** One declared argument: how it is called in usages, how it is read from the words, and how it is completed. */
export interface Argument<T> {
  /** 'LOCATION', 'COUNT', 'on|off'. */
  readonly label: string;
  readonly summary: string;
  readonly presence: 'required' | 'optional' | 'many';
  /** Takes the rest of the line as it is, `;` and `#` and quotes included. */
  readonly raw?: boolean;
  /** Words that it may take, where fewer are enough: a further one is completed too. */
  readonly most?: number;
  parse(words: Words): Parsed<T>;
  /**
   * Candidates for `typed`, the beginning of a word; `before` are the words of this argument that are typed already, `earlier` those of
   * the arguments before it.
   */
  complete(typed: string, world: World, before: readonly string[], earlier: readonly string[]): readonly Candidate[];
}

/** May be left out: undefined then. */
export function optional<T>(argument: Argument<T>): Argument<T | undefined> {
  return {
    ...argument,
    presence: 'optional',
    parse: (words) => (words.done ? { constant: undefined } : argument.parse(words)),
  };
}

/** May be left out: `fallback` then. */
export function defaulted<T>(argument: Argument<T>, fallback: T): Argument<T> {
  return {
    ...argument,
    presence: 'optional',
    parse: (words) => (words.done ? { constant: fallback } : argument.parse(words)),
  };
}

/** As many as there are; `least` of them at the least (0 by default). Nothing can follow it. */
export function many<T>(argument: Argument<T>, least = 0): Argument<readonly T[]> {
  return {
    ...argument,
    presence: 'many',
    parse: (words) => {
      const parsed: Parsed<T>[] = [];
      while (!words.done || parsed.length < least) parsed.push(argument.parse(words));
      return combine(parsed, (values) => values);
    },
  };
}

/** Parts parsed each on its own, as one: constant where all of them are. */
export function combine<T, R>(parts: readonly Parsed<T>[], make: (values: readonly T[]) => R): Parsed<R> {
  const constants: T[] = [];
  for (const part of parts) if ('constant' in part) constants.push(part.constant);
  if (constants.length === parts.length) return { constant: make(constants) };
  return { evaluate: (environment) => make(parts.map((part) => valueOf(part, environment))) };
}

export function valueOf<T>(parsed: Parsed<T>, environment: Environment): T {
  return 'constant' in parsed ? parsed.constant : parsed.evaluate(environment);
}

/** A flag without a value: false unless it is given. */
export interface Toggle {
  readonly toggle: true;
  readonly summary: string;
  /** With it, the command only tells something: it touches no device, whatever its effect is without. */
  readonly tells?: boolean;
}

export function toggle(summary: string, { tells = false }: { readonly tells?: boolean } = {}): Toggle {
  return { toggle: true, summary, ...(tells && { tells }) };
}
