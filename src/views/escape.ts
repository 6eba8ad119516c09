/**
 * Whatever came from a device, a server or a file may hold bytes that move the cursor, hide text or answer for the user.
 * Nothing of the sort reaches a terminal: it is shown as an escape, as in a JavaScript string. This is for reading, not
 * for parsing back: a backslash that was there stays as it is.
 */

/**
 * Controls (C0, DEL, C1), formats (bidirectional overrides, zero-width characters), lone surrogates, private use and
 * unassigned code points, and the line and paragraph separators: what Python's str.isprintable refuses, but for spaces.
 */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

const shortForms: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** `text` with every character that is not to be sent to a terminal as `\n`, `\x1b`, `\u202e` or `\u{e0041}`. */
export function escape(text: string): string {
  return isPlainAscii(text) ? text : text.replace(unprintable, escapeCharacter);
}

/** A loop, since most texts are the cells of short lines: a regular expression takes longer to begin than this to end. */
function isPlainAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

function escapeCharacter(character: string): string {
  const short = shortForms[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
}

/**
 * Text in UTF-8 from a device or a file; a byte that is not part of a character becomes `\xNN`. Controls stay in the
 * answer: the sinks escape them.
 */
export function decodeText(bytes: Uint8Array): string {
  const whole = decodeStrictly(bytes);
  if (whole !== undefined) return whole;
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at] ?? 0);
    const character = length === 0 ? undefined : decodeStrictly(bytes.subarray(at, at + length));
    text += character ?? `\\x${(bytes[at] ?? 0).toString(16).padStart(2, '0')}`;
    at += character === undefined ? 1 : length;
  }
  return text;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Bytes in the UTF-8 sequence that `lead` begins, 0 where it begins none (RFC 3629). */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}
