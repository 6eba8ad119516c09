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

/**
 * What blessed and terminals take for different widths, which would shift the rest of the row: emoji, what is put together of several
 * characters, and wide scripts that blessed does not know (hexagrams, Jamo extended, Tangut and Kana beyond the BMP).
 */
const disputed =
  /\p{Emoji_Presentation}|[\u{1f000}-\u{1faff}]|[\u4dc0-\u4dff\ua960-\ua97c]|[\u{16fe0}-\u{1b2ff}]|\u200d|\ufe0f/u;

/** What stands for a character that cannot be shown. */
const REPLACEMENT = '\ufffd';

/** `character`, or a replacement as wide as it where its width is disputed. */
export function drawableCharacter(character: string, columns: number): string {
  return disputed.test(character) ? REPLACEMENT.padEnd(columns) : character;
}

function drawable(span: Span): Span {
  if (!disputed.test(span.text)) return span;
  const characters = Array.from(new Intl.Segmenter().segment(span.text), ({ segment }) =>
    drawableCharacter(segment, textWidth(segment)),
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
