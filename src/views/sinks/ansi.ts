import type { Line } from '../line.js';
import { render } from '../render.js';
import type { Role, View } from '../view.js';

const pieceLength = 65_536;

/**
 * SGR codes (ECMA-48) that each role switches on and off. Of the 16 colours only those that can be read on a dark and on
 * a light background; and nothing is told by colour alone.
 */
const sgr: Readonly<Record<Role, readonly [on: string, off: string] | undefined>> = {
  plain: undefined,
  heading: ['\x1b[1m', '\x1b[22m'],
  name: ['\x1b[36m', '\x1b[39m'],
  address: ['\x1b[36m', '\x1b[39m'],
  value: undefined,
  changed: ['\x1b[1m', '\x1b[22m'],
  good: ['\x1b[32m', '\x1b[39m'],
  warning: ['\x1b[35m', '\x1b[39m'],
  fault: ['\x1b[31m', '\x1b[39m'],
  dim: ['\x1b[2m', '\x1b[22m'],
};

/** `view` as text with colours, for a terminal that is `columns` wide; every line is ended by a line feed. */
export function ansi(view: View, columns = Infinity): string {
  let text = '';
  for (const line of render(view, columns)) text += coloured(line);
  return text;
}

/** The same in pieces of about 64 KiB, each made when it is asked for. */
export function* ansiPieces(view: View, columns = Infinity): Generator<string> {
  let text = '';
  for (const line of render(view, columns)) {
    text += coloured(line);
    if (text.length < pieceLength) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

function coloured(line: Line): string {
  let text = '';
  for (const span of line) {
    const codes = sgr[span.role];
    text += codes === undefined || span.text === '' ? span.text : `${codes[0]}${span.text}${codes[1]}`;
  }
  return `${text}\n`;
}
