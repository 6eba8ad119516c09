import type { Line } from '../../views/line.js';
import type { PaneFrame } from '../../views/tui/frame.js';
import type { Key } from '../../views/tui/key-reader.js';
import type { Size } from '../../views/tui/layout.js';
import { describe } from '../report.js';
import { ConfirmDialog, type Dialog, InputDialog, TextDialog } from './dialog.js';

/** What lies over the panes: one question after the other, or something to read. */
export class Questions {
  readonly #redraw: () => void;
  #dialog: Dialog | undefined;
  /** What comes when this one is done. */
  #next: (() => void) | undefined;

  constructor(redraw: () => void) {
    this.#redraw = redraw;
  }

  /** Something has the keys. */
  get open(): boolean {
    return this.#dialog !== undefined;
  }

  frame(size: Size): PaneFrame | undefined {
    return this.#dialog?.frame(size);
  }

  key(key: Key): void {
    this.#dialog?.key(key);
  }

  paste(text: string): void {
    this.#dialog?.paste?.(text);
  }

  /** Asks for a line; `answer` says what is wrong with it, or throws. */
  ask(title: string, text: string, answer: (text: string) => string | undefined | Promise<string | undefined>): void {
    const guarded = async (typed: string): Promise<string | undefined> => {
      try {
        return await answer(typed);
      } catch (error) {
        const { problem } = describe(error);
        if (!('message' in problem) && !('details' in problem)) return String(error);
        const why = 'message' in problem ? problem.message : problem.details.why;
        const hint = 'message' in problem ? problem.hint : problem.details.hint;
        return hint === undefined ? why : `${why}; try: ${hint}`;
      }
    };
    this.#show(new InputDialog(title, text, guarded, { done: this.#done, redraw: this.#redraw }));
  }

  /** Asks y or n; `yes` is what y does. */
  confirm(title: string, lines: readonly Line[], yes: () => void): void {
    this.#show(new ConfirmDialog(title, lines, yes, this.#done));
  }

  tell(title: string, lines: readonly Line[]): void {
    this.#show(new TextDialog(title, lines, { done: this.#done, redraw: this.#redraw }));
  }

  /** Does `next` when what is asked now is answered. */
  afterwards(next: () => void): void {
    this.#next = next;
  }

  #show(dialog: Dialog): void {
    this.#dialog = dialog;
    this.#redraw();
  }

  readonly #done = (): void => {
    this.#dialog = undefined;
    const next = this.#next;
    this.#next = undefined;
    next?.();
    this.#redraw();
  };
}
