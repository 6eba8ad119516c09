import type { View } from '../views/view.js';

/** Where a session shows what it has to show. The composition root decides what that is: text, colour, JSON. */
export interface Output {
  /** Shows an answer. A promise where the reader is slower than the writer. */
  show(view: View, json: boolean): void | Promise<void>;
  /** Hands on what was gathered; a promise where the reader is slower. */
  flush(): void | Promise<void>;
  /** Shows a line that no command asked for: an event. */
  notice(text: string): void;
  /** Shows what changes as time goes by, in place of what this showed before; undefined takes it away. On a terminal only. */
  live(make: (() => View) | undefined): void;
  /** How far a long command is; undefined takes that away again. */
  progress(text: string | undefined): void;
}

/** What shows a prompt's answers: events go above the line that is being typed, once there is one. */
export interface PromptOutput extends Output {
  announce: ((text: string) => void) | undefined;
}
