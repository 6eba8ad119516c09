/** Milliseconds between two pictures at the least. */
const FRAME_MS = 20;
/** How long what takes long waits for the answer to a key, in milliseconds: an echo takes a few turns of the event loop. */
const ANSWER_MS = 25;

/**
 * When a picture is drawn, and when panes may read. Keys come first: what they did is drawn at once, and from a key to that picture no pane
 * begins to read, and none that reads piece by piece goes on. An answer that does not come holds them up for a moment only.
 */
export class DrawClock {
  readonly #draw: () => void;
  /** When the last picture was drawn, and the next one will be. */
  #drawn = 0;
  #due = 0;
  /** Takes back the next picture. */
  #cancel: (() => void) | undefined;
  /** Runs from a key to its answer. */
  #answering: NodeJS.Timeout | undefined;
  /** What the key did is known, and stands in the next picture. */
  #answered = false;
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(draw: () => void) {
    this.#draw = draw;
  }

  /** Something is to be seen that was not: it is drawn soon, in `patience` ms where more of the like is to come. */
  redraw(patience = 0): void {
    if (this.#closed) return;
    if (patience === 0) this.#answered = true;
    const now = performance.now();
    const due = Math.max(now + patience, this.#drawn + FRAME_MS);
    if (this.#cancel !== undefined && this.#due <= due) return;
    this.#cancel?.();
    this.#due = due;
    this.#cancel = after(due - now, () => {
      this.#cancel = undefined;
      this.#drawn = performance.now();
      this.#draw();
      if (this.#answered) this.#goOn();
    });
  }

  /** What a key does is seen at once, however short ago the last picture was drawn. */
  keyCame(): void {
    this.#drawn = 0;
    this.#answered = false;
    // Not longer for the next key: held down, they would keep the panes from ever being looked at.
    this.#answering ??= setTimeout(() => this.#goOn(), ANSWER_MS);
  }

  /** Resolves on another turn of the event loop, when no key waits for its answer. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#answering === undefined) setImmediate(resolve);
      else this.#waiting.add(resolve);
    });
  }

  #goOn(): void {
    clearTimeout(this.#answering);
    this.#answering = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) setImmediate(resolve);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#goOn();
  }
}

/** Calls `body` in `ms`, on this turn of the event loop still where that is now. @returns what takes that back. */
function after(ms: number, body: () => void): () => void {
  if (ms > 0) {
    const timer = setTimeout(body, ms);
    return () => clearTimeout(timer);
  }
  const immediate = setImmediate(body);
  return () => clearImmediate(immediate);
}
