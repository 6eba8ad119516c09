import { readLine } from '../access.js';
import { lineText } from '../line.js';
import { writeLines } from '../registers.js';
import { render } from '../render.js';
import type { View } from '../view.js';

/** Characters that are gathered before a piece is handed on. */
const pieceLength = 65_536;

/** `view` as text without colour, every line ended by a line feed; escaped, and cut to `columns` if they are given. */
export function plain(view: View, columns = Infinity): string {
  // The path of scripts: 100,000 accesses, a line each.
  if (view.kind === 'read') return `${lineText(readLine(view))}\n`;
  let text = '';
  if (view.kind === 'write') {
    for (const line of writeLines(view, columns)) text += `${lineText(line)}\n`;
    return text;
  }
  for (const line of render(view, columns)) text += `${lineText(line)}\n`;
  return text;
}

/** The same in pieces of about 64 KiB, each made when it is asked for. */
export function* plainPieces(view: View, columns = Infinity): Generator<string> {
  let text = '';
  for (const line of render(view, columns)) {
    text += `${lineText(line)}\n`;
    if (text.length < pieceLength) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}
