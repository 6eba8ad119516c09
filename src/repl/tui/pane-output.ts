import type { Writable } from 'node:stream';
import type { View } from '../../views/view.js';
import { json as asJson } from '../../views/sinks/json.js';
import { ansiPieces } from '../../views/sinks/ansi.js';
import { plain } from '../../views/sinks/plain.js';
import type { PromptOutput } from '../output.js';

/** Hears of what has its place outside of the prompt's pane. */
export interface PaneListener {
  /** An event. */
  readonly told: (text: string) => void;
  /** How far a long command is; undefined when it is done. */
  readonly progress: (text: string | undefined) => void;
}

/** Answers and events in the prompt's pane, where standard output is the whole screen's. */
export class PaneOutput implements PromptOutput {
  readonly #terminal: Writable & { readonly columns: number };
  readonly #told: (text: string) => void;
  readonly #showProgress: (text: string | undefined) => void;
  announce: ((text: string) => void) | undefined;

  constructor(terminal: Writable & { readonly columns: number }, { told, progress }: PaneListener) {
    this.#terminal = terminal;
    this.#told = told;
    this.#showProgress = progress;
  }

  async show(view: View, json: boolean): Promise<void> {
    if (json) {
      await this.write(asJson(view));
      return;
    }
    // The pane draws by its own rules: with colours or without.
    for (const piece of ansiPieces(view, this.#terminal.columns)) await this.write(piece);
  }

  flush(): void {}

  notice(text: string): void {
    this.#told(text);
    if (this.announce) this.announce(text);
    else void this.write(plain({ kind: 'text', prose: true, lines: [text] }, this.#terminal.columns));
  }

  live(): void {
    // What changes by itself has panes of its own here; the command's last picture is its answer.
  }

  progress(text: string | undefined): void {
    this.#showProgress(text);
  }

  write(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#terminal.write(text, () => resolve());
    });
  }
}
