import type { Pane } from './pane.js';

/** A pane that takes longer than this part of its time leaves the rest to the keys. */
const SHARE = 0.5;

/**
 * Milliseconds to the next look of a pane that takes one every `every` ms. Panes of one period take theirs together, so that one picture
 * shows them all; at least half a period lies between two looks.
 */
function untilNext(every: number): number {
  const rest = every - (performance.now() % every);
  return rest < every / 2 ? rest + every : rest;
}

/**
 * Takes the panes' looks in their times: one look of a pane at a time, none of a pane that is hidden, and after a look that took long as
 * much time for everything else.
 */
export class Refresher {
  readonly #visible: (pane: Pane) => boolean;
  readonly #breathe: () => Promise<void>;
  readonly #timers = new Map<Pane, NodeJS.Timeout>();
  /** Panes whose turn has passed while they were hidden. */
  readonly #passed = new Set<Pane>();
  #halted = false;

  /** `breathe` resolves when the keys had their turn. */
  constructor(visible: (pane: Pane) => boolean, breathe: () => Promise<void>) {
    this.#visible = visible;
    this.#breathe = breathe;
  }

  add(pane: Pane): void {
    if (pane.every !== undefined && !this.#timers.has(pane)) this.#after(pane, 0);
  }

  remove(pane: Pane): void {
    clearTimeout(this.#timers.get(pane));
    this.#timers.delete(pane);
    this.#passed.delete(pane);
  }

  /** Other panes are in sight: what was not looked at for being hidden is now, at once. */
  seen(): void {
    for (const pane of this.#passed) {
      if (!this.#visible(pane)) continue;
      this.#passed.delete(pane);
      clearTimeout(this.#timers.get(pane));
      this.#after(pane, 0);
    }
  }

  /** While the screen is not this program's (Ctrl-Z), nobody looks. */
  halt(on: boolean): void {
    this.#halted = on;
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #after(pane: Pane, ms: number): void {
    this.#timers.set(
      pane,
      setTimeout(() => void this.#look(pane), ms),
    );
  }

  async #look(pane: Pane): Promise<void> {
    const { every } = pane;
    if (every === undefined) return;
    await this.#breathe();
    if (!this.#timers.has(pane)) return;
    const begun = performance.now();
    if (!this.#visible(pane)) this.#passed.add(pane);
    else if (!this.#halted) await pane.refresh();
    const took = performance.now() - begun;
    pane.slow = took > every * SHARE ? took : undefined;
    if (this.#timers.has(pane)) this.#after(pane, Math.max(untilNext(every), took / SHARE - took));
  }
}
