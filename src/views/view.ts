import type { Instruction } from '../vfio/disassembler.js';
import type { Width } from '../vfio/width.js';

export type { Instruction };

/** What a run of text is, for the sinks to show by colour; the text alone always says it too. */
export type Role =
  | 'plain'
  | 'heading'
  | 'name'
  | 'address'
  | 'value'
  | 'changed'
  | 'good'
  | 'warning'
  | 'fault'
  | 'dim';

export interface Span {
  readonly text: string;
  readonly role: Role;
}

/** One cell of a table or field: plain text, or spans. Text that came from a device or a file is escaped by the sinks. */
export type Cell = string | readonly Span[];

/** Lines of text as they are. */
export interface TextView {
  readonly kind: 'text';
  readonly lines: readonly Cell[];
  /** What --json prints in place of the lines. */
  readonly data?: object;
  /** Prose: broken at spaces to fit the screen. Other text stays as it is, so that it can be copied. */
  readonly prose?: boolean;
}

/** Labelled values, one a line. `data` is what --json prints in their stead, if given. */
export interface FieldsView {
  readonly kind: 'fields';
  readonly title?: string;
  readonly fields: readonly { readonly label: string; readonly value: Cell; readonly note?: Cell }[];
  readonly data?: unknown;
}

export interface Column {
  readonly key: string;
  readonly header: string;
  readonly align?: 'left' | 'right';
  /** The column that is cut first when the screen is too narrow; others are kept whole. */
  readonly shrink?: boolean;
}

export interface TableView {
  readonly kind: 'table';
  readonly title?: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  /** Shown in place of the table where there are no rows. */
  readonly empty?: string;
  /** What --json prints in place of the rows. */
  readonly data?: unknown;
}

/** A cell that could not be read: its index in the view's cells, and why (one short reason, an errno's name first). */
export interface CellFault {
  readonly index: number;
  readonly reason: string;
}

/** Cells that were left out because reading them has an effect: `count` of them from `index` on, and why. */
export interface CellSkip {
  readonly index: number;
  readonly count: number;
  readonly reason: string;
}

/** Consecutive accesses of one width in one space: what peek and dump show. */
export interface CellsView {
  readonly kind: 'cells';
  /** 'words': offset and values (peek); 'bytes': hexdump with an ASCII column (dump). */
  readonly style: 'words' | 'bytes';
  readonly space: string;
  /** Byte offset of the first cell in its space. A bigint for an address space such as iova. */
  readonly offset: number | bigint;
  readonly width: Width;
  /** Bytes from one cell to the next; 0 reads one place again and again (a FIFO). */
  readonly stride: number;
  readonly count: number;
  /** The raw bytes of the cells, packed, little endian: count * width / 8 of them. Bytes of faulted cells are meaningless. */
  readonly bytes: Uint8Array;
  readonly faults: readonly CellFault[];
  /** Their bytes are meaningless as well. */
  readonly skipped?: readonly CellSkip[];
  /** The register at the first cell, where a map knows it: its name within the space, such as 'CTRL' or 'CH[2].STATUS'. */
  readonly name?: string;
  /** A window whose rows stay where they are: no `*` for lines like the one above, and no end below. */
  readonly window?: boolean;
  /** What was sought and found here, to be marked: bytes from an offset of the space on. */
  readonly found?: { readonly offset: number; readonly bytes: number };
}

/** One value read: `peek` of one cell, the hot path of scripts; or the last of those that `wait` has read. */
export interface ReadView {
  readonly kind: 'read';
  readonly space: string;
  readonly offset: number | bigint;
  readonly width: Width;
  readonly value: number | bigint;
  /** The register's name within the space. */
  readonly name?: string;
  /** How long it was waited for, in nanoseconds, and how many reads that took. */
  readonly took?: number;
  readonly reads?: number;
}

