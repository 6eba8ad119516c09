import { type IPty, spawn } from '@lydell/node-pty';
import type { IBufferCell } from '@xterm/headless';
import xterm from '@xterm/headless';

/** One place of a captured screen; a wide character's second half has none of its own. */
export interface CapturedCell {
  readonly text: string;
  /** Columns that it takes: 1 or 2. */
  readonly columns: number;
  readonly bold: boolean;
  readonly inverse: boolean;
  /** Of the 256-colour palette; undefined is the terminal's own. */
  readonly foreground: number | undefined;
  readonly background: number | undefined;
}

export interface CapturedScreen {
  readonly columns: number;
  /** From the top; each row is as wide as the screen. */
  readonly rows: readonly (readonly CapturedCell[])[];
  /** Counted from 0; undefined where it is hidden. */
  readonly cursor: { readonly column: number; readonly row: number } | undefined;
}

/** A program on a terminal of its own, of which every cell can be looked at. */
export class TerminalCapture {
  readonly #pty: IPty;
  readonly #xterm: InstanceType<typeof xterm.Terminal>;
  /** The program has ended, which it may do by itself. */
  readonly #gone: Promise<void>;
  #cursorHidden = false;
  #changed: (() => void) | undefined;

  constructor(
    command: readonly [string, ...string[]],
    { columns, rows, env }: { columns: number; rows: number; env: Record<string, string | undefined> },
  ) {
    this.#xterm = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    for (const [final, hidden] of [
      ['l', true],
      ['h', false],
    ] as const) {
      // DECTCEM, which the terminal obeys without telling of it.
      this.#xterm.parser.registerCsiHandler({ prefix: '?', final }, (parameters) => {
        if (parameters.includes(25)) this.#cursorHidden = hidden;
        return false;
      });
    }
    const [file, ...args] = command;
    const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
    this.#pty = spawn(file, args, { name: env['TERM'] ?? 'xterm-256color', cols: columns, rows, env: present });
    this.#gone = new Promise((resolve) => {
      this.#pty.onExit(() => resolve());
    });
    this.#pty.onData((data) => this.#xterm.write(data, () => this.#changed?.()));
  }

  get pid(): number {
    return this.#pty.pid;
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  /** Waits until `found` is true of the screen's text. Rejects with that text where it does not come to it. */
  async until(found: (text: string) => boolean, ms = 15_000): Promise<string> {
    const deadline = performance.now() + ms;
    for (;;) {
      const text = this.text;
      if (found(text)) return text;
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`it did not come to that; the screen is\n${text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The rows of the screen, blanks at their ends taken away. */
  get text(): string {
    const { active } = this.#xterm.buffer;
    return Array.from(
      { length: this.#xterm.rows },
      (_, row) =>
        `${
          active
            .getLine(active.baseY + row)
            ?.translateToString(true)
            .trimEnd() ?? ''
        }\n`,
    ).join('');
  }

  get screen(): CapturedScreen {
    const { active } = this.#xterm.buffer;
    const rows = Array.from({ length: this.#xterm.rows }, (_, row) => {
      const line = active.getLine(active.baseY + row);
      const cells: CapturedCell[] = [];
      for (let column = 0; column < this.#xterm.cols; column += 1) {
        const cell = line?.getCell(column);
        if (cell !== undefined && cell.getWidth() > 0) cells.push(captured(cell));
      }
      return cells;
    });
    const cursor = this.#cursorHidden ? undefined : { column: active.cursorX, row: active.cursorY };
    return { columns: this.#xterm.cols, rows, cursor };
  }

  /** Ends the program; resolves when it is gone. */
  async close(): Promise<void> {
    this.#pty.kill('SIGKILL');
    await this.#gone;
    this.#xterm.dispose();
  }
}

function captured(cell: IBufferCell): CapturedCell {
  return {
    text: cell.getChars() || ' ',
    columns: cell.getWidth(),
    bold: cell.isBold() !== 0,
    inverse: cell.isInverse() !== 0,
    foreground: cell.isFgPalette() ? cell.getFgColor() : undefined,
    background: cell.isBgPalette() ? cell.getBgColor() : undefined,
  };
}
