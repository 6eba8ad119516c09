import type { Size } from '../../views/tui/layout.js';
import type { Line } from '../../views/line.js';
import type { View } from '../../views/view.js';
import type { Location } from '../arguments.js';
import type { Session } from '../session.js';
import { UsageError } from '../usage-error.js';
import { CommandPane } from './command-pane.js';
import type { Look } from './look.js';
import type { PaneHost } from './pane.js';

/** Bytes that a row shows, wide and narrow. */
const WIDE = { bytes: 16, columns: 77 };
const NARROW = 8;

/** A window on a space, as large as the pane: bytes as `dump` shows them, or words as `peek` does. */
export class MemoryPane extends CommandPane {
  override readonly kind = 'memory';
  override readonly weight = 2;
  readonly #session: Session;
  readonly #look: (line: string) => Look;
  #space: string | undefined;
  #offset = 0;
  #words = false;
  #shape: Size = { columns: 80, rows: 16 };

  constructor(host: PaneHost, session: Session, look: (line: string) => Look, every: number) {
    super(host, 'memory', [], every);
    this.#session = session;
    this.#look = look;
  }

  override get title(): string {
    return this.#space === undefined ? 'memory' : `${this.#space} 0x${this.#offset.toString(16)}`;
  }

  /** Shows a place in the first row. Throws UsageError where there is none. */
  goTo({ space, offset }: Location): void {
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

  /** Only what is in sight was read, and only that is searched. */
  override missing(text: string): string {
    return `"${text}" is not in sight; find at the prompt searches all of ${this.#space ?? 'a space'}`;
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
    return view.kind === 'cells' ? { ...view, window: true } : view;
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
    this.lookAt(this.#look(line));
  }
}
