import { EIO, Refusal, type AccessSize, type Registers } from './model.js';

/**
 * What reading and writing does to the bits of a register or field, in the words of datasheets:
 * - `ro` read-only                       - `rw` read and write               - `wo` write-only, reads as 0
 * - `w1c` writing 1 clears               - `w1s` writing 1 sets              - `w1t` writing 1 toggles
 * - `w0c` writing 0 clears               - `rc` reading clears               - `rs` reading sets
 * - `w1` the first write after reset stays, later ones are ignored
 * - `res` reserved: reads as 0, ignores writes
 */
export type AccessClass = 'ro' | 'rw' | 'wo' | 'w1c' | 'w1s' | 'w1t' | 'w0c' | 'rc' | 'rs' | 'w1' | 'res';

/** A register's field: `bits` is [highest, lowest], both within it. Bits that no field names are reserved. */
export interface Field {
  readonly name: string;
  readonly bits: readonly [high: number, low: number];
  readonly access: AccessClass;
}

export interface Register {
  readonly name: string;
  readonly offset: number;
  /** Bits in the register. */
  readonly width: 8 | 16 | 32 | 64;
  /** What all bits are, where `fields` does not say it one by one. */
  readonly access: AccessClass;
  readonly fields?: readonly Field[];
  /** The value at power-on; 0 where it is absent. */
  readonly reset?: bigint;
  /** Only an access of exactly this register's width and offset is taken, any other faults. */
  readonly exact?: boolean;
}

/** What a device does beyond storing bits. `stored` and `before` are raw storage. */
export interface Effects {
  /** Computes what a read shows in place of what is stored; `mask` has the bits that the access reads. */
  read?(stored: bigint, mask: bigint): bigint;
  /** Runs after a write has taken effect: `written` is what the bus carried (in place, 0 outside `mask`). */
  write?(written: bigint, mask: bigint, before: bigint): void;
}

export interface BankOptions {
  /** Places where nothing answers. */
  readonly holes?: readonly { readonly offset: number; readonly size: number }[];
}

const MASKS: Readonly<Record<Register['width'], bigint>> = {
  8: 0xffn,
  16: 0xffffn,
  32: 0xffffffffn,
  64: 0xffffffffffffffffn,
};

interface Bits {
  readonly mask: bigint;
  readonly access: AccessClass;
}

interface Cell {
  readonly register: Register;
  readonly bits: readonly Bits[];
  readonly effects: Effects;
  value: bigint;
  /** Bits of class `w1` that have had their write. */
  spent: bigint;
}

/**
 * A set of registers declared as data, with byte enables: an access that covers part of a register touches only the bits it covers, one that covers
 * several touches each, lowest offset first. Offsets without a register read as 0 and ignore writes; `holes` fault.
 */
export class RegisterBank implements Registers {
  readonly #cells = new Map<string, Cell>();
  /** The cell that holds each byte offset. */
  readonly #at = new Map<number, Cell>();
  readonly #holes: readonly { readonly offset: number; readonly size: number }[];

