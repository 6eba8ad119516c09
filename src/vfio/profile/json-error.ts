/** Why `text` is no JSON, with the line and column: V8 tells the place of some errors by offset, and of others not at all. */
export function jsonError(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : 'malformed';
  const [what = ''] = message.split(/ in JSON\b|, (?:\.\.\.)?"|, "/);
  const before = text.slice(0, wrongAt(text)).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${what}`;
}

/** The offset of the first character that no JSON has there: the end of the shortest beginning that does not merely end too early. */
function wrongAt(text: string): number {
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isWrong(text.slice(0, middle))) high = middle;
    else low = middle + 1;
  }
  return Math.max(0, low - 1);
}

/** Whether no JSON begins like this. */
function isWrong(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return false;
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    if (/^(?:Unexpected end|Unterminated)/.test(message)) return false;
    const position = / at position (\d+)/.exec(message)?.[1];
    return position === undefined || Number(position) < beginning.length;
  }
}
