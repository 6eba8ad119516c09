import { createRequire } from 'node:module';
import type stringWidth from 'string-width';

/** Latin, Greek and Cyrillic letters, dashes, quotes, arrows, box drawing, bars: one column each, no combining, no emoji. */
const oneColumnEach =
  /^[\x20-\x7e\u00a0-\u00ac\u00ae-\u02ff\u0391-\u03a1\u03a3-\u03c9\u0400-\u0481\u2010-\u2015\u2018-\u2026\u2030-\u2037\u2190-\u2199\u2500-\u259f]*$/;

let measure: typeof stringWidth | undefined;

/** Loaded on the first text that needs it (25 ms): nearly all of what is shown is plain. */
function wideWidth(text: string): number {
  if (measure === undefined) {
    const loaded: { default: typeof stringWidth } = createRequire(import.meta.url)('string-width');
    measure = loaded.default;
  }
  return measure(text);
}

/** Terminal columns that escaped `text` takes: wide characters take two, combining marks none. */
export function textWidth(text: string): number {
  return oneColumnEach.test(text) ? text.length : wideWidth(text);
}

/** `text` if it fits `columns`, else as much of it as fits with `…` behind it. */
export function cut(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  return columns < 1 ? '' : `${head(text, columns - 1)}…`;
}

/** As much of the beginning of `text` as fits `columns`, never half a character. */
export function head(text: string, columns: number): string {
  if (oneColumnEach.test(text)) return text.slice(0, columns);
  let kept = '';
  let used = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += textWidth(segment);
    if (used > columns) break;
    kept += segment;
  }
  return kept;
}
