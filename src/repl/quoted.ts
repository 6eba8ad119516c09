/** `text` as one word of the command language, in quotes where it needs them. What cannot stand in a line is left out. */
export function quoted(text: string): string {
  if (/^[\w./:=,+@%~-]+$/.test(text)) return text;
  const inside = text
    .replace(/[\p{Cs}\ufffd]/gu, '')
    .replace(/["\\]/g, '\\$&')
    .replace(/\p{Cc}/gu, (each) => `\\x${each.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `"${inside}"`;
}
