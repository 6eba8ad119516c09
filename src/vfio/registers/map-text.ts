import { createRequire } from 'node:module';
import type { findNodeAtLocation, Node, ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { VfioError } from '../errors.js';
import { structureFault } from './structure-fault.js';

/**
 * What is in JSON that a person wrote: comments (// and between slashes and stars) and commas behind the last element are passed over. Throws
 * VfioError with the line and column of what is wrong, a key that an object has twice among that. `operation` is what is being done:
 * 'read uart.json'.
 */
export function dataOf(given: string, operation: string, file: string): unknown {
  const text = given.replace(/^\uFEFF/, '');
  const failure = (at: number, { why, hint }: Mistake): VfioError =>
    new VfioError({ kind: 'unsupported', operation, why: `${file}:${lineAndColumn(text, at)}: ${why}`, hint });
  const data = plain(text) ?? commented(text, failure);
  const fault = structureFault(text);
  if (fault === undefined) return data;
  if (fault.kind === 'deep') throw failure(fault.at, tooDeep);
  const key = JSON.stringify(fault.key.slice(0, 40));
  const hint = 'only the last would count: keep one of them, or name one of them otherwise';
  throw failure(fault.at, { why: `${key} is there already, at ${lineAndColumn(text, fault.first)}`, hint });
}

/** What JSON.parse makes of it; undefined where it is no plain JSON. */
function plain(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function lineAndColumn(text: string, at: number): string {
  const before = text.slice(0, at).split('\n');
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

/** Line and column of what is at `path` in JSON that was read with dataOf; where there is no such thing, of the nearest around it. */
export function placeIn(given: string, path: readonly (string | number)[]): string {
  const text = given.replace(/^\uFEFF/, '');
  const jsonc = parser();
  const root = jsonc.parseTree(text, [], { allowTrailingComma: true });
  if (root === undefined) return lineAndColumn(text, 0);
  for (let length = path.length; length > 0; length -= 1) {
    const node = jsonc.findNodeAtLocation(root, path.slice(0, length));
    // The value of a key is found; where the key stands says more.
    if (node !== undefined)
      return lineAndColumn(text, node.parent?.type === 'property' ? node.parent.offset : node.offset);
  }
  return lineAndColumn(text, root.offset);
}

interface Parser {
  readonly parseTree: typeof parseTree;
  readonly findNodeAtLocation: typeof findNodeAtLocation;
  readonly printParseErrorCode: typeof printParseErrorCode;
}

/** Loaded where it is needed: nearly all files are plain, and right. */
function parser(): Parser {
  return createRequire(import.meta.url)('jsonc-parser') as Parser;
}

interface Mistake {
  readonly why: string;
  readonly hint: string;
}

const tooDeep: Mistake = { why: 'its lists and objects go too deep', hint: 'is a bracket missing?' };

/** What is no plain JSON; throws what `failure` makes of the first mistake and its place in the text. */
function commented(text: string, failure: (at: number, mistake: Mistake) => VfioError): unknown {
  const jsonc = parser();
  const errors: ParseError[] = [];
  let data: unknown;
  try {
    const root = jsonc.parseTree(text, errors, { allowTrailingComma: true });
    if (errors.length === 0) data = root && valueOf(root);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw failure(0, tooDeep);
  }
  const [first] = errors;
  if (first === undefined) return data;
  // Of 0x10 it takes the 0 for a number.
  const at = first.offset - (/^0[xbo]/i.test(text.slice(Math.max(0, first.offset - 1))) ? 1 : 0);
  throw failure(at, mistakeAt(jsonc.printParseErrorCode(first.error), text.slice(at)));
}

/** As JSON.parse has it: a key "__proto__", too, is a key. */
function valueOf({ type, value, children = [] }: Node): unknown {
  if (type === 'array') return children.map(valueOf);
  if (type !== 'object') return value;
  return Object.fromEntries(
    children.map(({ children: [key, of] = [] }) => [key?.value as string, of && valueOf(of)] as const),
  );
}

const missing: Readonly<Record<string, string>> = {
  CommaExpected: 'a comma',
  ColonExpected: 'a colon',
  CloseBraceExpected: 'a }',
  CloseBracketExpected: 'a ]',
};

const plainJson = 'it is JSON; // comments are allowed';

/** The kind of mistake, as the parser names it, in words; `rest` is the text from there on. */
function mistakeAt(code: string, rest: string): Mistake {
  const word = /^[\w$.+-]+/.exec(rest)?.[0] ?? rest.slice(0, 1);
  const found = word === '' ? undefined : JSON.stringify(word.slice(0, 40));
  if (code === 'UnexpectedEndOfComment') return { why: 'a comment has no end', hint: plainJson };
  if (code === 'UnexpectedEndOfString' || code === 'InvalidEscapeCharacter' || code === 'InvalidUnicode')
    return { why: 'a text has no end on its line, or holds \\ where \\\\ is meant', hint: plainJson };
  if (rest.startsWith("'")) return { why: `${found} is not expected here`, hint: 'texts stand in double quotes' };
  if (/^0[xbo]/i.test(rest))
    return { why: `${found} is not expected here`, hint: 'numbers in hexadecimal stand in quotes: "0x10"' };
  const what = missing[code];
  if (what !== undefined)
    return { why: `${what} is missing${found === undefined ? '' : ` before ${found}`}`, hint: plainJson };
  if (found === undefined) return { why: 'the text ends too soon', hint: plainJson };
  const hint = /^[A-Za-z_]/.test(rest) ? 'names and texts stand in double quotes' : plainJson;
  return { why: `${found} is not expected here`, hint };
}
