import { UsageError } from './usage-error.js';

/** One word of a command. */
export interface Word {
  /** What it says, quotes and escapes taken off. */
  readonly text: string;
  /** Where it stands in the line, quotes included, half open. */
  readonly start: number;
  readonly end: number;
  /** Whether it was quoted or escaped in part, so that `text` is not what stands in the line. */
  readonly quoted: boolean;
}

const TAB = 9;
const SPACE = 32;
const QUOTE = 34;
const DOLLAR = 36;
const HASH = 35;
const APOSTROPHE = 39;
const SEMICOLON = 59;
const BACKSLASH = 92;

// Control characters but the tab; U+FFFD stands where a decoder met bytes that are no UTF-8; half a surrogate pair.
const foreign =
  // oxlint-disable-next-line no-control-regex
  /[\0-\x08\x0a-\x1f\x7f-\x9f\ufffd]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** What the lines of a script can ask for. */
export interface Given {
  /** The script's path: $0. */
  readonly script?: string;
  /** $1, $2 and so on; $# is their number. */
  readonly parameters?: readonly string[];
}

/** Throws UsageError where the line holds what nobody types: control characters, or what was no UTF-8. */
export function checkCharacters(line: string): void {
  const found = foreign.exec(line);
  if (!found) return;
  const at = found.index;
  const code = line.charCodeAt(at);
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  const what =
    code === 0xfffd || code >= 0xd800 ? `bytes that are no UTF-8 (${name})` : `the control character ${name}`;
  throw new UsageError(
    `the line holds ${what}`,
    { line, start: at, end: at + 1 },
    'in quotes \\xHH writes such a character',
  );
}

/**
 * Takes one line apart, word by word. A word ends at white space outside ( ), [ ] and quotes; `;` ends a command; `#` at the
 * start of a word begins a comment. Linear in the length of the line.
 */
export class Lexer {
  readonly line: string;
  readonly #given: Given | undefined;
  #at = 0;
  #unset: UsageError | undefined;

  constructor(line: string, given?: Given) {
    this.line = line.endsWith('\r') ? line.slice(0, -1) : line;
    this.#given = given;
    checkCharacters(this.line);
  }

  /** What was wrong with the first $1 or the like that nobody has set, since this was last asked for: it stands in its word as it is. */
  takeUnset(): UsageError | undefined {
    const unset = this.#unset;
    this.#unset = undefined;
    return unset;
  }

  /** Where the next word starts, or the line's end. */
  get position(): number {
    return this.#at;
  }

  /** Goes back to `position`, to read a word again. */
  rewind(position: number): void {
    this.#at = position;
  }

