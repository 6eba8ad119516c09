/** A key that an object in JSON has twice: the last would silently count. */
export interface RepeatedKey {
  readonly key: string;
  /** Where it stands again, and where it stood first: indices into the text. */
  readonly at: number;
  readonly first: number;
}

/** Comments, texts, and what objects and lists are made of. The rest is numbers and words, between which nothing is a key. */
const token = /\/\/[^\r\n]*|\/\*[^]*?\*\/|"[^"\\]*(?:\\[^][^"\\]*)*"|[{}[\]:]/g;

/** The first key that an object has twice in `text`, which is JSON, with comments or without, and has been found right; undefined where none has. */
export function repeatedKey(text: string): RepeatedKey | undefined {
  /** The keys of the objects that are open, each with its place; undefined for a list. */
  const open: (Map<string, number> | undefined)[] = [];
  let last = { word: '', at: 0 };
  for (const found of text.matchAll(token)) {
    const [word] = found;
    if (word === '{') open.push(new Map());
    else if (word === '[') open.push(undefined);
    else if (word === '}' || word === ']') open.pop();
    else if (word === ':') {
      const key = keyOf(last.word);
      const keys = open.at(-1);
      const first = keys?.get(key);
      if (first !== undefined) return { key, at: last.at, first };
      keys?.set(key, last.at);
    } else if (word.startsWith('"')) last = { word, at: found.index };
  }
  return undefined;
}

/** The text that a token stands for: 'a' is the same key as '\u0061'. */
function keyOf(word: string): string {
  return word.includes('\\') ? String(JSON.parse(word)) : word.slice(1, -1);
}
