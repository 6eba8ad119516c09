/** What JSON may be and still not be meant; places are indices into the text. */
export type StructureFault =
  /** A key that an object has twice, of which the last would silently count. */
  | { readonly kind: 'repeated'; readonly key: string; readonly at: number; readonly first: number }
  /** Lists and objects in each other beyond what any reader follows. */
  | { readonly kind: 'deep'; readonly at: number };

/** Lists and objects in each other, at the most: clusters of registers go 32 deep. */
const DEEPEST = 256;

/** Comments, texts, and what objects and lists are made of. The rest is numbers and words, between which nothing is a key. */
const token = /\/\/[^\r\n]*|\/\*[^]*?\*\/|"[^"\\]*(?:\\[^][^"\\]*)*"|[{}[\]:]/g;

/** The first fault of `text`, which is JSON, with comments or without, and has been found right; undefined where it has none. */
export function structureFault(text: string): StructureFault | undefined {
  /** The keys of the objects that are open, each with its place; undefined for a list. */
  const open: (Map<string, number> | undefined)[] = [];
  let last = { word: '', at: 0 };
  for (const found of text.matchAll(token)) {
    const [word] = found;
    if (word === '{' || word === '[') {
      if (open.length === DEEPEST) return { kind: 'deep', at: found.index };
      open.push(word === '{' ? new Map() : undefined);
    } else if (word === '}' || word === ']') open.pop();
    else if (word === ':') {
      const key = keyOf(last.word);
      const keys = open.at(-1);
      const first = keys?.get(key);
      if (first !== undefined) return { kind: 'repeated', key, at: last.at, first };
      keys?.set(key, last.at);
    } else if (word.startsWith('"')) last = { word, at: found.index };
  }
  return undefined;
}

/** The text that a token stands for: 'a' is the same key as '\u0061'. */
function keyOf(word: string): string {
  return word.includes('\\') ? String(JSON.parse(word)) : word.slice(1, -1);
}
