/** One register of the configuration space, taken apart as lspci does it. */
export interface PciRegister {
  readonly name: string;
  /** Some of its bytes could not be read: nothing is known of it. */
  readonly unreadable?: true;
  /** Single bits by name. */
  readonly flags: Readonly<Record<string, boolean>>;
  /** Everything wider than a bit: counts as numbers, the rest as text ('0xfee00000', '2.5GT/s'). */
  readonly values: Readonly<Record<string, string | number>>;
}

/** What a register's value says. */
export interface Meaning {
  readonly flags?: Readonly<Record<string, boolean>>;
  readonly values?: Readonly<Record<string, string | number>>;
}

/** A configuration space that was read before, little-endian as it lies there, with the bytes that could not be read. */
export class ConfigBytes {
  readonly size: number;
  readonly #data: DataView;
  readonly #bad: ReadonlySet<number>;

  /** `unreadable` holds the offsets of single bytes. */
  constructor(bytes: Uint8Array, unreadable: Iterable<number> = []) {
    this.size = bytes.length;
    this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bad = new Set(unreadable);
  }

  /** The value there, or undefined where a byte of it could not be read or lies behind the end. */
  read(offset: number, width: 8 | 16 | 32): number | undefined {
    const length = width >> 3;
    if (offset < 0 || offset + length > this.size) return undefined;
    for (let at = offset; at < offset + length; at++) if (this.#bad.has(at)) return undefined;
    if (width === 8) return this.#data.getUint8(offset);
    return width === 16 ? this.#data.getUint16(offset, true) : this.#data.getUint32(offset, true);
  }

  /** The register at `offset`; `meaning` is asked only for a value that was read. */
  register(name: string, offset: number, width: 8 | 16 | 32, meaning: (value: number) => Meaning): PciRegister {
    const value = this.read(offset, width);
    if (value === undefined) return { name, unreadable: true, flags: {}, values: {} };
    const { flags = {}, values = {} } = meaning(value);
    return { name, flags, values };
  }
}

/** The bits of `value` that `positions` names. */
export function bits(value: number, positions: Readonly<Record<string, number>>): Record<string, boolean> {
  const flags: Record<string, boolean> = {};
  for (const [name, position] of Object.entries(positions)) flags[name] = ((value >>> position) & 1) === 1;
  return flags;
}

/** The `count` bits of `value` from bit `first` on. */
export function field(value: number, first: number, count: number): number {
  return (value >>> first) & (2 ** count - 1);
}

/** '0x' and at least `digits` digits. */
export function hex(value: number | bigint, digits: number): string {
  return `0x${value.toString(16).padStart(digits, '0')}`;
}

/** Two 32-bit halves as one address. */
export function wide(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
