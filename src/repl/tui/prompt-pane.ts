import { PassThrough } from 'node:stream';
import type { Line } from '../../views/line.js';
import type { Place } from '../../views/tui/frame.js';
import type { Size } from '../../views/tui/layout.js';
import { VirtualTerminal } from '../../views/tui/virtual-terminal.js';
import { Pane, type PaneHost } from './pane.js';

/** The prompt: a terminal of its own, in which the same node:repl runs as without panes. */
export class PromptPane extends Pane {
  readonly kind = 'prompt';
  readonly title = 'prompt';
  /** What node:repl reads its keys from; it believes in a terminal, which has a raw mode to switch. */
  readonly input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => this.input });
  readonly #terminal: VirtualTerminal;

  constructor(host: PaneHost, size: Size) {
    super(host, 'prompt');
    this.#terminal = new VirtualTerminal(size, () => host.redraw());
  }

  get output(): VirtualTerminal['output'] {
    return this.#terminal.output;
  }

  /** A key goes to the line that is being typed, which comes into sight. */
  type(sequence: string): void {
    this.#terminal.scroll(Infinity);
    this.input.write(sequence);
  }

  protected body(size: Size): readonly Line[] {
    this.#terminal.resize(size);
    return this.#terminal.lines;
  }

  override get cursor(): Place | undefined {
    return this.#terminal.cursor;
  }

  override get unseen(): { readonly above: number; readonly below: number } {
    return { above: 0, below: this.#terminal.scrolledBack };
  }

  override scroll(rows: number): void {
    this.#terminal.scroll(rows);
  }

  override scrollToEnd(end: 'first' | 'last'): void {
    this.#terminal.scroll(end === 'first' ? -Infinity : Infinity);
  }

  override get text(): string {
    return this.#terminal.history.join('\n');
  }

  protected override findNext(sought: string): boolean {
    return this.#terminal.searchBack(sought);
  }

  override close(): void {
    this.#terminal.close();
  }
}
