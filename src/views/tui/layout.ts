/** A rectangle of the screen, in cells; `left` and `top` count from 0. */
export interface Rect {
  readonly left: number;
  readonly top: number;
  readonly columns: number;
  readonly rows: number;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What the layout has to know of a pane. */
export interface PaneShape {
  readonly id: string;
  /** How much of what there is it gets, beside the panes above and below it. */
  readonly weight: number;
}

export interface LayoutRequest {
  /** Every pane but the prompt's, in their order. */
  readonly panes: readonly PaneShape[];
  /** The prompt's id; it lies at the bottom, as wide as the screen. */
  readonly prompt: string;
  /** The pane with the keys: it is never hidden. */
  readonly focus: string;
  /** Panes in the order in which they were last used, the newest first: they stay where there is no room for all. */
  readonly recent: readonly string[];
  /** The focused pane alone, as large as can be. */
  readonly zoomed: boolean;
}

export interface Layout {
  readonly status: Rect;
  readonly panes: readonly { readonly id: string; readonly rect: Rect }[];
  /** Panes that found no room: the status line names them. */
  readonly hidden: readonly string[];
  readonly keys: Rect;
}

/** Columns that a pane needs to show 8 bytes a line with its frame, and the rows that are worth a frame. */
const LEAST_COLUMNS = 60;
/** Columns with which it shows 16: where there is room for several panes that wide, they are. */
const WIDE_COLUMNS = 79;
const LEAST_ROWS = 7;
const MOST_COLUMNS = 4;
/** The prompt's rows: a third of the screen, within these. */
const PROMPT_ROWS = { least: 6, most: 18 };

/**
 * Where everything lies on a screen of `size`: a status line at the top, a line of keys at the bottom, the prompt above that, and the
 * other panes in between, side by side in as many columns as are wide enough. The rectangles cover the screen and do not overlap;
 * each pane is either among `panes` or among `hidden`.
 */
export function layOut({ columns, rows }: Size, request: LayoutRequest): Layout {
  const { panes, prompt, focus, zoomed } = request;
  const status = { left: 0, top: 0, columns, rows: Math.min(1, rows) };
  const keys = { left: 0, top: Math.max(status.rows, rows - 1), columns, rows: rows > 1 ? 1 : 0 };
  const body = { left: 0, top: status.rows, columns, rows: Math.max(0, rows - status.rows - keys.rows) };
  const ids = [...panes.map(({ id }) => id), prompt];
  const alone = zoomed || panes.length === 0 || body.rows < PROMPT_ROWS.least + LEAST_ROWS;
  if (alone) {
    const id = panes.length === 0 ? prompt : focus;
    return { status, keys, panes: [{ id, rect: body }], hidden: ids.filter((each) => each !== id) };
  }
  const promptRows = Math.min(PROMPT_ROWS.most, Math.max(PROMPT_ROWS.least, Math.floor(body.rows / 3)));
  const upper = { ...body, rows: body.rows - promptRows };
  const shown = choose(upper, request);
  const placed = place(upper, shown);
  placed.push({ id: prompt, rect: { ...body, top: upper.top + upper.rows, rows: promptRows } });
  const visible = new Set(placed.map(({ id }) => id));
  return { status, keys, panes: placed, hidden: ids.filter((id) => !visible.has(id)) };
}

function columnsIn({ columns }: Rect): number {
  const wide = Math.floor(columns / WIDE_COLUMNS);
  return Math.min(MOST_COLUMNS, Math.max(1, wide > 1 ? wide : Math.floor(columns / LEAST_COLUMNS)));
}

/** The panes that find room, in their own order: the focused one, then those that were last used, then those that come first. */
function choose(area: Rect, { panes, focus, recent }: LayoutRequest): readonly PaneShape[] {
  const room = columnsIn(area) * Math.max(1, Math.floor(area.rows / LEAST_ROWS));
  if (panes.length <= room) return panes;
  const order = [focus, ...recent, ...panes.map(({ id }) => id)];
  const rank = (id: string): number => order.indexOf(id);
  const kept = new Set(
    panes
      .map(({ id }) => id)
      .sort((one, other) => rank(one) - rank(other))
      .slice(0, room),
  );
  return panes.filter(({ id }) => kept.has(id));
}

function place(area: Rect, panes: readonly PaneShape[]): { id: string; rect: Rect }[] {
  const count = Math.min(columnsIn(area), panes.length);
  const placed: { id: string; rect: Rect }[] = [];
  const widths = shares(
    area.columns,
    Array.from({ length: count }, () => 1),
  );
  let left = area.left;
  let next = 0;
  for (const [column, width] of widths.entries()) {
    const here = Math.ceil((panes.length - next) / (count - column));
    const stack = panes.slice(next, next + here);
    next += here;
    let top = area.top;
    for (const [index, rows] of shares(
      area.rows,
      stack.map(({ weight }) => weight),
    ).entries()) {
      const pane = stack[index];
      if (pane) placed.push({ id: pane.id, rect: { left, top, columns: width, rows } });
      top += rows;
    }
    left += width;
  }
  return placed;
}

/** `total` divided by `weights`, whole and without a rest; nobody gets less than LEAST_ROWS where there is enough for all. */
function shares(total: number, weights: readonly number[]): number[] {
  const least = Math.min(LEAST_ROWS, Math.floor(total / Math.max(1, weights.length)));
  const sum = weights.reduce((one, other) => one + other, 0);
  const spare = total - least * weights.length;
  let given = 0;
  let weight = 0;
  return weights.map((each) => {
    weight += each;
    const until = Math.round((spare * weight) / sum);
    const share = least + until - given;
    given = until;
    return share;
  });
}
