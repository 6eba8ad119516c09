import type { Device } from '../vfio/device.js';
import type { Space } from '../vfio/space.js';
import type { Width } from '../vfio/width.js';
import type { View } from '../views/view.js';
import { type Argument, optional, type Toggle } from './arguments/argument.js';
import { text } from './arguments/text.js';
import type { Session } from './session.js';

/** Where a command stands in `help` and in the reference. */
export type Group = 'devices' | 'access' | 'interrupts' | 'dma' | 'registers' | 'scripts' | 'session';

/** The most that a command does to the device. Anything beyond 'read' is refused in a read-only session. */
export type Effect = 'none' | 'read' | 'write' | 'irq' | 'dma' | 'bind' | 'reset';

/** What must be there before a command can run. */
export type Need = 'nothing' | 'device';

/**
 * What is up to the clock in the reads of a command: how many of them there are until one brings what is waited for (polls), or both that
 * and what they happen to see (samples).
 */
export type Timing = 'polls' | 'samples';

/** The words that blocks are made of: they say which commands run, and how often. */
export type Control = 'if' | 'elif' | 'else' | 'repeat' | 'while' | 'end' | 'break' | 'continue';

export type ArgumentSpecs = Readonly<Record<string, Argument<unknown>>>;
export type FlagSpecs = Readonly<Record<string, Argument<unknown> | Toggle>>;

export type ArgumentValues<A extends ArgumentSpecs> = {
  readonly [K in keyof A]: A[K] extends Argument<infer T> ? T : never;
};
/** A toggle is a boolean, a flag with a value is declared `optional` or `defaulted`. */
export type FlagValues<F extends FlagSpecs> = { readonly [K in keyof F]: FlagValue<F[K]> };
type FlagValue<F> = F extends Toggle ? boolean : F extends Argument<infer T> ? T : never;

/** What a handler gets: values of the types that the declaration gave them. */
export interface Input<A extends ArgumentSpecs, F extends FlagSpecs> {
  readonly arguments: ArgumentValues<A>;
  readonly flags: FlagValues<F>;
  /** The width asked for behind the command word (.b .w .l .q); a Location already has it in its own `width`. */
  readonly width: Width | undefined;
}

/** What a handler works with beside its input. */
export interface Context<N extends Need = Need> {
  readonly session: Session;
  /** The current device. Commands that declare `needs: 'device'` always have one. */
  readonly device: N extends 'device' ? Device : Device | undefined;
  /** Aborted by Ctrl-C, and when the session ends. */
  readonly signal: AbortSignal;
  /** A space by its name, as the command may have it: a pane's cannot be written, and refuses reads that have an effect. */
  space(name: string): Space | undefined;
  /** Lets the event loop run (Ctrl-C, notices) and throws where the command was interrupted. For loops: every few ms. */
  breathe(): Promise<void>;
  /** Only what would happen is wanted (-n). Accesses, mappings and resets of the device are held back by its gate; files are not. */
  readonly dryRun: boolean;
  /** To be called where what follows depends on values that were read, or keeps them: a dry run ends there, and nothing happens otherwise. */
  needValues(): void;
  /**
   * Shows a view that stands until the next one, on a terminal only, and only so often that it can be followed. What the command answers
   * takes its place.
   */
  live(make: () => View): void;
  /** Says how far a long command is, for a terminal only, and only from its second second on. */
  progress(text: string): void;
}

/** What a handler gives back: what is to be shown, never printed by itself. An iterable's views are shown as they come. */
export type Answer = View | void | Promise<View | void> | AsyncIterable<View>;

export interface Example {
  readonly line: string;
  /** What it does, as a phrase. */
  readonly says: string;
  /** The simulated device that the example runs on; by default none needs to be open. */
  readonly device?: string;
  /** Lines that are run before it. */
  readonly after?: readonly string[];
  /** Why the example is not run by the tests (it needs real hardware). */
  readonly untested?: string;
}

/** Everything there is to say about a command; the parser, completion, help, reference and tests are functions of it. */
export interface Declaration<A extends ArgumentSpecs, F extends FlagSpecs, N extends Need> {
  /** One word, or two ('irq enable'). */
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly group: Group;
  /** One line without a full stop. */
  readonly summary: string;
  /** Paragraphs for `help NAME`. */
  readonly details?: string;
  /** In the order in which they are typed. */
  readonly arguments: A;
  /** By their names in camel case; typed with dashes: allowSplit is --allow-split. */
  readonly flags: F;
  readonly effect: Effect;
  readonly needs: N;
  /** Takes .b .w .l .q behind the command word. */
  readonly width?: boolean;
  /** It holds or does not (ExpectationError): counted in a test report, where --as gives it a name. */
  readonly checks?: boolean;
  /** What a comparison with a recording has to leave out. */
  readonly timing?: Timing;
  /** It is a word of blocks, which takes no flags and does not run by itself. */
  readonly control?: Control;
  /**
   * Answers at once with one View and changes nothing, neither of the device nor of the session: a pane can show it again and again. It reads
   * the device, if at all, through the spaces of its arguments and of its context, where what a read would change is refused.
   */
  readonly looks?: boolean;
  readonly examples: readonly [Example, ...Example[]];
  run(context: Context<N>, input: Input<A, F>): Answer;
  /**
   * True: in a dry run the handler itself says what it would do, without doing it (context.dryRun); its answer is shown.
   * False: there is no telling what it would do, so a dry run refuses it. By default the device's gate holds accesses back and notes them.
   */
  readonly plans?: boolean;
  /** The line that Enter on an empty line runs next. */
  repeat?(input: Input<A, F>): string | undefined;
  /** The JavaScript that does the same, given `device`: what --js prints. */
  toJs?(input: Input<A, F>): string;
}

/** A command as the registry keeps it. */
export interface Command extends Declaration<ArgumentSpecs, FlagSpecs, Need> {
  readonly aliases: readonly string[];
  readonly width: boolean;
}

/** Declares a command. The types of `input` in its functions come from `arguments` and `flags`. */
export function defineCommand<const A extends ArgumentSpecs, const F extends FlagSpecs, const N extends Need>(
  declaration: Declaration<A, F, N>,
): Command {
  const flags = declaration.checks === true ? { ...declaration.flags, as: checkName } : declaration.flags;
  return { ...declaration, flags, aliases: declaration.aliases ?? [], width: declaration.width ?? false };
}

/** The flag of every command that checks something. */
const checkName = optional(text('its name in a test report', 'NAME'));

/** 'allowSplit' as it is typed: '--allow-split'. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function isToggle(flag: Argument<unknown> | Toggle): flag is Toggle {
  return 'toggle' in flag;
}

/** Whether a command that is given this flag touches no device. */
export function tellsOnly(flag: Argument<unknown> | Toggle | undefined): boolean {
  return flag !== undefined && isToggle(flag) && flag.tells === true;
}
