import type { CapturedCell, CapturedScreen } from './terminal-capture.js';

/** Pixels of a cell, and of the picture's margin. */
const CELL = { width: 8, height: 17 };
const MARGIN = 12;
const FONT_SIZE = 13;
/** Where letters stand in a cell, from its top. */
const BASELINE = 13;

const BACKGROUND = '#16191d';
const FOREGROUND = '#d4d7db';
/** The first eight of the palette, on a dark background. */
const palette = ['#3b4048', '#f0736a', '#7fc97a', '#e0b55a', '#6aa5f0', '#d98ae0', '#5cc5cf', '#d4d7db'];

/** Lines of a frame go from the middle of their cell to these sides. */
const frames: Readonly<Record<string, readonly ('left' | 'right' | 'up' | 'down')[]>> = {
  '─': ['left', 'right'],
  '│': ['up', 'down'],
  '┌': ['right', 'down'],
  '┐': ['left', 'down'],
  '└': ['right', 'up'],
  '┘': ['left', 'up'],
  '├': ['right', 'up', 'down'],
  '┤': ['left', 'up', 'down'],
  '┬': ['left', 'right', 'down'],
  '┴': ['left', 'right', 'up'],
  '┼': ['left', 'right', 'up', 'down'],
};
const bars = '▁▂▃▄▅▆▇█';

/** A captured screen as a picture. Frames and bars are drawn and text is fitted to its cells, so that no font puts anything out of line. */
export function svgOf({ columns, rows, cursor }: CapturedScreen): string {
  const width = columns * CELL.width + 2 * MARGIN;
  const height = rows.length * CELL.height + 2 * MARGIN;
  const body = rows.flatMap((cells, row) => rowOf(cells, row));
  if (cursor !== undefined) {
    const { x, y } = cornerOf(cursor.column, cursor.row);
    body.push(
      `<rect x="${x}" y="${y}" width="${CELL.width}" height="${CELL.height}" fill="${FOREGROUND}" opacity="0.6"/>`,
    );
  }
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="${width}" height="${height}" rx="6" fill="${BACKGROUND}"/>`,
    `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="${FONT_SIZE}">`,
    ...body,
    '</g>',
    '</svg>',
  ].join('\n')}\n`;
}

function cornerOf(column: number, row: number): { readonly x: number; readonly y: number } {
  return { x: MARGIN + column * CELL.width, y: MARGIN + row * CELL.height };
}

interface Look {
  readonly ink: string;
  readonly paper: string | undefined;
  readonly bold: boolean;
}

function lookOf({ foreground, background, inverse, bold }: CapturedCell): Look {
  const colour = (index: number | undefined): string | undefined =>
    index === undefined ? undefined : palette[index % 8];
  const [ink, paper] = [colour(foreground) ?? FOREGROUND, colour(background)];
  return inverse ? { ink: paper ?? BACKGROUND, paper: ink, bold } : { ink, paper, bold };
}

/** Cells side by side that look alike; a wide character is a run of its own. */
interface Run {
  readonly look: Look;
  readonly column: number;
  readonly columns: number;
  readonly text: string;
}

function rowOf(cells: readonly CapturedCell[], row: number): string[] {
  const runs: Run[] = [];
  let column = 0;
  for (const cell of cells) {
    const look = lookOf(cell);
    const last = runs.at(-1);
    const alike =
      cell.columns === 1 &&
      last?.columns === last?.text.length &&
      last?.look.ink === look.ink &&
      last.look.paper === look.paper &&
      last.look.bold === look.bold;
    if (last !== undefined && alike)
      runs.splice(-1, 1, { ...last, columns: last.columns + cell.columns, text: last.text + cell.text });
    else runs.push({ look, column, columns: cell.columns, text: cell.text });
    column += cell.columns;
  }
  return runs.flatMap((run) => [...paperOf(run, row), ...drawnOf(run, row), ...lettersOf(run, row)]);
}

function paperOf({ look, column, columns }: Run, row: number): string[] {
  if (look.paper === undefined) return [];
  const { x, y } = cornerOf(column, row);
  return [`<rect x="${x}" y="${y}" width="${columns * CELL.width}" height="${CELL.height}" fill="${look.paper}"/>`];
}

/** The frames and bars of a run: one path for all of its lines, one for all of its bars. */
function drawnOf({ look, column, text }: Run, row: number): string[] {
  let lines = '';
  let filled = '';
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index);
    const { x, y } = cornerOf(column + index, row);
    const [middle, centre] = [x + CELL.width / 2, y + CELL.height / 2];
    const ends = { left: `H${x}`, right: `H${x + CELL.width}`, up: `V${y}`, down: `V${y + CELL.height}` };
    for (const side of frames[character] ?? []) lines += `M${middle} ${centre}${ends[side]}`;
    const level = bars.indexOf(character) + 1;
    const high = Math.round((CELL.height * level) / bars.length);
    if (level > 0) filled += `M${x} ${y + CELL.height}v-${high}h${CELL.width}v${high}z`;
  }
  return [
    ...(lines === ''
      ? []
      : [`<path d="${lines}" stroke="${look.ink}" stroke-width="${look.bold ? 2 : 1}" fill="none"/>`]),
    ...(filled === '' ? [] : [`<path d="${filled}" fill="${look.ink}"/>`]),
  ];
}

/** The words of a run, each fitted to its cells. Single blanks stay within. */
function lettersOf({ look, column, columns, text }: Run, row: number): string[] {
  const drawn = new RegExp(`[${Object.keys(frames).join('')}${bars}]`, 'g');
  return [...text.replace(drawn, ' ').matchAll(/\S+(?: \S+)*/g)].map((found) => {
    const { x, y } = cornerOf(column + found.index, row);
    const weight = look.bold ? ' font-weight="bold"' : '';
    const length = `textLength="${(found[0].length === text.length ? columns : found[0].length) * CELL.width}" lengthAdjust="spacingAndGlyphs"`;
    return `<text x="${x}" y="${y + BASELINE}" ${length} fill="${look.ink}"${weight}>${escaped(found[0])}</text>`;
  });
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
