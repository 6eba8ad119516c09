import { bitsText, nameOf, valueIn } from '../../vfio/registers/field-value.js';
import { fullName } from '../../vfio/registers/lookup.js';
import type { FieldDescription, Register } from '../../vfio/registers/register-map.js';
import { VfioError } from '../../vfio/errors.js';
import { escape } from '../../views/escape.js';
import { cutLine, type Line, lineText } from '../../views/line.js';
import { hexValue } from '../../views/numbers.js';
import type { Size } from '../../views/tui/layout.js';
import type { Role } from '../../views/view.js';
import { reasonOf } from '../cells.js';
import type { Session } from '../session.js';
import type { LookingNames } from './looking-names.js';
import { AT_ONCE_MS } from './looking-space.js';
import { LOOK_PATIENCE, Pane, type PaneHost } from './pane.js';
import { keyOf, RegisterTree, type TreeRow } from './register-tree.js';

/** Milliseconds from a part of a slow look to the picture of it at the most. */
const PART_PATIENCE = 100;

/** Columns of a register's name with what it is indented by; where a pane is narrow, what else a row has comes first. */
const NAME_COLUMNS = { most: 24, least: 8 };
const OTHER_COLUMNS = 24;

/** Looks for which a value that changed is marked. */
const FRESH = 3;

/** What the last look at a register came to. */
interface Seen {
  readonly value?: bigint;
  /** Why there is no value. */
  readonly reason?: string;
  /** It was to be read, and that failed. */
  readonly failed?: true;
  /** Looks since the value was another one. */
  readonly age: number;
}

/** The tree of the device's registers with their values, and the fields of the one that is chosen. */
export class RegistersPane extends Pane {
  readonly kind = 'registers';
  override readonly weight = 2;
  readonly #session: Session;
  readonly #names: LookingNames;
  readonly #tree = new RegisterTree();
  readonly #seen = new Map<string, Seen>();
  #chosen = 0;
  #field = 0;
  /** Rows of the tree that are in sight. */
  #window = { first: 0, rows: 0 };
  #columns = 0;

  constructor(host: PaneHost, session: Session, names: LookingNames, every: number) {
    super(host, 'registers');
    this.#session = session;
    this.#names = names;
    this.every = every;
  }

  get title(): string {
    const register = this.register;
    return register === undefined ? 'registers' : `registers: ${fullName(register)}`;
  }

  /** The register that is chosen; undefined where it is a block, or there is none. */
  get register(): Register | undefined {
    const node = this.#row?.node;
    return node?.kind === 'register' ? node : undefined;
  }

  /** The field of it that is chosen. */
  get field(): FieldDescription | undefined {
    return this.register?.fields[this.#field];
  }

  /** The chosen register's value; empty where it was not read. */
  get registerValue(): string {
    const value = this.register && this.#seen.get(keyOf(this.register))?.value;
    return value === undefined ? '' : `0x${value.toString(16)}`;
  }

  /** The chosen field's value, as its name where it has one. */
  get fieldValue(): string {
    const { register, field } = this;
    const value = register && this.#seen.get(keyOf(register))?.value;
    if (field === undefined || value === undefined) return '';
    const found = valueIn(value, field);
    return nameOf(found, field, 'write')?.name ?? `0x${found.toString(16)}`;
  }

  get #row(): TreeRow | undefined {
    return this.#tree.rows[this.#chosen];
  }

  override scroll(rows: number): void {
    this.#chosen = Math.max(0, Math.min(this.#tree.rows.length - 1, this.#chosen + rows));
    this.#field = 0;
    this.host.redraw();
  }

