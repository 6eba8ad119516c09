/** Stands for an `&` that a parser would refuse; of one character, so that columns stay. Of the Private Use Area. */
const STAND_IN = '\u{e026}';

/** `text` with each `&` that begins no entity replaced, and where those are: vendors write "R&D" where "R&amp;D" is meant. */
export function withoutBareAmpersands(text: string): { readonly text: string; readonly at: readonly number[] } {
  const bare = /&(?!#?[A-Za-z0-9_.:-]{1,64};)/g;
  const at: number[] = [];
  // Comments and CDATA may hold them.
  let free = 0;
  for (let found = bare.exec(text); found; found = bare.exec(text)) {
    const comment = endOf(text, free, found.index, '<!--', '-->');
    const data = endOf(text, free, found.index, '<![CDATA[', ']]>');
    const end = Math.max(comment, data);
    if (end > found.index) bare.lastIndex = end;
    else at.push(found.index);
    free = Math.max(found.index, end);
  }
  if (at.length === 0) return { text, at };
  const parts: string[] = [];
  let done = 0;
  for (const index of at) {
    parts.push(text.slice(done, index), STAND_IN);
    done = index + 1;
  }
  return { text: parts.join('') + text.slice(done), at };
}

/** `text` with its ampersands again. */
export function withAmpersands(text: string): string {
  return text.replaceAll(STAND_IN, '&');
}

/** Where the comment or CDATA ends that is open at `at`; -1 where none is. `from` is not within one. */
function endOf(text: string, from: number, at: number, open: string, close: string): number {
  const start = text.slice(from, at).lastIndexOf(open);
  if (start < 0) return -1;
  const end = text.indexOf(close, from + start);
  if (end < 0) return text.length;
  return end > at ? end + close.length : -1;
}
