import type { Line } from '../line.js';
import type { Rect, Size } from './layout.js';

/** The id of what lies over the panes. */
export const DIALOG = 'dialog';

/** A place of a pane's inside, counted from 0. */
export interface Place {
  readonly column: number;
  readonly row: number;
}

/** One framed pane: its inside is two columns and two rows smaller than `rect`. */
export interface PaneFrame {
  readonly id: string;
  readonly rect: Rect;
  /** Stands in the frame at the top. */
  readonly title: Line;
  /** What is inside, a row each; cut where it is too wide. */
  readonly lines: readonly Line[];
  readonly focused: boolean;
  /** Where the terminal's cursor stands, if this pane takes text. */
  readonly cursor?: Place;
}

/** All that is on the screen at one moment: plain data, drawn by the screen. */
export interface Frame {
  readonly size: Size;
  readonly status: Line;
  readonly panes: readonly PaneFrame[];
  readonly keys: Line;
  /** Lies over everything: a question, a list of keys. */
  readonly dialog?: PaneFrame;
}

/** The inside of a frame. */
export function insideOf({ columns, rows }: Rect): Size {
  return { columns: Math.max(0, columns - 2), rows: Math.max(0, rows - 2) };
}

/** A rectangle in the middle of a screen, for a dialog of `columns` by `rows` with its frame; no larger than the screen. */
export function centred(size: Size, columns: number, rows: number): Rect {
  const fitting = { columns: Math.min(columns, size.columns), rows: Math.min(rows, size.rows) };
  return {
    left: Math.floor((size.columns - fitting.columns) / 2),
    top: Math.floor((size.rows - fitting.rows) / 2),
    ...fitting,
  };
}
