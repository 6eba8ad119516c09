import type { Argument } from './argument.js';

/** One word as it is, quotes taken off. */
export declare function text(summary: string, label?: string): Argument<string>;

/** One of `words`. */
export declare function choice<const W extends string>(summary: string, words: readonly W[]): Argument<W>;

/** A path, ~ taken for the home directory. */
export declare function file(summary: string): Argument<string>;

/** DEVICE, as openDevice takes it. */
export declare function deviceAddress(summary: string): Argument<string>;

/** The name of a command, one word or two, or of a group. */
export declare function commandName(summary: string): Argument<string>;

export declare function optionName(summary: string): Argument<string>;

/** Everything to the end of the line, `;` and `#` and quotes included: JavaScript. Only as the last argument. */
export declare function rawLine(summary: string, label: string): Argument<string>;
