import { type Duplex, PassThrough, type Readable } from 'node:stream';
import type { Widgets } from 'blessed';
import { cut, textWidth } from '../text-width.js';
import { lineText } from '../line.js';
import { DIALOG, type Frame, insideOf, type PaneFrame } from './frame.js';
import { type KeyListener, KeyReader } from './key-reader.js';
import type { Rect, Size } from './layout.js';
import { styled } from './style.js';

// blessed asks for it when it is loaded; without it lines are drawn with characters that a UTF-8 terminal does not have.
process.env['NCURSES_NO_UTF8_ACS'] = '1';
const { default: blessed } = await import('blessed');

export interface ScreenOptions extends KeyListener {
  readonly input: Readable & { setRawMode?(on: boolean): unknown };
  readonly output: Duplex;
  readonly colour: boolean;
  readonly mouse: boolean;
  onResize(size: Size): void;
  /** The terminal will send no more keys. */
  onEnd(): void;
}

/** Modes of the terminal while the screen is its own. Source: xterm's control sequences (DECSET). */
const MOUSE = ['?1000', '?1006'];
const PASTE = '?2004';
/** Puts the window's title away and sets another (XTWINOPS 22 and OSC 2), and brings it back (XTWINOPS 23). */
const TITLE = { set: '\u001b[22;2t\u001b]2;vfiodbg\u0007', restore: '\u001b[23;2t' };

/** What its declarations leave out: taking the terminal and giving it back, and the cells. */
type BlessedScreen = Widgets.Screen & {
  enter(): void;
  leave(): void;
  readonly lines: readonly (readonly [number, string][])[];
};

/** What one pane is drawn with. */
interface Boxes {
  readonly frame: Widgets.BoxElement;
  readonly title: Widgets.BoxElement;
  /** Where it lies and whether it has the keys, as it was drawn. */
  shape: string;
}

/**
 * The terminal: draws frames, tells of keys, and gives the terminal back as it was. The only user of blessed, which finds out what of a
 * frame is new and writes no more than that.
 */
export class Screen {
  readonly #screen: BlessedScreen;
  readonly #options: ScreenOptions;
  readonly #boxes = new Map<string, Boxes>();
  readonly #status: Widgets.BoxElement;
  readonly #keys: Widgets.BoxElement;
  readonly #reader: KeyReader;
  /** Boxes whose content is another one than in the last picture, those above others behind them. */
  readonly #changed = new Set<Widgets.BoxElement>();
  /** Where the cursor stands: 'column,row', or nothing where it is hidden. */
  #cursor = '';
  #closed = false;
  #suspended = false;
  /** Something has moved, or lies over something else: no box can be drawn alone. */
  #whole = true;

