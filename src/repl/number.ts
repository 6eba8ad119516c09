/** What the letters behind a number multiply it with. */
const units: Readonly<Record<string, bigint>> = { '': 1n, K: 1n << 10n, M: 1n << 20n, G: 1n << 30n };

const LARGEST = (1n << 64n) - 1n;
const literal =
  /^(?:0x([0-9a-f]+(?:_[0-9a-f]+)*)|0b([01]+(?:_[01]+)*)|0o([0-7]+(?:_[0-7]+)*)|([0-9]+(?:_[0-9]+)*))([KMG]?)$/i;

/**
 * Reads a number as it is written: 0x 0b 0o or decimal, `_` between digits, K M G for powers of 1024.
 * @returns an unsigned 64-bit value, or a string that says what is wrong with it.
 */
export function parseNumber(text: string): bigint | { readonly wrong: string; readonly hint?: string } {
  const short = shortNumber(text);
  if (short >= 0) return BigInt(short);
  const found = literal.exec(text);
  if (!found) return { wrong: `${clip(text)} is no number`, ...hintFor(text) };
  const [, hex, binary, octal, decimal, unit = ''] = found;
  const digits = (hex ?? binary ?? octal ?? decimal ?? '').replaceAll('_', '').replace(/^0+(?=.)/, '');
  const most = hex !== undefined ? 16 : binary !== undefined ? 64 : octal !== undefined ? 22 : 20;
  const tooLarge = { wrong: `${clip(text)} does not fit 64 bits`, hint: 'the largest value is 0xffffffffffffffff' };
  if (digits.length > most) return tooLarge;
  if (decimal !== undefined && decimal.length > 1 && decimal.startsWith('0') && digits !== '0') {
    return { wrong: `${clip(text)} could be octal or decimal`, hint: `write 0o${digits} or ${digits}` };
  }
  const prefix = hex !== undefined ? '0x' : binary !== undefined ? '0b' : octal !== undefined ? '0o' : '';
  const value = BigInt(prefix + digits) * (units[unit.toUpperCase()] ?? 1n);
  return value > LARGEST ? tooLarge : value;
}

/** What most numbers are, plain hexadecimal or decimal of up to nine characters, read without a regular expression; -1 for all others. */
function shortNumber(text: string): number {
  const { length } = text;
  if (length === 0 || length > 9) return -1;
  const hex = length > 2 && text.charCodeAt(0) === 0x30 && text.charCodeAt(1) === 0x78;
  if (!hex && length > 1 && text.charCodeAt(0) === 0x30) return -1;
  let value = 0;
  for (let at = hex ? 2 : 0; at < length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) value = value * (hex ? 16 : 10) + code - 0x30;
    else if (hex && (code | 0x20) >= 0x61 && (code | 0x20) <= 0x66) value = value * 16 + (code | 0x20) - 0x57;
    else return -1;
  }
  return value;
}

function hintFor(text: string): { hint?: string } {
  if (/^0[xbo]$/i.test(text)) return { hint: 'digits are missing behind the prefix' };
  if (/^0b/i.test(text)) return { hint: 'binary digits are 0 and 1' };
  if (/^0o/i.test(text)) return { hint: 'octal digits are 0 to 7' };
  if (/^[0-9]+e[0-9]+$/i.test(text)) return { hint: 'write it out, or with K, M or G; hexadecimal needs 0x' };
  if (/^[0-9]+B$/i.test(text)) return { hint: 'bytes (64B) can stand only where a count is asked for' };
  if (/^[0-9][0-9a-f_]*$/i.test(text) && !text.includes('_')) return { hint: `hexadecimal needs 0x: 0x${clip(text)}` };
  if (text.includes('_')) return { hint: '_ stands between two digits' };
  return { hint: 'numbers are 0x.., 0b.., 0o.. or decimal, with K, M or G behind them' };
}

/** A word as messages show it: no longer than is readable. */
export function clip(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 37)}...`;
}
