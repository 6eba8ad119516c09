import { Writable } from 'node:stream';
import type { IBufferCell, IBufferLine, Terminal as Xterm } from '@xterm/headless';
import xterm from '@xterm/headless';
import type { Line } from '../line.js';
import type { Role, Span } from '../view.js';
import type { Place } from './frame.js';
import type { Size } from './layout.js';
import { drawableCharacter } from './style.js';

/** Lines above the screen that are kept. */
const SCROLLBACK = 10_000;

/** What the colours of this tool's own output stand for (sinks/ansi.ts). */
const roleOfColour: Readonly<Record<number, Role>> = { 1: 'fault', 2: 'good', 5: 'warning', 6: 'name' };

/**
 * A terminal within the screen: takes what is written for a terminal (readline's cursor movements among it), and gives the rows that are to
 * be seen of it. It is the stream that the prompt writes to.
 */
export class VirtualTerminal {
  readonly #xterm: Xterm;
  readonly #changed: () => void;
  /** What node:repl writes to: as wide as the pane. */
  readonly output: Writable & { columns: number; rows: number; readonly isTTY: true };
  /** Rows that are scrolled back. */
  #back = 0;

  constructor({ columns, rows }: Size, changed: () => void) {
    this.#changed = changed;
    this.#xterm = new xterm.Terminal({
      cols: columns,
      rows,
      scrollback: SCROLLBACK,
      allowProposedApi: true,
      convertEol: true,
    });
    const stream = new Writable({
      decodeStrings: false,
      write: (text: string | Uint8Array, _encoding, done) => {
        this.#xterm.write(text, () => {
          done();
          this.#changed();
        });
      },
    });
    this.output = Object.assign(stream, { columns, rows, isTTY: true as const });
  }

  resize({ columns, rows }: Size): void {
    const [wide, high] = [Math.max(2, columns), Math.max(1, rows)];
    if (wide === this.#xterm.cols && high === this.#xterm.rows) return;
    this.#xterm.resize(wide, high);
    Object.assign(this.output, { columns: wide, rows: high });
    this.output.emit('resize');
  }

  /** Scrolls by `rows`, backwards where they are negative; Infinity is all the way. */
  scroll(rows: number): void {
    const back = Math.min(this.#xterm.buffer.active.baseY, Math.max(0, this.#back - rows));
    // A picture of nothing new would keep what is typed waiting for the next one.
    if (back === this.#back) return;
    this.#back = back;
    this.#changed();
  }

  get scrolledBack(): number {
    return Math.min(this.#back, this.#xterm.buffer.active.baseY);
  }

  /** The rows that are to be seen. */
  get lines(): Line[] {
    const { active } = this.#xterm.buffer;
    const top = active.baseY - this.scrolledBack;
    const scratch = active.getNullCell();
    return Array.from({ length: this.#xterm.rows }, (_, row) => lineOf(active.getLine(top + row), scratch));
  }

  /** Scrolls back to the next row above the screen that has `text`, without regard to case; from the newest again where there is none. */
  searchBack(text: string): boolean {
    const { active } = this.#xterm.buffer;
    const first = active.baseY - this.scrolledBack - 1;
    for (let step = 0; step < active.length; step += 1) {
      const row = (first - step + active.length) % active.length;
      if (active.getLine(row)?.translateToString(true).toLowerCase().includes(text) !== true) continue;
      this.#back = Math.max(0, active.baseY - row);
      this.#changed();
      return true;
    }
    return false;
  }

  /** Every line that is kept, its rows put together again: for searching and copying. */
  get history(): string[] {
    const { active } = this.#xterm.buffer;
    const texts: string[] = [];
    for (let row = 0; row < active.length; row += 1) {
      const line = active.getLine(row);
      const text = line?.translateToString(true) ?? '';
      if (line?.isWrapped === true && texts.length > 0) texts.push(`${texts.pop() ?? ''}${text}`);
      else texts.push(text);
    }
    while (texts.at(-1) === '') texts.pop();
    return texts;
  }

  /** Where the cursor stands; undefined where it is scrolled out of sight. */
  get cursor(): Place | undefined {
    const { cursorX, cursorY } = this.#xterm.buffer.active;
    const row = cursorY + this.scrolledBack;
    return row < this.#xterm.rows ? { column: Math.min(cursorX, this.#xterm.cols - 1), row } : undefined;
  }

  close(): void {
    this.output.destroy();
    this.#xterm.dispose();
  }
}

function lineOf(row: IBufferLine | undefined, scratch: IBufferCell): Line {
  const spans: Span[] = [];
  let text = '';
  let role: Role = 'plain';
  for (let column = 0; column < (row?.length ?? 0); column += 1) {
    const cell = row?.getCell(column, scratch);
    // The second half of a wide character.
    if (cell === undefined || cell.getWidth() === 0) continue;
    const next = roleOf(cell);
    if (next !== role && text !== '') {
      spans.push({ text, role });
      text = '';
    }
    role = next;
    // As wide as the cell: what stands behind it in the row is where the cursor believes it to be.
    text += drawableCharacter(cell.getChars() || ' ', cell.getWidth());
  }
  const rest = text.trimEnd();
  return rest === '' ? spans : [...spans, { text: rest, role }];
}

function roleOf(cell: IBufferCell): Role {
  if (cell.isInverse()) return 'changed';
  const colour = cell.isFgPalette() ? roleOfColour[cell.getFgColor()] : undefined;
  if (colour !== undefined) return colour;
  if (cell.isBold()) return 'heading';
  return cell.isDim() ? 'dim' : 'plain';
}
