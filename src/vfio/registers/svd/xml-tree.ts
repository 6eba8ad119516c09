import { SaxesParser } from 'saxes';
import { withAmpersands, withoutBareAmpersands } from './ampersand.js';

/** Elements of a file, at the most; deeper ones than so many levels are left out. */
const MOST_ELEMENTS = 4_000_000;
const DEEPEST = 64;

/** Characters of an element's text, at the most. */
const LONGEST_TEXT = 65_536;

/** Characters that are parsed at a time: what has to be copied when a token goes over a border. */
const CHUNK = 2 ** 18;

const childless: Element[] = [];

/** An element of an XML file, with the one attribute that CMSIS-SVD has. */
export class Element {
  readonly name: string;
  readonly parent: Element | undefined;
  readonly derivedFrom: string | undefined;
  /** Where it begins: from 1 on. */
  readonly line: number;
  readonly column: number;
  /** Its text, where it holds no elements. */
  text = '';
  #children = childless;

  constructor(
    name: string,
    parent: Element | undefined,
    derivedFrom: string | undefined,
    line: number,
    column: number,
  ) {
    this.name = name;
    this.parent = parent;
    this.derivedFrom = derivedFrom;
    this.line = line;
    this.column = column;
    if (parent !== undefined) parent.#add(this);
  }

  get children(): readonly Element[] {
    return this.#children;
  }

  #add(child: Element): void {
    if (this.#children === childless) {
      this.#children = [];
      this.text = '';
    }
    this.#children.push(child);
  }

  /** Takes the last child away again. */
  drop(): void {
    this.#children.pop();
  }

  child(name: string): Element | undefined {
    for (const child of this.children) if (child.name === name) return child;
    return undefined;
  }

  all(name: string): Element[] {
    return this.children.filter((child) => child.name === name);
  }
}

/** What is wrong with a file, and where: lines and columns from 1 on. */
export interface XmlProblem {
  readonly line: number;
  readonly column: number;
  readonly why: string;
}

export interface XmlTree {
  /** What could be read before the first mistake that cannot be passed over: without the elements that it left half. */
  readonly root: Element | undefined;
  readonly problems: readonly XmlProblem[];
}

/** Mistakes within a text: an entity that nobody knows, a control character. What follows can be read all the same. */
const passable =
  /undefined entity|malformed character entity|empty entity|^disallowed character$|"\]\]>"|duplicate attribute/;

/** Ends the parsing: nothing behind this can be understood. */
class Broken extends Error {}

export interface XmlOptions {
  /** Elements that are left out with all that is in them. */
  readonly skipped: ReadonlySet<string>;
  /** Elements that are left out where a mistake cuts them short. */
  readonly whole: ReadonlySet<string>;
}

/**
 * Reads `text` as XML, strictly: what an XML parser must refuse is a problem with its place, and nothing behind it is read, but for slips
 * within texts. Entities of a DTD are not expanded.
 */
export function parseXml(given: string, options: XmlOptions): XmlTree {
  // An XML declaration must be the first thing of a file. White space before it harms nobody.
  const blank = /^\s*/.exec(given)?.[0] ?? '';
  const lines = blank.split('\n').length - 1;
  const { text, at } = withoutBareAmpersands(given.slice(blank.length));
  const builder = new TreeBuilder(options, lines, at.length > 0);
  for (const place of placesOf(text, at)) {
    builder.problems.push({ ...place, line: place.line + lines, why: 'an & stands alone: it is written &amp;' });
  }
  builder.read(text);
  return builder;
}

class TreeBuilder implements XmlTree {
  readonly problems: XmlProblem[] = [];
  root: Element | undefined;
  readonly #options: XmlOptions;
  readonly #parser = new SaxesParser({ position: true });
  /** Lines before the text that is parsed. */
  readonly #lines: number;
  readonly #ampersands: boolean;
  #current: Element | undefined;
  /** Elements that are open and left out. */
  #ignored = 0;
  #depth = 0;
  #elements = 0;
  #line = 1;
  #column = 1;

  constructor(options: XmlOptions, lines: number, ampersands: boolean) {
    this.#options = options;
    this.#lines = lines;
    this.#ampersands = ampersands;
    const parser = this.#parser;
    parser.on('opentagstart', ({ name }) => {
      // The character behind the name has been read too.
      this.#line = parser.line + lines;
      this.#column = Math.max(1, parser.column - name.length - 1);
    });
    parser.on('opentag', ({ name, attributes }) => this.#open(name, attributes['derivedFrom']));
    parser.on('closetag', () => this.#close());
    parser.on('text', (text) => this.#text(text));
    parser.on('cdata', (text) => this.#text(text));
    parser.on('error', ({ message }) => this.#mistake(message.replace(/^\d+:\d+: /, '').replace(/\.$/, '')));
  }

  read(text: string): void {
    try {
      for (let at = 0; at < text.length; at += CHUNK) this.#parser.write(text.slice(at, at + CHUNK));
      this.#parser.close();
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      for (let half = this.#current; half !== undefined; half = half.parent) {
        if (this.#options.whole.has(half.name)) half.parent?.drop();
      }
    }
  }

  #open(name: string, derivedFrom: unknown): void {
    const deep = this.#depth >= DEEPEST;
    if (this.#ignored > 0 || deep || this.#options.skipped.has(name)) {
      if (this.#ignored === 0 && deep) this.#report(`elements go no deeper than ${DEEPEST}: <${name}> is left out`);
      this.#ignored += 1;
      return;
    }
    this.#elements += 1;
    if (this.#elements > MOST_ELEMENTS) {
      this.#report(`more than ${MOST_ELEMENTS} elements: the rest is left out`);
      throw new Broken();
    }
    this.#depth += 1;
    const base = typeof derivedFrom === 'string' ? derivedFrom : undefined;
    this.#current = new Element(name, this.#current, base, this.#line, this.#column);
    this.root ??= this.#current;
  }

  #close(): void {
    if (this.#ignored > 0) {
      this.#ignored -= 1;
      return;
    }
    this.#depth -= 1;
    this.#current = this.#current?.parent;
  }

  #text(text: string): void {
    const current = this.#current;
    if (this.#ignored > 0 || current === undefined || current.children.length > 0) return;
    if (current.text.length >= LONGEST_TEXT) return;
    current.text += (this.#ampersands ? withAmpersands(text) : text).slice(0, LONGEST_TEXT);
  }

  #mistake(why: string): void {
    this.#report(why);
    if (!passable.test(why)) throw new Broken();
  }

  #report(why: string): void {
    this.problems.push({ line: this.#parser.line + this.#lines, column: Math.max(1, this.#parser.column), why });
  }
}

/** Lines and columns of what is at `at`, in its order. */
function* placesOf(text: string, at: readonly number[]): Generator<{ readonly line: number; readonly column: number }> {
  let line = 1;
  let start = 0;
  for (const index of at) {
    for (let next = text.indexOf('\n', start); next >= 0 && next < index; next = text.indexOf('\n', start)) {
      line += 1;
      start = next + 1;
    }
    yield { line, column: index - start + 1 };
  }
}
