import { cutLine, type Line, lineText, spansOf } from '../../views/line.js';
import type { Place } from '../../views/tui/frame.js';
import type { Size } from '../../views/tui/layout.js';

/** Milliseconds in which the looks of the other panes follow that are taken at the same time: they are drawn together. */
export const LOOK_PATIENCE = 5;

/** Lines of which few are to be seen: an array of them, or what makes those that are asked for. */
export type Lines = Pick<readonly Line[], 'length' | 'slice' | 'at'>;

/** What a pane works with. */
export interface PaneHost {
  /** Something of the pane is to be seen that was not: the screen is drawn soon, in `patience` ms where more of the like is to come. */
  redraw(patience?: number): void;
  /** How far is what takes long, for the status line; undefined when it is done. */
  progress(text: string | undefined): void;
  /** Resolves when the event loop had its turn, and no key waits for its answer. */
  breathe(): Promise<void>;
}

/**
 * One pane: what it looks at, how often, and the lines that show it. `refresh` takes a look (that may access the device, as far as looking
 * may); drawing never does.
 */
export abstract class Pane {
  readonly id: string;
  /** What its keys are declared for: 'memory', 'registers', ... */
  abstract readonly kind: string;
  /** Its share of the rows, beside others in the same column. */
  readonly weight: number = 1;
  /** Milliseconds from one look to the next; undefined where it changes by itself. */
  every: number | undefined;
  /** Milliseconds that a look took, where that was more than `every` allows. */
  slow: number | undefined;
  protected readonly host: PaneHost;
  /** The first line that is to be seen. */
  #top = 0;
  /** The last line stays in sight while lines are added. */
  protected sticksToEnd = false;
  #size: Size = { columns: 0, rows: 0 };
  #header: readonly Line[] = [];
  #body: Lines = [];
  #sought: string | undefined;
  /** The line that was found last. */
  #found = -1;

  constructor(host: PaneHost, id: string) {
    this.host = host;
    this.id = id;
  }

  abstract get title(): string;

  /** All lines, for an inside of `size`. */
  protected abstract body(size: Size): Lines;

  /** Lines that stay above the others when these are scrolled. */
  protected header(_size: Size): readonly Line[] {
    return [];
  }

  /** Takes a look. What fails is shown in the pane. */
  refresh(): void | Promise<void> {}

  /** The rows that are to be seen. */
  lines(size: Size): readonly Line[] {
    const atEnd = this.sticksToEnd && this.#top + this.#size.rows >= this.#body.length;
    const header = this.header(size).slice(0, Math.max(0, size.rows - 1));
    this.#header = header;
    this.#size = { columns: size.columns, rows: size.rows - header.length };
    this.#body = this.body(this.#size);
    if (atEnd) this.#top = this.#last;
    this.#top = Math.max(0, Math.min(this.#top, this.#last));
    const below = this.#body.slice(this.#top, this.#top + this.#size.rows);
    const shown = [...header, ...below].map((line) => cutLine(line, size.columns));
    return this.#sought === undefined ? shown : shown.map((line) => this.#showFound(line));
  }

  /** How far a look is that takes long. */
  get progress(): string | undefined {
    return undefined;
  }

  get cursor(): Place | undefined {
    return undefined;
  }

  /** Lines above and below those that are to be seen, for the title. */
  get unseen(): { readonly above: number; readonly below: number } {
    return { above: this.#top, below: Math.max(0, this.#body.length - this.#top - this.#size.rows) };
  }

  get #last(): number {
    return Math.max(0, this.#body.length - this.#size.rows);
  }

  protected get size(): Size {
    return this.#size;
  }

  scroll(rows: number): void {
    this.#top = Math.max(0, Math.min(this.#top + rows, this.#last));
    this.host.redraw();
  }

  scrollPages(pages: number): void {
    this.scroll(pages * Math.max(1, this.#size.rows - 1));
  }

  scrollToEnd(end: 'first' | 'last'): void {
    this.scroll(end === 'first' ? -Infinity : this.#body.length);
  }

  /** What the question for a search says of what can be typed. */
  get searchTitle(): string {
    return `search in ${this.title}`;
  }

  /**
   * Marks `text` wherever it stands and goes to the next line that has it; nothing is sought where it is empty.
   * @returns what is to be said of it, that it is not there for instance; a promise where that takes its time. Throws UsageError where `text` cannot
   * be sought.
   */
  search(text: string): string | undefined | Promise<string | undefined> {
    this.#sought = text === '' ? undefined : text.toLowerCase();
    this.#found = this.#top - 1;
    return this.#sought === undefined ? undefined : this.searchNext();
  }

  /** Goes to the next line with what is sought, behind the one that was found; from the beginning again where there is none. */
  searchNext(): string | undefined | Promise<string | undefined> {
    const sought = this.sought ?? '';
    return this.findNext(sought) ? undefined : `"${sought}" is not there`;
  }

  /** Brings the next place that has `sought` into sight. False where none has it. */
  protected findNext(sought: string): boolean {
    const { length } = this.#body;
    for (let step = 1; step <= length; step += 1) {
      const at = (this.#found + step + length) % length;
      const line = this.#body.at(at);
      if (line === undefined || !lineText(line).toLowerCase().includes(sought)) continue;
      this.#found = at;
      this.#top = Math.min(at, this.#last);
      this.host.redraw();
      return true;
    }
    return false;
  }

  /** Ends a search that takes its time. False where there is none. */
  stopSearch(): boolean {
    return false;
  }

  get sought(): string | undefined {
    return this.#sought;
  }

  /** What copying takes: every line, as text. */
  get text(): string {
    return [...this.#header, ...this.#body.slice()].map((line) => lineText(line).trimEnd()).join('\n');
  }

  #showFound(line: Line): Line {
    const text = lineText(line);
    const at = text.toLowerCase().indexOf(this.#sought ?? '');
    if (at < 0) return line;
    const end = at + (this.#sought?.length ?? 0);
    return [...spansOf(text.slice(0, at)), { text: text.slice(at, end), role: 'changed' }, ...spansOf(text.slice(end))];
  }

  close(): void {}
}
