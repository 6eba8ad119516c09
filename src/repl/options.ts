import { KERNELS_TREE } from './kernels-tree.js';
import { parseDuration } from './duration.js';
import { didYouMean } from './did-you-mean.js';
import { clip } from './number.js';
import { UsageError } from './usage-error.js';

/** How one option's text is read and shown. */
interface OptionType<T> {
  /** 'on|off', 'DURATION'. */
  readonly label: string;
  readonly choices?: readonly string[];
  /** Undefined where `text` is no such value. */
  parse(text: string): T | undefined;
  format(value: T): string;
}

const onOff: OptionType<boolean> = {
  label: 'on|off',
  choices: ['on', 'off'],
  parse: (text) => ({ on: true, off: false })[text],
  format: (value) => (value ? 'on' : 'off'),
};

/** Milliseconds as a number. */
const milliseconds: OptionType<number> = {
  label: 'DURATION',
  parse: (text) => {
    const parsed = parseDuration(text);
    return parsed !== undefined && parsed >= 1 ? parsed : undefined;
  },
  format: (value) => (value % 1000 === 0 ? `${value / 1000}s` : `${value}ms`),
};

function oneOf<const W extends string>(choices: readonly W[]): OptionType<W> {
  return {
    label: choices.join('|'),
    choices,
    parse: (text) => choices.find((choice) => choice === text),
    format: (value) => value,
  };
}

/** A file, or a word that stands for what there is without one. */
function fileOr(word: string): OptionType<string> {
  return {
    label: `FILE|${word}`,
    choices: [word],
    parse: (text) => (text === '' ? undefined : text),
    format: (value) => value,
  };
}

interface OptionDeclaration<T> {
  readonly type: OptionType<T>;
  readonly fallback: T;
  readonly summary: string;
}

function declare<T>(type: OptionType<T>, fallback: T, summary: string): OptionDeclaration<T> {
  return { type, fallback, summary };
}

/** The session's options, each declared here once. */
const declarations = {
  readonly: declare(onOff, false, 'refuse everything that changes the device or its mappings'),
  mmap: declare(onOff, true, 'access mappable windows by loads and stores; off keeps to the file or message path'),
  notify: declare(onOff, true, 'announce interrupts and other events above the prompt'),
  timeout: declare(milliseconds, 5000, 'how long a vfio-user server may take to answer, from the next open on'),
  dtb: declare(fileOr(KERNELS_TREE), KERNELS_TREE, "the device tree to find devices in: a blob, or the kernel's own"),
  color: declare(oneOf(['auto', 'always', 'never']), 'auto', 'colours: auto is on a terminal without NO_COLOR'),
  json: declare(onOff, false, 'print each answer as one line of JSON'),
  js: declare(onOff, false, 'print the JavaScript that does the same, and do nothing'),
  dryrun: declare(onOff, false, 'show the accesses that would be made, and make none'),
};

type Declarations = typeof declarations;
export type OptionName = keyof Declarations;
export type OptionValues = {
  -readonly [K in OptionName]: Declarations[K] extends OptionDeclaration<infer T> ? T : never;
};

export const optionNames = Object.keys(declarations) as readonly OptionName[];

/** One option as it is shown. */
export interface ShownOption {
  readonly name: OptionName;
  readonly value: string;
  readonly fallback: string;
  readonly type: string;
  readonly summary: string;
}

/** The values of the options; a change is told to whoever listens. */
export class Options {
  readonly #values: OptionValues;
  readonly #listeners = new Set<(name: OptionName) => void>();

  constructor() {
    this.#values = Object.fromEntries(optionNames.map((name) => [name, declarations[name].fallback])) as OptionValues;
  }

  get<K extends OptionName>(name: K): OptionValues[K] {
    return this.#values[name];
  }

  set<K extends OptionName>(name: K, value: OptionValues[K]): void {
    this.#values[name] = value;
    for (const listener of this.#listeners) listener(name);
  }

  /** Sets an option by what was typed. Throws UsageError for an unknown option or a value that does not fit. */
  setText(name: string, text: string): void {
    const known = this.known(name);
    const type = typeOf(known);
    const value = type.parse(text);
    if (value === undefined) {
      throw new UsageError(`"${clip(text)}" is no value for ${known}`, undefined, `option ${known} ${type.label}`);
    }
    this.set(known, value);
  }

  /** `name`, if it is an option's; throws UsageError with the nearest names. */
  known(name: string): OptionName {
    const found = optionNames.find((each) => each === name);
    if (found !== undefined) return found;
    const hint = didYouMean(name, optionNames) ?? `options are ${optionNames.join(', ')}`;
    throw new UsageError(`there is no option "${clip(name)}"`, undefined, hint);
  }

  show(name: OptionName): ShownOption {
    const type = typeOf(name);
    const { fallback, summary } = declarations[name];
    return { name, value: type.format(this.get(name)), fallback: type.format(fallback), type: type.label, summary };
  }

  /** What can be typed behind `name`, for completion. */
  choices(name: string): readonly string[] {
    const found = optionNames.find((each) => each === name);
    return found === undefined ? [] : (declarations[found].type.choices ?? []);
  }

  onChange(listener: (name: OptionName) => void): void {
    this.#listeners.add(listener);
  }
}

/** The type of an option whose name is only known when it is typed: what its `parse` gives, `format` and `set` take. */
function typeOf(name: OptionName): OptionType<OptionValues[OptionName]> {
  return declarations[name].type;
}