  constructor(
    registers: readonly Register[],
    effects: Readonly<Record<string, Effects>> = {},
    options: BankOptions = {},
  ) {
    this.#holes = options.holes ?? [];
    for (const register of registers) {
      const cell: Cell = {
        register,
        bits: bitsOf(register),
        effects: effects[register.name] ?? {},
        value: register.reset ?? 0n,
        spent: 0n,
      };
      this.#cells.set(register.name, cell);
      for (let byte = 0; byte < register.width / 8; byte++) {
        if (this.#at.has(register.offset + byte)) throw new Error(`register ${register.name} overlaps another`);
        this.#at.set(register.offset + byte, cell);
      }
    }
  }

  /** What register `name` stores, without any effect of reading it. */
  get(name: string): bigint {
    return this.#cell(name).value;
  }

  /** Stores a value as the device itself does it, past all access classes. */
  set(name: string, value: bigint): void {
    const cell = this.#cell(name);
    cell.value = value & MASKS[cell.register.width];
  }

  reset(): void {
    for (const cell of this.#cells.values()) {
      cell.value = cell.register.reset ?? 0n;
      cell.spent = 0n;
    }
  }

  read(offset: number, size: AccessSize): bigint {
    this.#refuse(offset, size);
    let value = 0n;
    for (const { cell, shift, mask } of this.#covered(offset, size)) {
      const shown = readCell(cell, mask) & mask;
      value |= shift >= 0 ? shown << BigInt(shift) : shown >> BigInt(-shift);
    }
    return value;
  }

  write(offset: number, size: AccessSize, value: bigint): void {
    this.#refuse(offset, size);
    for (const { cell, shift, mask } of this.#covered(offset, size)) {
      writeCell(cell, (shift >= 0 ? value >> BigInt(shift) : value << BigInt(-shift)) & mask, mask);
    }
  }

  #cell(name: string): Cell {
    const cell = this.#cells.get(name);
    if (cell === undefined) throw new Error(`no register ${name}`);
    return cell;
  }

  #refuse(offset: number, size: AccessSize): void {
    if (this.#holes.some((hole) => offset < hole.offset + hole.size && offset + size > hole.offset)) {
      throw new Refusal(EIO, 'nothing answers there');
    }
    for (let byte = offset; byte < offset + size; byte++) {
      const register = this.#at.get(byte)?.register;
      if (register?.exact === true && (register.offset !== offset || register.width !== size * 8)) {
        throw new Refusal(EIO, `${register.name} takes accesses of ${register.width} bits only`);
      }
    }
  }

  /** The cells under an access, with the bits it covers in each, and how far a cell's bits lie to the left in the access. */
  *#covered(offset: number, size: AccessSize): Generator<{ cell: Cell; shift: number; mask: bigint }> {
    for (let byte = offset; byte < offset + size;) {
      const cell = this.#at.get(byte);
      if (cell === undefined) {
        byte += 1;
        continue;
      }
      const { register } = cell;
      const end = Math.min(offset + size, register.offset + register.width / 8);
      const low = BigInt(8 * (byte - register.offset));
      const mask = ((1n << BigInt(8 * (end - byte))) - 1n) << low;
      yield { cell, shift: 8 * (register.offset - offset), mask };
      byte = end;
    }
  }
}

function bitsOf(register: Register): Bits[] {
  if (register.fields === undefined) return [{ mask: MASKS[register.width], access: register.access }];
  return register.fields.map(({ bits: [high, low], access }) => ({
    mask: ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low),
    access,
  }));
}

function readCell(cell: Cell, mask: bigint): bigint {
  const stored = cell.value;
  let shown = 0n;
  for (const bits of cell.bits) {
    const here = bits.mask & mask;
    if (bits.access !== 'wo' && bits.access !== 'res') shown |= stored & here;
    if (bits.access === 'rc') cell.value &= ~here;
    else if (bits.access === 'rs') cell.value |= here;
  }
  return cell.effects.read === undefined ? shown : cell.effects.read(stored, mask);
}

function writeCell(cell: Cell, written: bigint, mask: bigint): void {
  const before = cell.value;
  let after = before;
  for (const bits of cell.bits) {
    const here = bits.mask & mask;
    switch (bits.access) {
      case 'rw':
      case 'wo':
        after = (after & ~here) | (written & here);
        break;
      case 'w1c':
        after &= ~(written & here);
        break;
      case 'w1s':
        after |= written & here;
        break;
      case 'w1t':
        after ^= written & here;
        break;
      case 'w0c':
        after &= ~here | written;
        break;
      case 'w1':
        after = (after & ~(here & ~cell.spent)) | (written & here & ~cell.spent);
        cell.spent |= here;
        break;
      case 'ro':
      case 'rc':
      case 'rs':
      case 'res':
        break;
    }
  }
  cell.value = after;
  cell.effects.write?.(written, mask, before);
}
