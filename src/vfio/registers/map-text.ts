import { VfioError } from '../errors.js';

/**
 * What is in JSON that a person wrote: comments (// and between slashes and stars) and commas behind the last element are passed over. Throws
 * VfioError with the line and column of what is wrong. `operation` is what is being done: 'read uart.json'.
 */
export function dataOf(text: string, operation: string, file: string): unknown {
  const plain = withoutComments(text.replace(/^\uFEFF/, ''));
  try {
    const data: unknown = JSON.parse(plain);
    return data;
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    const said = /position (\d+)/.exec(message)?.[1];
    const at = said === undefined ? plain.trimEnd().length : Number(said);
    const before = plain.slice(0, at).split('\n');
    const place = `${file}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
    const found = plain[at];
    const what = found === undefined ? 'the text ends too soon' : `${JSON.stringify(found)} is not expected here`;
    throw new VfioError({ kind: 'unsupported', operation, why: `${place}: ${what}`, hint: hintFor(plain, at) });
  }
}

function hintFor(text: string, at: number): string {
  const rest = text.slice(at);
  if (/^0[xbo]/i.test(text.slice(Math.max(0, at - 1)))) return 'numbers in hexadecimal stand in quotes: "0x10"';
  if (rest.startsWith("'")) return 'texts stand in double quotes';
  if (/^["{[\w]/.test(rest)) return 'is a comma missing before it?';
  return 'it is JSON; // comments are allowed';
}

/** The same text, as long as before, with spaces for comments and for commas before a closing bracket. */
function withoutComments(text: string): string {
  const token = /"(?:[^"\\\n]|\\.)*"?|\/\/[^\n]*|\/\*[^]*?(?:\*\/|$)|,(?=(?:\s|\/\/[^\n]*\n|\/\*[^]*?\*\/)*[\]}])/g;
  return text.replaceAll(token, (found) => (found.startsWith('"') ? found : found.replaceAll(/[^\n]/g, ' ')));
}