  /** Goes to the start of the next word. False where the command ends here: at `;`, a comment or the end of the line. */
  skip(): boolean {
    const { line } = this;
    for (; this.#at < line.length; this.#at += 1) {
      const code = line.charCodeAt(this.#at);
      if (code !== SPACE && code !== TAB) return code !== SEMICOLON && code !== HASH;
    }
    return false;
  }

  /** Goes past the `;` that ends a command. False at the end of the line. */
  nextCommand(): boolean {
    while (!this.skip()) {
      if (this.#at >= this.line.length || this.line.charCodeAt(this.#at) === HASH) return false;
      this.#at += 1;
    }
    return true;
  }

  /** The next word of this command, undefined at its end. */
  word(): Word | undefined {
    if (!this.skip()) return undefined;
    const { line } = this;
    const start = this.#at;
    let at = start;
    let text: string | undefined;
    let copied = start;
    let dollar = false;
    let open: number[] | undefined;
    for (; at < line.length; at += 1) {
      const code = line.charCodeAt(at);
      // 0-9 A-Z a-z _ and what else needs no second look
      if ((code >= 0x30 && code <= 0x3a) || (code >= 0x3c && code <= 0x5a) || (code >= 0x5e && code <= 0x7a)) continue;
      if (code === SPACE || code === TAB) {
        if (open === undefined || open.length === 0) break;
      } else if (code === SEMICOLON) break;
      else if (code === DOLLAR) dollar = true;
      else if (code === 0x28 || code === 0x5b) (open ??= []).push(at);
      else if (code === 0x29 || code === 0x5d) this.#close(open, at, code);
      else if (code === QUOTE || code === APOSTROPHE || code === BACKSLASH) {
        text = (text ?? '') + line.slice(copied, at);
        const [piece, end] = code === BACKSLASH ? this.#escaped(at) : this.#quotation(at, code);
        text += piece;
        at = end - 1;
        copied = end;
      }
    }
    const unclosed = open?.at(-1);
    if (unclosed !== undefined) {
      const bracket = line[unclosed] ?? '';
      throw new UsageError(
        `"${bracket}" is never closed`,
        { line, start: unclosed, end: unclosed + 1 },
        'close it, or quote the word',
      );
    }
    this.#at = at;
    if (text !== undefined) return { text: text + line.slice(copied, at), start, end: at, quoted: true };
    const word = { text: line.slice(start, at), start, end: at, quoted: false };
    return dollar ? this.#substituted(word) : word;
  }

  /** The word with $1, $0, $# and so on replaced by what the script was given. */
  #substituted(word: Word): Word {
    const { script, parameters = [] } = this.#given ?? {};
    const text = word.text.replace(parameter, (name, which: string) => {
      if (which === '#') return String(parameters.length);
      const found = which === '0' ? script : parameters[Number(which) - 1];
      if (found !== undefined) return found;
      const at = { line: this.line, start: word.start, end: word.end };
      this.#unset ??= new UsageError(`${name} is not set: ${whyUnset(which, parameters.length)}`, at);
      return name;
    });
    return { ...word, text };
  }

  /** Everything from here to the end of the line, as one word; undefined where nothing is left. */
  rest(): Word | undefined {
    const { line } = this;
    while (line.charCodeAt(this.#at) === SPACE || line.charCodeAt(this.#at) === TAB) this.#at += 1;
    const start = this.#at;
    const text = line.slice(start).trimEnd();
    this.#at = line.length;
    return text === '' ? undefined : { text, start, end: start + text.length, quoted: false };
  }

  /** Everything up to the end of this command, which may hold white space anywhere (an assignment's expression). */
  restOfCommand(): Word | undefined {
    let last: Word | undefined;
    let first: Word | undefined;
    for (let word = this.word(); word; word = this.word()) {
      first ??= word;
      last = word;
    }
    if (!first || !last) return undefined;
    return this.#substituted({
      text: this.line.slice(first.start, last.end),
      start: first.start,
      end: last.end,
      quoted: false,
    });
  }

  /** `$name =` at this place: the name, with the lexer behind the `=`; undefined, and nothing moved, where it is no assignment. */
  assignment(): Word | undefined {
    if (this.line[this.#at] !== '$') return undefined;
    assigned.lastIndex = this.#at;
    const found = assigned.exec(this.line);
    const name = found?.[1];
    if (!found || name === undefined) return undefined;
    const start = this.#at;
    this.#at += found[0].length;
    return { text: name, start, end: start + 1 + name.length, quoted: false };
  }

  /** Whether `=` JavaScript starts here; the lexer is behind the `=` then. */
  javascript(): boolean {
    if (this.line[this.#at] !== '=') return false;
    this.#at += 1;
    return true;
  }

  #close(open: number[] | undefined, at: number, code: number): void {
    const opened = open?.pop();
    const fits = opened === undefined || (this.line[opened] === '(') === (code === 0x29);
    if (fits) return;
    const { line } = this;
    throw new UsageError(`"${line[at] ?? ''}" does not close "${line[opened] ?? ''}"`, {
      line,
      start: opened,
      end: at + 1,
    });
  }

  #quotation(start: number, quote: number): [text: string, end: number] {
    const { line } = this;
    let text = '';
    let copied = start + 1;
    for (let at = copied; at < line.length; at += 1) {
      const code = line.charCodeAt(at);
      if (code === quote) return [text + line.slice(copied, at), at + 1];
      if (code === BACKSLASH) {
        text += line.slice(copied, at);
        const [piece, end] = this.#escape(at);
        text += piece;
        at = end - 1;
        copied = end;
      }
    }
    throw new UsageError(
      'the quotation is never closed',
      { line, start, end: line.length },
      `add ${line[start] ?? ''} at its end`,
    );
  }

  /** A backslash in quotes. */
  #escape(at: number): [text: string, end: number] {
    const { line } = this;
    const letter = line[at + 1];
    const simple = letter === undefined ? undefined : escapes.get(letter);
    if (simple !== undefined) return [simple, at + 2];
    if (letter === 'x') {
      const digits = line.slice(at + 2, at + 4);
      if (/^[0-9a-fA-F]{2}$/.test(digits)) return [String.fromCharCode(Number.parseInt(digits, 16)), at + 4];
    }
    throw new UsageError(
      `"${line.slice(at, at + 2)}" means nothing in quotes`,
      { line, start: at, end: Math.min(line.length, at + 2) },
      'there are \\\\ \\" \\\' \\n \\r \\t \\e and \\xHH',
    );
  }

  /** A backslash outside quotes takes the next character as it is. */
  #escaped(at: number): [text: string, end: number] {
    const { line } = this;
    const point = line.codePointAt(at + 1);
    if (point === undefined)
      throw new UsageError('a backslash at the end of the line', { line, start: at, end: at + 1 });
    const text = String.fromCodePoint(point);
    return [text, at + 1 + text.length];
  }
}

function whyUnset(which: string, given: number): string {
  if (which === '0') return 'these lines have no file';
  if (given === 0) return 'the script was given no arguments';
  return `the script was given ${given === 1 ? 'one argument' : `${given} arguments`}`;
}

const parameter = /\$(#|0|[1-9][0-9]?)(?![0-9])/g;
const assigned = /\$([A-Za-z_][A-Za-z0-9_]*)[ \t]*=(?!=)/y;

const escapes = new Map([
  ['\\', '\\'],
  ['"', '"'],
  ["'", "'"],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['e', '\u001b'],
]);
