/** The simple types of CMSIS-SVD's schema (CMSIS-SVD.xsd 1.3.9), from their texts. A string that is returned says what is wrong. */

const scales: Readonly<Record<string, bigint>> = { '': 1n, K: 1n << 10n, M: 1n << 20n, G: 1n << 30n, T: 1n << 40n };

const scaled = /^\+?(?:0x([0-9a-f]{1,32})|(?:#|0b)([01]{1,128})|([0-9]{1,39}))([kmgt]?)$/i;

/** scaledNonNegativeInteger: hexadecimal (0x), binary (# or 0b) or decimal, with K, M, G or T for powers of 1024. */
export function scaledOf(text: string): bigint | string {
  const found = scaled.exec(text.trim());
  if (!found)
    return /^[0-9a-f]+$/i.test(text.trim())
      ? `"${short(text)}" is no number: hexadecimal needs 0x`
      : `"${short(text)}" is no number`;
  const [, hex, binary, decimal = '0', unit = ''] = found;
  const digits = hex !== undefined ? `0x${hex}` : binary !== undefined ? `0b${binary}` : decimal;
  return BigInt(digits) * (scales[unit.toUpperCase()] ?? 1n);
}

/** xs:boolean. */
export function booleanOf(text: string): boolean | string {
  const word = text.trim().toLowerCase();
  if (word === 'true' || word === '1') return true;
  if (word === 'false' || word === '0') return false;
  return `"${short(text)}" is neither true nor false`;
}

const numberRange = /^([0-9]+)\s*-\s*([0-9]+)$/;
const letterRange = /^([A-Za-z])\s*-\s*([A-Za-z])$/;

/**
 * dimIndexType: `3-6`, `A-D` or `A,B,C,Z`, and what files have beside it: ranges among the commas. `count` is the dim that they belong to.
 */
export function dimIndexOf(text: string, count: number): readonly string[] | string {
  const labels: string[] = [];
  for (const part of text.split(',')) {
    const one = part.trim();
    const range = numberRange.exec(one) ?? letterRange.exec(one);
    if (!range) {
      labels.push(one);
      continue;
    }
    const [, first = '', last = ''] = range;
    const letters = !/^[0-9]/.test(first);
    const from = letters ? first.charCodeAt(0) : Number(first);
    const to = letters ? last.charCodeAt(0) : Number(last);
    if (to < from) return `the dimIndex ${short(one)} is the wrong way round`;
    if (to - from >= count) return `the dimIndex ${short(one)} has more than the ${count} of dim`;
    for (let each = from; each <= to; each += 1) labels.push(letters ? String.fromCharCode(each) : String(each));
  }
  return labels.length === count ? labels : `dimIndex has ${labels.length} names where dim is ${count}`;
}

/** A description on one line: files break and indent them anyhow, and write \n for a new line. */
export function proseOf(text: string): string {
  return text
    .replaceAll(/\\n|\s+/g, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim();
}

export function short(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 37)}...`;
}
