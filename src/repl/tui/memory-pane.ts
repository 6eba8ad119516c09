import type { Size } from '../../views/tui/layout.js';
import type { Line } from '../../views/line.js';
import type { View } from '../../views/view.js';
import type { Location } from '../arguments.js';
import { Interrupted } from '../interrupted.js';
import type { Session } from '../session.js';
import { UsageError } from '../usage-error.js';
import { CommandPane } from './command-pane.js';
import { Look, LookingRun } from './look.js';
import type { LookingNames } from './looking-names.js';
import { searchAround, soughtHint, type Wanted, wantedIn } from './memory-search.js';
import type { PaneHost } from './pane.js';

/** Bytes that a row shows, wide and narrow. */
const WIDE = { bytes: 16, columns: 77 };
const NARROW = 8;
/** How long a search runs before it says how far it is, in milliseconds, and how often it says that. */
const PROGRESS_MS = 300;

/** A window on a space, as large as the pane: bytes as `dump` shows them, or words as `peek` does. */
export class MemoryPane extends CommandPane {
  override readonly kind = 'memory';
  override readonly weight = 2;
  readonly #session: Session;
  readonly #names: LookingNames;
  #space: string | undefined;
  #offset = 0;
  #words = false;
  #shape: Size = { columns: 80, rows: 16 };
  #wanted: Wanted | undefined;
  /** What was found last: its space, and the bytes of it. */
  #found: { readonly space: string; readonly offset: number; readonly bytes: number } | undefined;
  #searching: LookingRun | undefined;

  constructor(host: PaneHost, session: Session, names: LookingNames, every: number) {
    super(host, 'memory', [], every);
    this.#session = session;
    this.#names = names;
  }

  override get title(): string {
    return this.#space === undefined ? 'memory' : `${this.#space} 0x${this.#offset.toString(16)}`;
  }

  /** Shows a place in the first row. Throws UsageError where there is none. */
  goTo({ space, offset }: Pick<Location, 'space' | 'offset'>): void {
    if (offset >= space.size)
      throw new UsageError(`past the end: ${space.name} has 0x${space.size.toString(16)} bytes`);
    this.#space = space.name;
    this.#offset = offset - (offset % this.#perRow);
    this.#aim();
  }

  /** The place that is in the first row. */
  get place(): string {
    return this.#space === undefined ? '' : `${this.#space} 0x${this.#offset.toString(16)}`;
  }

  /** Between bytes and words. */
  toggleWords(): void {
    this.#words = !this.#words;
    this.#aim();
  }

  override get searchTitle(): string {
    return `search in ${this.#space ?? 'memory'}: ${soughtHint}`;
  }

  override get sought(): string | undefined {
    return this.#wanted?.text;
  }

  /** Looks for it in the whole space, which is read for that as far as reading has no effect. */
  override search(text: string): string | undefined | Promise<string | undefined> {
    this.stopSearch();
    this.#found = undefined;
    const space = this.#space === undefined ? undefined : this.#names.space(this.#space);
    this.#wanted = text.trim() === '' || space === undefined ? undefined : wantedIn(text, space, this.#session);
    void this.refresh();
    return this.#wanted === undefined ? undefined : this.searchNext();
  }

  /** From behind what was found last, where that is in sight; else from the first row. */
  override async searchNext(): Promise<string | undefined> {
    const name = this.#space;
    const space = name === undefined ? undefined : this.#names.space(name);
    const wanted = this.#wanted;
    if (wanted === undefined || space === undefined) return undefined;
    this.stopSearch();
    const looking = new LookingRun(this.#session, this.#names, this.host);
    this.#searching = looking;
    const progress = this.#progressOf(space.name, wanted.says);
    try {
      const { offset, wrapped, notes } = await searchAround(looking, space, wanted, this.#searchStart, progress);
      if (this.#searching !== looking) return undefined;
      const left = notes.length === 0 ? '' : `; ${notes.join(', ')}`;
      if (offset === undefined) return `${wanted.says} is not in ${space.name}${left}`;
      this.#found = { space: space.name, offset, bytes: wanted.length };
      this.goTo({ space, offset });
      return `${wanted.says} at ${space.name}+0x${offset.toString(16)}${wrapped ? ', from the beginning again' : ''}${left}`;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      return this.#searching === looking ? `the search for ${wanted.says} was stopped` : undefined;
    } finally {
      if (this.#searching === looking) {
        this.#searching = undefined;
        this.host.progress(undefined);
      }
    }
  }

  override stopSearch(): boolean {
    this.#searching?.interrupt();
    return this.#searching !== undefined;
  }

  get #searchStart(): number {
    const { offset = -1, space } = this.#found ?? {};
    const end = this.#offset + this.#shape.rows * this.#perRow;
    return space === this.#space && offset >= this.#offset && offset < end ? offset + 1 : this.#offset;
  }

  #progressOf(space: string, says: string): (part: number) => void {
    let next = performance.now() + PROGRESS_MS;
    return (part) => {
      if (performance.now() < next) return;
      next = performance.now() + PROGRESS_MS;
      this.host.progress(`search for ${says}: ${Math.floor(part * 100)} % of ${space}; Esc in the memory pane stops`);
    };
  }

  override close(): void {
    this.stopSearch();
    super.close();
  }

  override scroll(rows: number): void {
    const size = this.#size;
    const last = Math.max(0, size - (size % this.#perRow || this.#perRow));
    this.#offset = Math.max(0, Math.min(last, this.#offset + Math.max(-size, Math.min(rows, size)) * this.#perRow));
    this.#aim();
  }

  override scrollToEnd(end: 'first' | 'last'): void {
    this.scroll(end === 'first' ? -Infinity : Infinity);
  }

  protected override body(size: Size): readonly Line[] {
    if (size.columns !== this.#shape.columns || size.rows !== this.#shape.rows) {
      this.#shape = size;
      this.#aim();
    }
    return super.body(size);
  }

  protected override shaped(view: View): View {
    if (view.kind !== 'cells') return view;
    const found = this.#found?.space === view.space ? this.#found : undefined;
    return { ...view, window: true, ...(found !== undefined && { found }) };
  }

  override async refresh(): Promise<void> {
    // Another device, or the first.
    if (this.#space === undefined || this.#session.space(this.#space) === undefined) {
      this.#space = this.#session.defaultSpace?.name;
      this.#offset = 0;
      this.#point();
    }
    await super.refresh();
  }

  get #perRow(): number {
    return this.#shape.columns >= WIDE.columns ? WIDE.bytes : NARROW;
  }

  get #size(): number {
    return this.#space === undefined ? 0 : (this.#session.space(this.#space)?.size ?? 0);
  }

  /** Looks at what is in sight now, at once. */
  #aim(): void {
    this.#point();
    void this.refresh();
  }

  #point(): void {
    if (this.#space === undefined) {
      this.lookAt();
      return;
    }
    const bytes = Math.min(this.#shape.rows * this.#perRow, this.#size - this.#offset);
    const start = `0x${this.#offset.toString(16)}`;
    const line = this.#words
      ? `peek ${this.#space} ${start} ${Math.max(4, bytes)}B`
      : `dump ${this.#space} ${start}..0x${(this.#offset + bytes).toString(16)}`;
    this.lookAt(new Look(this.#session, line, this.#names));
  }
}
