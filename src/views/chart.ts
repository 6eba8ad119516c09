import { createRequire } from 'node:module';
import type { plot } from 'asciichart';
import { escape } from './escape.js';
import { type Line, wrapLine } from './line.js';
import { condensed, type Sample } from './series.js';
import { textWidth } from './text-width.js';
import type { ChartView, Span } from './view.js';

/** Columns where nothing says how many there are, and the fewest that a curve is drawn in. */
const CUSTOMARY_COLUMNS = 100;
const FEWEST_COLUMNS = 16;

let draw: typeof plot | undefined;

/** Loaded with the first chart. */
function asciichart(): typeof plot {
  if (draw === undefined) {
    const loaded: { plot: typeof plot } = createRequire(import.meta.url)('asciichart');
    draw = loaded.plot;
  }
  return draw;
}

/** The title, the curve with its values on the left and the time below, and what else is to be said. */
export function* renderChart(view: ChartView, columns: number): Generator<Line> {
  yield [{ text: escape(view.title), role: 'heading' }];
  yield* curve(view, columns === Infinity ? CUSTOMARY_COLUMNS : columns);
  for (const note of view.notes) yield* wrapLine([{ text: escape(note), role: 'plain' }], columns, 2);
}

function* curve({ samples, label, rows, seconds }: ChartView, columns: number): Generator<Line> {
  const values = samples.filter((sample) => sample !== undefined);
  const [first] = values;
  if (first === undefined) {
    yield [{ text: 'no value was read', role: 'fault' }];
    return;
  }
  let [min, max] = [first, first];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const range = max - min;
  // With few values each has a row of its own.
  const height = range < BigInt(rows) ? Number(range) : rows - 1;
  const tick = (nth: number): bigint => max - (height === 0 ? 0n : (range * BigInt(nth)) / BigInt(height));
  const labels = Array.from({ length: height + 1 }, (_, nth) => escape(label(tick(nth))));
  const margin = Math.max(...labels.map(textWidth));
  const room = Math.max(FEWEST_COLUMNS, columns - margin - 3);
  const points = stretched(condensed(samples, room), room);
  let last = first;
  // Differences from the smallest: asciichart counts rows from 0 on, and numbers hold them where they would not hold the values.
  const series = points.map((point) => Number((last = point ?? last) - min));
  const lines = asciichart()(series, { height, offset: 2, format: (_x, nth) => (nth === undefined ? '' : ' ') }).split(
    '\n',
  );
  for (const [nth, line] of lines.entries()) {
    const text = labels[nth] ?? '';
    const name: Span = { text: `${' '.repeat(margin - textWidth(text))}${text} `, role: 'dim' };
    yield [name, { text: withoutGaps(line.slice(1), points).trimEnd(), role: 'name' }];
  }
  const end = `${seconds.toPrecision(3)} s`;
  yield [
    { text: `${' '.repeat(margin + 1)}0${end.padStart(Math.max(end.length + 1, points.length - 1))}`, role: 'dim' },
  ];
}

/** Each point held for as long as there is room: what was read stays true until the next read, as far as anybody knows. */
function stretched(points: readonly Sample[], room: number): readonly Sample[] {
  const times = Math.floor(room / points.length);
  return times < 2 ? points : points.flatMap((point) => Array<Sample>(times).fill(point));
}

/** Takes out of a drawn line what goes to or from a point that could not be read. Its first character is the axis. */
function withoutGaps(line: string, points: readonly Sample[]): string {
  if (!points.includes(undefined)) return line;
  const drawn = line.split('');
  for (const [index, point] of points.entries()) {
    if (point !== undefined) continue;
    if (index === 0) drawn[0] = '┤';
    else drawn[index] = ' ';
    if (index + 1 < drawn.length) drawn[index + 1] = ' ';
  }
  return drawn.join('');
}
