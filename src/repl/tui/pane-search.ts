import type { Pane } from './pane.js';
import type { Questions } from './questions.js';

/** Asks what is to be sought in a pane, and tells what came of it: in the question where that is wrong, else in the status line. */
export class PaneSearch {
  readonly #questions: Questions;
  readonly #tell: (text: string) => void;
  readonly #guarded: (body: () => Promise<void>) => Promise<void>;

  /** `guarded` runs something and shows its failure. */
  constructor(
    questions: Questions,
    tell: (text: string) => void,
    guarded: (body: () => Promise<void>) => Promise<void>,
  ) {
    this.#questions = questions;
    this.#tell = tell;
    this.#guarded = guarded;
  }

  ask(pane: Pane): void {
    this.#questions.ask(pane.searchTitle, pane.sought ?? '', (text) => {
      const answer = pane.search(text);
      if (!(answer instanceof Promise)) return answer;
      void this.#guarded(() => this.#tellOf(answer));
      return undefined;
    });
  }

  next(pane: Pane): Promise<void> {
    return this.#tellOf(pane.searchNext());
  }

  stop(pane: Pane): void {
    if (!pane.stopSearch()) this.#tell('Esc: no search runs; q leaves');
  }

  async #tellOf(answer: string | undefined | Promise<string | undefined>): Promise<void> {
    const text = await answer;
    if (text !== undefined) this.#tell(text);
  }
}