  override scrollPages(pages: number): void {
    this.scroll(pages * Math.max(1, this.#window.rows - 1));
  }

  override scrollToEnd(end: 'first' | 'last'): void {
    this.scroll(end === 'first' ? -Infinity : Infinity);
  }

  /** Opens a block, or goes to a register's next field; backwards: closes it, or goes to the field before. */
  turn(step: 1 | -1): void {
    const row = this.#row;
    if (row?.node.kind === 'block') this.#tree.open(row.node, step > 0);
    else {
      const { length } = this.register?.fields ?? [];
      if (length > 0) this.#field = (this.#field + step + length) % length;
    }
    this.host.redraw();
  }

  /** Reads what is in sight, as far as reading has no effect. */
  override async refresh(): Promise<void> {
    this.#follow();
    const { first, rows } = this.#window;
    const { device } = this.#session;
    let begun = performance.now();
    for (const { node } of this.#tree.rows.slice(first, first + rows)) {
      if (node.kind !== 'register') continue;
      this.#seen.set(keyOf(node), this.#take(node));
      if (performance.now() - begun < AT_ONCE_MS) continue;
      // A device that answers slowly: the keys have their turn.
      this.host.redraw(PART_PATIENCE);
      await this.host.breathe();
      // Another device is for the next look.
      if (this.#session.device !== device) return;
      begun = performance.now();
    }
    this.host.redraw(LOOK_PATIENCE);
  }

  /** Takes the maps as they are now: another device, or another file. */
  #follow(): void {
    if (!this.#tree.take(this.#session.registers)) return;
    this.#seen.clear();
    this.#chosen = 0;
    this.#field = 0;
  }

  #take(register: Register): Seen {
    const before = this.#seen.get(keyOf(register));
    const { access, space, offset, width, readEffect } = register;
    if (access === 'wo' || access === 'wo-once') return { reason: 'write-only', age: FRESH };
    if (access === 'reserved') return { reason: 'reserved', age: FRESH };
    if (readEffect !== undefined) return { reason: 'not read: it has an effect', age: FRESH };
    try {
      const value = this.#names.read(space, offset, width);
      const changed = before?.value !== undefined && before.value !== value;
      return { value, age: changed ? 0 : (before?.age ?? FRESH) + 1 };
    } catch (error) {
      if (error instanceof VfioError) return { reason: reasonOf(error), failed: true, age: FRESH };
      throw error;
    }
  }

  override lines(size: Size): readonly Line[] {
    this.#follow();
    this.#columns = size.columns;
    const { rows } = this.#tree;
    if (rows.length === 0) {
      this.#window = { first: 0, rows: size.rows };
      const advice =
        this.#session.device === undefined
          ? ['no device is open', 'open DEVICE opens one; list shows what there is']
          : ['no map describes this device', 'regs load FILE.svd, or a profile, brings one'];
      return advice.map((text) => cutLine([{ text, role: 'dim' }], size.columns));
    }
    const [heading, ...fields] = this.#details();
    const fieldRoom = Math.max(0, Math.floor(size.rows / 2) - 1);
    // The chosen field stays in sight where there are more than fit.
    const from = Math.max(0, Math.min(this.#field - fieldRoom + 1, fields.length - fieldRoom));
    const details = heading === undefined ? [] : [heading, ...fields.slice(from, from + fieldRoom)];
    const room = Math.max(1, size.rows - details.length);
    const first = Math.min(Math.max(0, this.#window.first), Math.max(0, rows.length - room));
    this.#window = {
      first: this.#chosen < first ? this.#chosen : Math.max(first, this.#chosen - room + 1),
      rows: room,
    };
    const shown = rows
      .slice(this.#window.first, this.#window.first + room)
      .map((row, index) => this.#treeLine(row, this.#window.first + index === this.#chosen));
    const filled = [...shown, ...Array.from({ length: room - shown.length }, (): Line => [])];
    return [...filled, ...details].map((line) => cutLine(line, size.columns));
  }

  protected body(): readonly Line[] {
    return [...this.#tree.rows.map((row, index) => this.#treeLine(row, index === this.#chosen)), ...this.#details()];
  }

  override get text(): string {
    return this.body()
      .map((line) => lineText(line).trimEnd())
      .join('\n');
  }

  /** Chooses the next register or block whose row or path has it, and opens the blocks around it. */
  protected override findNext(sought: string): boolean {
    const rows = this.#tree.everything;
    const from = rows.findIndex(({ node }) => node === this.#row?.node) + 1;
    const found = [...rows.slice(from), ...rows.slice(0, from)].find((row) =>
      `${row.node.path} ${lineText(this.#treeLine(row, false))}`.toLowerCase().includes(sought),
    );
    if (found === undefined) return false;
    this.#chosen = this.#tree.reveal(found.node);
    this.#field = 0;
    this.host.redraw();
    return true;
  }

  override get unseen(): { readonly above: number; readonly below: number } {
    const { first, rows } = this.#window;
    return { above: first, below: Math.max(0, this.#tree.rows.length - first - rows) };
  }

  #treeLine({ node, depth, open }: TreeRow, chosen: boolean): Line {
    const mark = chosen ? '>' : ' ';
    const index = node.index === undefined ? '' : `[${node.index}]`;
    const name = `${escape(node.name)}${index}`;
    const indent = '  '.repeat(depth);
    if (node.kind === 'block') {
      return [{ text: `${mark} ${indent}${open ? '-' : '+'} ${name}`, role: chosen ? 'changed' : 'heading' }];
    }
    const seen = this.#seen.get(keyOf(node));
    const role: Role = chosen ? 'changed' : 'name';
    const place = `0x${node.offset.toString(16)}`.padStart(8);
    const columns = Math.max(NAME_COLUMNS.least, Math.min(NAME_COLUMNS.most, this.#columns - OTHER_COLUMNS));
    return [
      { text: `${mark} ${indent}${name.padEnd(Math.max(1, columns - indent.length))}`, role },
      { text: `${place}  `, role: 'address' },
      ...valueSpans(node, seen),
    ];
  }

  /** The chosen register's fields, below a line with its value. */
  #details(): Line[] {
    const { register } = this;
    if (register === undefined) return [];
    const value = this.#seen.get(keyOf(register))?.value;
    const words = [
      register.access,
      register.writeEffect === 'modify' ? '' : register.writeEffect,
      register.title ?? '',
    ];
    const says = words.filter((word) => word !== '').join(', ');
    const rule = {
      text: `── ${escape(register.path)} (${register.width} bits, ${escape(says)}) `,
      role: 'dim',
    } as const;
    const widest = Math.max(0, ...register.fields.map(({ name }) => name.length));
    const fields = register.fields.map((field, index): Line => {
      const found = value === undefined ? undefined : valueIn(value, field);
      const named = found === undefined ? undefined : nameOf(found, field, 'read')?.name;
      const chosen = index === this.#field;
      return [
        { text: `${chosen ? '>' : ' '} ${bitsText(field).padEnd(8)}`, role: 'address' },
        { text: escape(field.name).padEnd(widest), role: chosen ? 'changed' : 'name' },
        { text: ` ${found === undefined ? '-' : `0x${found.toString(16)}`}`, role: 'value' },
        { text: named === undefined ? '' : ` ${escape(named)}`, role: 'good' },
        { text: field.access === register.access ? '' : ` (${field.access})`, role: 'dim' },
      ];
    });
    return [[rule], ...fields];
  }
}

function valueSpans({ width }: Register, seen: Seen | undefined): Line {
  if (seen === undefined) return [];
  if (seen.value === undefined) return [{ text: escape(seen.reason ?? ''), role: seen.failed ? 'fault' : 'dim' }];
  const text = hexValue(seen.value, width);
  return seen.age < FRESH ? [{ text: `${text} *`, role: 'changed' }] : [{ text, role: 'value' }];
}
