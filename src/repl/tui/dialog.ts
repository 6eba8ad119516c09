import { type Line, lineWidth, wrapLine } from '../../views/line.js';
import { escape } from '../../views/escape.js';
import { head, textWidth } from '../../views/text-width.js';
import { centred, DIALOG, type PaneFrame } from '../../views/tui/frame.js';
import type { Size } from '../../views/tui/layout.js';
import type { Key } from '../../views/tui/key-reader.js';

/** Columns of a question, and of what is typed into it. */
const WIDTH = 64;

/** Something that lies over the panes and has the keys until it is done. */
export interface Dialog {
  frame(size: Size): PaneFrame;
  key(key: Key): void;
  /** Text that was pasted; a question without a line to type takes none. */
  paste?(text: string): void;
}

/** Who shows a dialog, and is told when it is done. */
export interface DialogHost {
  readonly done: () => void;
  readonly redraw: () => void;
}

/**
 * A question with one line to type: `answer` gets it, and says what is wrong with it, if anything. The text that is there at first is
 * replaced by what is typed; a key that moves or deletes keeps it to be edited.
 */
export class InputDialog implements Dialog {
  readonly #title: string;
  readonly #answer: (text: string) => string | undefined | Promise<string | undefined>;
  readonly #done: () => void;
  readonly #redraw: () => void;
  #text: string;
  #cursor: number;
  /** Nothing was done yet to the text that was there at first. */
  #untouched: boolean;
  #wrong: string | undefined;

  constructor(
    title: string,
    text: string,
    answer: (text: string) => string | undefined | Promise<string | undefined>,
    { done, redraw }: DialogHost,
  ) {
    this.#title = title;
    this.#text = text;
    this.#cursor = text.length;
    this.#untouched = text !== '';
    this.#answer = answer;
    this.#done = done;
    this.#redraw = redraw;
  }

  key({ name, sequence }: Key): void {
    this.#wrong = undefined;
    const untouched = this.#untouched;
    this.#untouched = false;
    const before = this.#text.slice(0, this.#cursor);
    const behind = this.#text.slice(this.#cursor);
    switch (name) {
      case 'escape':
      case 'C-c':
        this.#done();
        return;
      case 'return':
        void this.#submit();
        return;
      case 'backspace':
        this.#put(characters(before).slice(0, -1).join(''), behind);
        return;
      case 'delete':
        this.#put(before, characters(behind).slice(1).join(''));
        return;
      case 'C-u':
        this.#put('', behind);
        return;
      case 'left':
        this.#cursor = characters(before).slice(0, -1).join('').length;
        break;
      case 'right':
        this.#cursor += characters(behind)[0]?.length ?? 0;
        break;
      case 'home':
      case 'C-a':
        this.#cursor = 0;
        break;
      case 'end':
      case 'C-e':
        this.#cursor = this.#text.length;
        break;
      default:
        // oxlint-disable-next-line no-control-regex
        if (!/[\u0000-\u001f\u007f]/.test(sequence)) this.#put(untouched ? sequence : before + sequence, behind);
    }
    this.#redraw();
  }

  paste(text: string): void {
    // oxlint-disable-next-line no-control-regex
    const typed = text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
    const before = this.#untouched ? '' : this.#text.slice(0, this.#cursor);
    this.#untouched = false;
    this.#put(before + typed, this.#text.slice(this.#cursor));
  }

  #put(before: string, behind: string): void {
    this.#text = before + behind;
    this.#cursor = before.length;
    this.#redraw();
  }

  async #submit(): Promise<void> {
    this.#wrong = await this.#answer(this.#text);
    if (this.#wrong === undefined) this.#done();
    this.#redraw();
  }

  frame(size: Size): PaneFrame {
    const columns = Math.max(1, Math.min(WIDTH, size.columns) - 2);
    const before = escape(this.#text.slice(0, this.#cursor));
    // The end of what stands before the cursor stays in sight.
    let shown = before;
    while (textWidth(shown) >= columns) shown = shown.slice(1);
    const rest = head(escape(this.#text.slice(this.#cursor)), Math.max(0, columns - textWidth(shown)));
    const wrong = this.#wrong === undefined ? [] : wrapLine([{ text: escape(this.#wrong), role: 'fault' }], columns, 0);
    const lines: Line[] = [[{ text: shown + rest, role: this.#untouched ? 'changed' : 'value' }], ...wrong];
    return {
      id: DIALOG,
      rect: centred(size, columns + 2, lines.length + 2),
      title: [{ text: this.#title, role: 'heading' }],
      lines,
      focused: true,
      cursor: { column: textWidth(shown), row: 0 },
    };
  }
}

/** A question that is answered with y or n. */
export class ConfirmDialog implements Dialog {
  readonly #title: string;
  readonly #lines: readonly Line[];
  readonly #yes: () => void;
  readonly #done: () => void;

  constructor(title: string, lines: readonly Line[], yes: () => void, done: () => void) {
    this.#title = title;
    this.#lines = lines;
    this.#yes = yes;
    this.#done = done;
  }

  key({ name }: Key): void {
    if (name === 'y') {
      this.#done();
      this.#yes();
    } else if (['n', 'escape', 'q', 'C-c'].includes(name)) this.#done();
  }

  frame(size: Size): PaneFrame {
    const question: Line = [
      { text: 'y', role: 'heading' },
      { text: ' yes   ', role: 'plain' },
      { text: 'n', role: 'heading' },
      { text: ' no', role: 'plain' },
    ];
    return boxed(size, this.#title, [...this.#lines, [], question]);
  }
}

/** Lines to read; any key takes them away, the arrows scroll where they are many. */
export class TextDialog implements Dialog {
  readonly #title: string;
  readonly #lines: readonly Line[];
  readonly #done: () => void;
  readonly #redraw: () => void;
  #top = 0;
  #rows = 1;

  constructor(title: string, lines: readonly Line[], { done, redraw }: DialogHost) {
    this.#title = title;
    this.#lines = lines;
    this.#done = done;
    this.#redraw = redraw;
  }

  key({ name }: Key): void {
    const step = { down: 1, up: -1, pagedown: this.#rows, pageup: -this.#rows }[name];
    if (step === undefined) {
      this.#done();
      return;
    }
    this.#top = Math.max(0, Math.min(this.#lines.length - this.#rows, this.#top + step));
    this.#redraw();
  }

  frame(size: Size): PaneFrame {
    const frame = boxed(size, this.#title, this.#lines);
    this.#rows = Math.max(1, frame.rect.rows - 2);
    const more = this.#lines.length > this.#rows ? ' (arrows scroll)' : '';
    return {
      ...frame,
      title: [{ text: `${this.#title}${more}`, role: 'heading' }],
      lines: this.#lines.slice(this.#top, this.#top + this.#rows),
    };
  }
}

/** What a reader takes for one character each. */
function characters(text: string): string[] {
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}

function boxed(size: Size, title: string, lines: readonly Line[]): PaneFrame {
  const widest = Math.max(textWidth(title) + 4, ...lines.map(lineWidth));
  return {
    id: DIALOG,
    rect: centred(size, widest + 2, lines.length + 2),
    title: [{ text: title, role: 'heading' }],
    lines,
    focused: true,
  };
}
