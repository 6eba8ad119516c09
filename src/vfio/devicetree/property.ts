/** One property of a node: its name and its bytes, which the device tree keeps big-endian. */
export class Property {
  readonly name: string;
  readonly bytes: Uint8Array;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.bytes = bytes;
  }

  /** The 32-bit cells; what is left over behind the last whole one is not among them. */
  get cells(): number[] {
    const { buffer, byteOffset, byteLength } = this.bytes;
    const view = new DataView(buffer, byteOffset, byteLength);
    return Array.from({ length: byteLength >>> 2 }, (_, index) => view.getUint32(4 * index));
  }

  /** Whether it is made of whole cells. */
  get isCells(): boolean {
    return this.bytes.length % 4 === 0;
  }

  /** The value of a property that is exactly one cell. */
  get u32(): number | undefined {
    return this.bytes.length === 4 ? this.cells[0] : undefined;
  }

  /** The strings of a string list, each without its NUL; what has no NUL at its end counts as one too. */
  get strings(): string[] {
    if (this.bytes.length === 0) return [];
    const text = Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength).toString('utf8');
    return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
  }

  /** The first string. */
  get string(): string | undefined {
    return this.strings[0];
  }

  /** Whether it can only be meant as text: printable strings, none of them empty, that end with a NUL. */
  get isText(): boolean {
    const { bytes } = this;
    if (bytes.length === 0 || bytes[bytes.length - 1] !== 0) return false;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === 0 ? at === 0 || bytes[at - 1] === 0 : byte < 0x20 || byte > 0x7e) return false;
    }
    return true;
  }

  /** The value in the notation of device-tree sources, guessed as dtc does: strings, cells or bytes. Empty for a property without a value. */
  get source(): string {
    if (this.bytes.length === 0) return '';
    if (this.isText) return this.strings.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(', ');
    if (this.isCells) return `<${this.cells.map((cell) => `0x${cell.toString(16)}`).join(' ')}>`;
    return `[${Array.from(this.bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')}]`;
  }
}
