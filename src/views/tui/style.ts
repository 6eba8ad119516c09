import { cutLine, type Line, lineWidth } from '../line.js';
import { textWidth } from '../text-width.js';
import type { Role, Span } from '../view.js';

/** SGR parameters (ECMA-48, 8.3.117) that a role switches on; without colour only attributes are used. */
interface Look {
  readonly colour: string;
  readonly plain: string;
}

/** Of the 16 colours only those that can be read on a dark and on a light background; where it matters an attribute says it too. */
const looks: Readonly<Record<Role, Look>> = {
  plain: { colour: '', plain: '' },
  heading: { colour: '1', plain: '1' },
  name: { colour: '36', plain: '' },
  address: { colour: '36', plain: '' },
  value: { colour: '', plain: '' },
  changed: { colour: '7', plain: '7' },
  good: { colour: '32', plain: '' },
  warning: { colour: '1;35', plain: '1' },
  fault: { colour: '1;31', plain: '1' },
  // blessed knows no faint.
  dim: { colour: '', plain: '' },
};

/** Emoji, and what is put together of several characters. */
const pictures = /[\u{1f000}-\u{1faff}]|\u200d|\ufe0f/u;

/** blessed and terminals disagree about the width of emoji, which would shift the rest of the row: marks as wide as these are shown instead. */
function drawable(span: Span): Span {
  if (!pictures.test(span.text)) return span;
  const characters = Array.from(new Intl.Segmenter().segment(span.text), ({ segment }) =>
    pictures.test(segment) ? '?'.repeat(textWidth(segment)) : segment,
  );
  return { text: characters.join(''), role: span.role };
}

/** `line` with its roles as SGR sequences, cut to `columns` and filled up to it with blanks. */
export function styled(line: Line, columns: number, colour: boolean): string {
  const shown = cutLine(line.map(drawable), columns);
  let text = '';
  for (const span of shown) {
    const codes = colour ? looks[span.role].colour : looks[span.role].plain;
    text += codes === '' ? span.text : `\u001b[${codes}m${span.text}\u001b[m`;
  }
  return text + ' '.repeat(Math.max(0, columns - lineWidth(shown)));
}
