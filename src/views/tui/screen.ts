import type { Duplex } from 'node:stream';
import type { Widgets } from 'blessed';
import { cut } from '../text-width.js';
import { lineText } from '../line.js';
import { DIALOG, type Frame, insideOf, type PaneFrame } from './frame.js';
import type { Rect, Size } from './layout.js';
import { styled } from './style.js';

// blessed asks for it when it is loaded; without it lines are drawn with characters that a UTF-8 terminal does not have.
process.env['NCURSES_NO_UTF8_ACS'] = '1';
const { default: blessed } = await import('blessed');

/** A key as the terminal sent it. */
export interface Key {
  /** 'a', 'f2', 'tab', 'escape', 'pageup'; with 'C-', 'S-' and 'M-' in front where they were held. */
  readonly name: string;
  /** The bytes that came. */
  readonly sequence: string;
}

export interface MouseEvent {
  readonly action: 'press' | 'release' | 'wheel-up' | 'wheel-down';
  readonly column: number;
  readonly row: number;
}

export interface ScreenOptions {
  readonly input: Duplex;
  readonly output: Duplex;
  readonly colour: boolean;
  readonly mouse: boolean;
  onKey(key: Key): void;
  onMouse(event: MouseEvent): void;
  onResize(size: Size): void;
}

/** What one pane is drawn with. */
interface Boxes {
  readonly frame: Widgets.BoxElement;
  readonly title: Widgets.BoxElement;
}

/**
 * The terminal: draws frames, tells of keys, and gives the terminal back as it was. The only user of blessed, which finds out what of a
 * frame is new and writes no more than that.
 */
export class Screen {
  readonly #screen: Widgets.Screen;
  readonly #options: ScreenOptions;
  readonly #boxes = new Map<string, Boxes>();
  readonly #status: Widgets.BoxElement;
  readonly #keys: Widgets.BoxElement;
  #closed = false;

  constructor(options: ScreenOptions) {
    this.#options = options;
    this.#screen = blessed.screen({
      input: options.input,
      output: options.output,
      // It cannot read the terminfo of today; what it writes with this one every terminal of today takes.
      terminal: 'xterm-256color',
      fullUnicode: true,
      warnings: false,
      autoPadding: false,
      title: 'vfiodbg',
    });
    const line = { left: 0, height: 1, width: '100%', tags: false, wrap: false };
    this.#status = blessed.box({ parent: this.#screen, top: 0, ...line });
    this.#keys = blessed.box({ parent: this.#screen, bottom: 0, ...line });
    this.#screen.program.on('keypress', (text: string | undefined, key: KeyPress | undefined) =>
      this.#onKey(text, key),
    );
    if (options.mouse) {
      this.#screen.enableMouse();
      this.#screen.on('mouse', (event: Widgets.Events.IMouseEventArg) => this.#onMouse(event));
    }
    this.#screen.on('resize', () => options.onResize(this.size));
  }

  get size(): Size {
    const { width, height } = this.#screen;
    return { columns: Number(width), rows: Number(height) };
  }

  /** What stands on the screen, a row a string, blanks at the end taken away. */
  get text(): string[] {
    const { lines } = this.#screen as Widgets.Screen & { readonly lines: readonly (readonly [number, string][])[] };
    return lines.map((row) =>
      row
        .map(([, character]) => character)
        .join('')
        // What blessed fills the second half of a wide character with.
        .replaceAll('\u0003', '')
        .trimEnd(),
    );
  }

  draw(frame: Frame): void {
    if (this.#closed) return;
    const { colour } = this.#options;
    const { columns } = frame.size;
    this.#status.setContent(styled(frame.status, columns, colour));
    this.#keys.setContent(styled(frame.keys, columns, colour));
    const shown = frame.dialog === undefined ? frame.panes : [...frame.panes, frame.dialog];
    const present = new Set(shown.map(({ id }) => id));
    for (const [id, boxes] of this.#boxes) {
      if (present.has(id)) continue;
      boxes.frame.destroy();
      boxes.title.destroy();
      this.#boxes.delete(id);
    }
    for (const pane of shown) this.#drawPane(pane);
    this.#screen.render();
    this.#placeCursor(shown.find(({ focused, cursor }) => focused && cursor !== undefined));
  }

  /** Draws every cell anew: something else has written on the terminal. */
  repaint(): void {
    this.#screen.realloc();
    this.#screen.render();
  }

  /** Writes to the terminal what is no part of the picture, such as what is to be copied. */
  write(sequence: string): void {
    this.#options.output.write(sequence);
  }

  /** Gives the terminal back and stops the process (Ctrl-Z); comes back with SIGCONT. */
  suspend(resumed: () => void): void {
    this.#screen.program.sigtstp(() => {
      this.#screen.alloc();
      resumed();
    });
  }

  /** Gives the terminal back as it was. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#screen.destroy();
  }

  #drawPane({ id, rect, title, lines, focused }: PaneFrame): void {
    const { colour } = this.#options;
    const boxes = this.#boxes.get(id) ?? this.#makeBoxes(id);
    const inside = insideOf(rect);
    place(boxes.frame, rect);
    const room = Math.max(0, rect.columns - 4);
    const text = cut(` ${lineText(title)} `, room);
    place(boxes.title, { left: rect.left + 2, top: rect.top, columns: text.length, rows: 1 });
    boxes.title.setContent(styled([{ text, role: focused ? 'changed' : 'heading' }], text.length, colour));
    boxes.frame.style.border = { bold: focused };
    boxes.frame.setContent(
      lines
        .slice(0, inside.rows)
        .map((line) => styled(line, inside.columns, colour))
        .join('\n'),
    );
    if (id === DIALOG) {
      boxes.frame.setFront();
      boxes.title.setFront();
    }
  }

  #makeBoxes(id: string): Boxes {
    const common = { parent: this.#screen, tags: false, wrap: false };
    const boxes = {
      frame: blessed.box({ ...common, border: { type: 'line' }, style: { border: {} } }),
      title: blessed.box({ ...common, height: 1 }),
    };
    this.#boxes.set(id, boxes);
    return boxes;
  }

  #placeCursor(pane: PaneFrame | undefined): void {
    const { program } = this.#screen;
    if (pane?.cursor === undefined) {
      program.hideCursor();
      return;
    }
    program.cup(pane.rect.top + 1 + pane.cursor.row, pane.rect.left + 1 + pane.cursor.column);
    program.showCursor();
  }

  #onKey(text: string | undefined, key: KeyPress | undefined): void {
    const sequence = key?.sequence ?? text ?? '';
    // blessed tells of Return twice, once by each of its names.
    if (key?.name === 'enter' && sequence === '\r') return;
    if (sequence === '' || sequence.startsWith('\u001b[M') || sequence.startsWith('\u001b[<')) return;
    this.#options.onKey({ name: key?.full ?? text ?? sequence, sequence });
  }

  #onMouse({ action, x, y }: Widgets.Events.IMouseEventArg): void {
    const known = { mousedown: 'press', mouseup: 'release', wheelup: 'wheel-up', wheeldown: 'wheel-down' } as const;
    const told = Object.hasOwn(known, action) ? known[action as keyof typeof known] : undefined;
    if (told !== undefined) this.#options.onMouse({ action: told, column: x, row: y });
  }
}

interface KeyPress {
  readonly name?: string;
  readonly full?: string;
  readonly sequence?: string;
}

function place(box: Widgets.BoxElement, { left, top, columns, rows }: Rect): void {
  box.left = left;
  box.top = top;
  box.width = columns;
  box.height = rows;
}