  constructor(options: ScreenOptions) {
    this.#options = options;
    this.#reader = new KeyReader(options);
    options.output.write(TITLE.set);
    const screen = blessed.screen({
      // It would take two keys that come at once for one; the keys are read here.
      input: new PassThrough(),
      output: options.output,
      // It cannot read the terminfo of today; what it writes with this one every terminal of today takes.
      terminal: 'xterm-256color',
      fullUnicode: true,
      warnings: false,
      autoPadding: false,
    });
    this.#screen = screen as BlessedScreen;
    const line = { left: 0, height: 1, width: '100%', tags: false, wrap: false };
    this.#status = blessed.box({ parent: this.#screen, top: 0, ...line });
    this.#keys = blessed.box({ parent: this.#screen, bottom: 0, ...line });
    this.#screen.on('resize', () => {
      this.#whole = true;
      options.onResize(this.size);
    });
    options.input.on('error', this.#ended);
    process.once('exit', this.#exit);
    this.#takeInput();
  }

  get size(): Size {
    const { width, height } = this.#screen;
    return { columns: Number(width), rows: Number(height) };
  }

  /** What stands on the screen, a row a string, blanks at the end taken away. */
  get text(): string[] {
    const { lines } = this.#screen;
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
    if (this.#closed || this.#suspended) return;
    const { colour } = this.#options;
    const { columns } = frame.size;
    this.#put(this.#status, styled(frame.status, columns, colour));
    this.#put(this.#keys, styled(frame.keys, columns, colour));
    const shown = frame.dialog === undefined ? frame.panes : [...frame.panes, frame.dialog];
    const present = new Set(shown.map(({ id }) => id));
    for (const [id, boxes] of this.#boxes) {
      if (present.has(id)) continue;
      boxes.frame.destroy();
      boxes.title.destroy();
      this.#boxes.delete(id);
      this.#whole = true;
    }
    for (const pane of shown) this.#drawPane(pane);
    const drawn = this.#render();
    this.#whole = frame.dialog !== undefined;
    this.#placeCursor(
      shown.find(({ focused, cursor }) => focused && cursor !== undefined),
      drawn,
    );
  }

  /** Most pictures differ from the one before in few boxes, and blessed goes through every cell of each that is rendered. False where nothing has changed. */
  #render(): boolean {
    const drawn = this.#whole || this.#changed.size > 0;
    if (this.#whole) this.#screen.render();
    else if (drawn) {
      for (const box of this.#changed) box.render();
      this.#screen.draw(0, this.size.rows - 1);
    }
    this.#changed.clear();
    return drawn;
  }

  /** Gives a box its content; what is there already costs nothing. */
  #put(box: Widgets.BoxElement, content: string): void {
    if (box.content === content) return;
    box.setContent(content);
    this.#changed.add(box);
  }

  /** Draws every cell anew with the next frame: something else has written on the terminal. */
  repaint(): void {
    this.#screen.realloc();
    this.#whole = true;
  }

  /** Writes to the terminal what is no part of the picture, such as what is to be copied. */
  write(sequence: string): void {
    this.#options.output.write(sequence);
  }

  /** Gives the terminal back for a while: until `resume` nothing is drawn and no key is read. */
  suspend(): void {
    if (this.#closed || this.#suspended) return;
    this.#suspended = true;
    this.#giveInput();
    this.#screen.leave();
    this.#options.output.write(TITLE.restore);
  }

  /** Takes the terminal again. Nothing is on it: the next frame is drawn whole. */
  resume(): void {
    if (this.#closed || !this.#suspended) return;
    this.#suspended = false;
    this.#options.output.write(TITLE.set);
    this.#screen.enter();
    this.#whole = true;
    this.#takeInput();
  }

  /** Gives the terminal back as it was. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.suspend();
    this.#closed = true;
    process.off('exit', this.#exit);
    this.#screen.destroy();
  }

  readonly #read = (bytes: Buffer): void => this.#reader.feed(bytes);
  readonly #ended = (): void => this.#options.onEnd();
  /** Whoever ends the process without asking: the user's own JavaScript, for instance. */
  readonly #exit = (): void => this.close();

  #takeInput(): void {
    const { input, mouse } = this.#options;
    // Once off and on again: whoever stopped the process may have set the terminal back without this process knowing.
    input.setRawMode?.(false);
    input.setRawMode?.(true);
    input.on('data', this.#read);
    input.on('end', this.#ended);
    input.resume();
    this.#modes('h', mouse);
  }

  #giveInput(): void {
    const { input, mouse } = this.#options;
    this.#modes('l', mouse);
    input.off('data', this.#read);
    input.off('end', this.#ended);
    this.#reader.close();
    input.pause();
    input.setRawMode?.(false);
  }

  #modes(set: 'h' | 'l', mouse: boolean): void {
    const modes = mouse ? [...MOUSE, PASTE] : [PASTE];
    this.#options.output.write(modes.map((mode) => `\u001b[${mode}${set}`).join(''));
  }

  #drawPane({ id, rect, title, lines, focused }: PaneFrame): void {
    const { colour } = this.#options;
    const boxes = this.#boxes.get(id) ?? this.#makeBoxes(id);
    const inside = insideOf(rect);
    const room = Math.max(0, rect.columns - 4);
    const text = cut(` ${lineText(title)} `, room);
    const width = textWidth(text);
    const shape = JSON.stringify([rect, width, focused]);
    if (shape !== boxes.shape) {
      boxes.shape = shape;
      this.#whole = true;
      place(boxes.frame, rect);
      place(boxes.title, { left: rect.left + 2, top: rect.top, columns: width, rows: 1 });
      boxes.frame.style.border = { bold: focused };
    }
    const rows = lines.slice(0, inside.rows).map((line) => styled(line, inside.columns, colour));
    this.#put(boxes.frame, rows.join('\n'));
    this.#put(boxes.title, styled([{ text, role: focused ? 'changed' : 'heading' }], width, colour));
    // The title lies over the frame.
    if (this.#changed.has(boxes.frame)) this.#changed.add(boxes.title);
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
      shape: '',
    };
    this.#boxes.set(id, boxes);
    return boxes;
  }

  #placeCursor(pane: PaneFrame | undefined, drawn: boolean): void {
    const { program } = this.#screen;
    const cursor = pane?.cursor && {
      column: pane.rect.left + 1 + pane.cursor.column,
      row: pane.rect.top + 1 + pane.cursor.row,
    };
    const there = cursor === undefined ? '' : `${cursor.column},${cursor.row}`;
    if (!drawn && there === this.#cursor) return;
    this.#cursor = there;
    if (cursor === undefined) {
      program.hideCursor();
      return;
    }
    program.cup(cursor.row, cursor.column);
    program.showCursor();
  }
}

function place(box: Widgets.BoxElement, { left, top, columns, rows }: Rect): void {
  box.left = left;
  box.top = top;
  box.width = columns;
  box.height = rows;
}