/** A field of a register, with the value that it had. */
export interface FieldView {
  readonly name: string;
  /** Its highest and lowest bit. */
  readonly high: number;
  readonly low: number;
  /** 'rw', 'w1c': a datasheet's word, where there is one. */
  readonly access?: string;
  /** Absent where it cannot be read. */
  readonly value?: bigint;
  /** The name that the map has for the value. */
  readonly valueName?: string;
  /** What it was when it was last seen, where that is something else. */
  readonly before?: bigint;
  readonly beforeName?: string;
  /** What a reset leaves in it, where that is something else. */
  readonly reset?: bigint;
  readonly resetName?: string;
}

/** A register by its fields. */
export interface RegisterView {
  readonly space: string;
  readonly offset: number;
  readonly width: Width;
  /** Its name within the space. */
  readonly name: string;
  readonly title?: string;
  /** Absent where it was not read: `missing` says why then. */
  readonly value?: bigint;
  readonly before?: bigint;
  readonly reset?: bigint;
  readonly missing?: { readonly kind: 'fault' | 'skipped'; readonly reason: string };
  /** The highest first. */
  readonly fields: readonly FieldView[];
}

/** What `reg` and `decode` show. */
export interface RegistersView {
  readonly kind: 'registers';
  readonly registers: readonly RegisterView[];
  /** One line each, without the fields. */
  readonly brief?: boolean;
}

/** One write, as old -> (value:mask) -> written, and read back where asked. */
export interface WriteView {
  readonly kind: 'write';
  readonly space: string;
  readonly offset: number | bigint;
  readonly width: Width;
  /** The value read before, for masked writes only: an unmasked write reads nothing. */
  readonly old?: number | bigint;
  readonly value: number | bigint;
  readonly mask?: bigint;
  readonly written: number | bigint;
  readonly readBack?: number | bigint;
  /** The register's name within the space. */
  readonly name?: string;
  /** The fields that were written, as they are then; `before` is what was there, where that was read. */
  readonly fields?: readonly FieldView[];
  /** What became of other fields, as sentences without a full stop. */
  readonly notes?: readonly string[];
}

export interface DisassemblyView {
  readonly kind: 'disassembly';
  readonly space: string;
  readonly architecture: string;
  readonly instructions: readonly Instruction[];
}

/**
 * A stretch of an address space drawn to scale on one line. `mapped` and `reserved` hold starts and ends (behind the last byte) in turns, as
 * numbers that are exact for multiples of a page; what is outside of the bar is left out, what is neither is free.
 */
export interface AddressBar {
  readonly label: string;
  readonly first: bigint;
  readonly last: bigint;
  readonly mapped: Float64Array;
  readonly reserved: Float64Array;
}

/** An address space: what is to be said of it, pictures to scale, and a table of what is in it. */
export interface AddressMapView {
  readonly kind: 'address-map';
  readonly lines: readonly Cell[];
  readonly bars: readonly AddressBar[];
  readonly table: TableView;
  /** Makes what --json prints beside the kind. */
  readonly data: () => object;
}

/** A value over time. */
export interface ChartView {
  readonly kind: 'chart';
  readonly title: string;
  /** At equal times, the oldest first; undefined where there was nothing to be read. */
  readonly samples: readonly (bigint | undefined)[];
  /** From the first to the last. */
  readonly seconds: number;
  /** Lines that the curve takes, at the most. */
  readonly rows: number;
  /** Lines below it. */
  readonly notes: readonly string[];
  /** What a value is called at the axis. */
  readonly label: (value: bigint) => string;
  /** What --json prints beside the kind. */
  readonly data: object;
}

/** Several views after another, as one answer. */
export interface AllView {
  readonly kind: 'all';
  readonly views: readonly View[];
  /** What --json prints in place of the parts. */
  readonly data?: object;
}

/** What a command has to show: plain data, rendered elsewhere (render.ts) and written by a sink. */
export type View =
  | TextView
  | FieldsView
  | TableView
  | CellsView
  | ReadView
  | WriteView
  | DisassemblyView
  | AddressMapView
  | RegistersView
  | ChartView
  | AllView;
