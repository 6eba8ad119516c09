import { expandHome } from '../../vfio/home.js';
import type { World } from '../environment.js';
import { didYouMean } from '../did-you-mean.js';
import { clip } from '../number.js';
import type { Argument, Candidate } from './argument.js';

/** One word as it is, quotes taken off. */
export function text(summary: string, label = 'TEXT'): Argument<string> {
  return {
    label,
    summary,
    presence: 'required',
    parse: (words) => ({ constant: words.take(label).text }),
    complete: () => [],
  };
}

/** One of `choices`. */
export function choice<const W extends string>(summary: string, choices: readonly W[]): Argument<W> {
  const label = choices.join('|');
  return {
    label,
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take(label);
      const found = choices.find((each) => each === word.text);
      if (found !== undefined) return { constant: found };
      const hint = didYouMean(word.text, choices) ?? `it is one of ${choices.join(', ')}`;
      return words.fail(`"${clip(word.text)}" is not one of the choices`, word, hint);
    },
    complete: () => choices.map((each) => ({ text: each })),
  };
}

/** A path, ~ taken for the home directory. */
export function file(summary: string): Argument<string> {
  return {
    label: 'FILE',
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take('FILE');
      if (word.text === '') words.fail('the file has no name', word);
      if (word.text.includes('\0')) words.fail('a file name cannot hold the character NUL', word);
      return { constant: expandHome(word.text) };
    },
    complete: completeFile,
  };
}

/** A script: a path, or the name of one of the profile of the device. */
export function scriptName(summary: string): Argument<string> {
  return {
    ...file(summary),
    label: 'SCRIPT',
    complete: (typed, world) => [
      ...world.scripts.map(({ name, summary: says }) => ({ text: name, ...(says !== undefined && { summary: says }) })),
      ...completeFile(typed, world),
    ],
  };
}

/** DEVICE, as openDevice takes it. */
export function deviceAddress(summary: string): Argument<string> {
  return {
    label: 'DEVICE',
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take('DEVICE');
      const [, prefix = '', name = ''] = /^((?:unix|snapshot|sim):)?(.*)$/.exec(word.text) ?? [];
      if (name === '') words.fail('the device has no name', word, 'devices lists what there is');
      if (name.includes('\0')) words.fail('a device name cannot hold the character NUL', word);
      return { constant: prefix + expandHome(name) };
    },
    complete(typed, world) {
      if (typed.startsWith('/') || typed.startsWith('./') || typed.startsWith('~')) return completeFile(typed, world);
      const prefix = /^(?:unix|snapshot):/.exec(typed)?.[0];
      if (prefix === undefined) return world.deviceNames().map((name) => ({ text: name }));
      const files = completeFile(typed.slice(prefix.length), world);
      return files.map((candidate) => ({ ...candidate, text: prefix + candidate.text }));
    },
  };
}

/** DEVICE, of a bus of this machine. */
export function busDevice(summary: string): Argument<string> {
  return {
    label: 'DEVICE',
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take('DEVICE');
      if (/^(unix|snapshot|sim):/.test(word.text)) {
        words.fail('only devices of this machine have drivers', word, 'devices lists them');
      }
      if (word.text === '' || /[/\0]/.test(word.text))
        words.fail('that is no name of a device', word, 'devices lists what there is');
      return { constant: word.text };
    },
    complete: (_typed, world) =>
      world
        .deviceNames()
        .filter((name) => !name.startsWith('sim:'))
        .map((name) => ({ text: name })),
  };
}

/** A profile: the name of one, a file, or what else `words` says. */
export function profileName(summary: string, words: readonly string[] = []): Argument<string> {
  return {
    label: ['NAME', 'FILE', ...words].join('|'),
    summary,
    presence: 'required',
    parse(given) {
      const word = given.take('NAME');
      if (word.text === '') given.fail('the profile has no name', word, 'profile list names them');
      if (word.text.includes('\0')) given.fail('a name cannot hold the character NUL', word);
      return { constant: expandHome(word.text) };
    },
    complete(typed, world) {
      if (typed.includes('/') || typed.startsWith('~')) return completeFile(typed, world);
      return [...new Set([...words, ...world.profileNames()])].map((name) => ({ text: name }));
    },
  };
}

/** The name of an interrupt of the device: msi, irq0, a device tree's name. */
export function irqName(summary: string): Argument<string> {
  return {
    label: 'IRQ',
    summary,
    presence: 'required',
    parse: (words) => ({ constant: words.take('IRQ').text }),
    complete: (_typed, world) => world.irqNames.map((name) => ({ text: name })),
  };
}

/** The name of a command, one word or two, or of a group. */
export function commandName(summary: string): Argument<string> {
  return {
    label: 'COMMAND',
    summary,
    presence: 'required',
    most: 2,
    parse(words) {
      const first = words.take('COMMAND').text;
      return { constant: words.done ? first : `${first} ${words.take('COMMAND').text}` };
    },
    complete(_typed, world, before) {
      const head = before.length === 0 ? '' : `${before.join(' ')} `;
      const names = world.commandNames.filter((name) => name.startsWith(head)).map((name) => name.slice(head.length));
      return [...new Set(names.map((name) => name.split(' ')[0] ?? name))].map((name) => ({ text: name }));
    },
  };
}

/** The name of an option of the session. */
export function optionName(summary: string): Argument<string> {
  return {
    label: 'OPTION',
    summary,
    presence: 'required',
    parse: (words) => ({ constant: words.take('OPTION').text }),
    complete: (_typed, world) => world.optionNames.map((name) => ({ text: name })),
  };
}

/** The value of an option, as text: what fits depends on the option. */
export function optionValue(summary: string): Argument<string> {
  return {
    label: 'VALUE',
    summary,
    presence: 'required',
    parse: (words) => ({ constant: words.take('VALUE').text }),
    complete: (_typed, world, _before, earlier) =>
      world.optionChoices(earlier.at(-1) ?? '').map((each) => ({ text: each })),
  };
}

/** Everything to the end of the line, `;` and `#` and quotes included: JavaScript. Only as the last argument. */
export function rawLine(summary: string, label: string): Argument<string> {
  return {
    label,
    summary,
    presence: 'required',
    raw: true,
    parse: (words) => ({ constant: words.take(label).text }),
    complete: () => [],
  };
}

function completeFile(typed: string, world: World): readonly Candidate[] {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1);
  return world.files(folder).map((name) => ({ text: folder + name, more: name.endsWith('/') }));
}
