import type { View } from '../views/view.js';

type Sink = (view: View, columns: number) => string;

/** The lines at the bottom of a terminal that are drawn over and over. The cursor stands below them. */
export class LiveArea {
  /** Lines that are drawn. */
  #height = 0;

  get drawn(): boolean {
    return this.#height > 0;
  }

  /** What draws `view` in place of what was drawn before, on a terminal of that size. */
  draw(view: View, sink: Sink, { columns, rows }: { readonly columns: number; readonly rows: number }): string {
    // What has left the screen at the top cannot be drawn over.
    const lines = sink(view, columns)
      .trimEnd()
      .split('\n')
      .slice(0, rows - 1);
    const text = `${this.#top()}${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`;
    this.#height = lines.length;
    return text;
  }

  /** What takes it away, with the cursor where it began. */
  erase(): string {
    const text = this.drawn ? `${this.#top()}\u001b[J` : '';
    this.#height = 0;
    return text;
  }

  #top(): string {
    return this.drawn ? `\r\u001b[${this.#height}A` : '';
  }
}
