import type { Caution } from '../registers/caution.js';
import type { Register } from '../registers/register-map.js';
import type { RegisterSet } from '../registers/register-set.js';
import { whyUnread } from '../registers/why-unread.js';
import { bytesOf, type Width, widths } from '../width.js';
import type { Range } from './ranges.js';

/** Cells of one width, one behind another. */
export interface Run {
  readonly offset: number;
  readonly width: Width;
  readonly count: number;
}

/** Bytes that are left out, and why. */
export interface Gap {
  readonly start: number;
  readonly end: number;
  readonly reason: string;
}

/** How a piece of a space is cut into cells: each byte is in one of them, or in a gap. */
export interface CellPlan {
  readonly runs: readonly Run[];
  readonly gaps: readonly Gap[];
}

export interface PlanOptions {
  /** Of cells where no register is known. */
  readonly width: Width;
  readonly registers: RegisterSet;
  /** What is to be cut. */
  readonly ranges: readonly Range[];
  /** Whether registers are cells of their own widths; without it they only say what must not be read. */
  readonly ownWidths: boolean;
  /** Leaves out what no map describes. */
  readonly registersOnly?: boolean;
  /** Takes what must not be read like the rest: for values that are there already, and where the user says so. */
  readonly read?: boolean;
}

/** Cuts pieces of the space `space` into cells: registers at their own places and widths, words between them. Nothing is read. */
export function cellPlan(space: string, options: PlanOptions): CellPlan {
  const plan = new Planner(space, options);
  for (const range of options.ranges) plan.add(range);
  return plan;
}

class Planner implements CellPlan {
  readonly runs: Run[] = [];
  readonly gaps: Gap[] = [];
  readonly #space: string;
  readonly #options: PlanOptions;

  constructor(space: string, options: PlanOptions) {
    this.#space = space;
    this.#options = options;
  }

  add([start, end]: Range): void {
    const { registers, ownWidths, read } = this.#options;
    let at = start;
    for (const register of ownWidths ? cellsAmong(registers.registersIn(this.#space, start, end)) : []) {
      const until = register.offset + bytesOf(register.width);
      if (register.offset < at || until > end) continue;
      this.#between(at, register.offset);
      const reason = read === true ? undefined : whyUnread(registers, { ...register, register });
      if (reason === undefined) this.#cells(register.offset, register.width, 1);
      else this.#gap(register.offset, until, reason);
      at = until;
    }
    this.#between(at, end);
  }

  /** What lies between registers, in words; but not those with a byte that must not be read. */
  #between(start: number, end: number): void {
    if (start >= end) return;
    const { registers, registersOnly, read, width } = this.#options;
    if (registersOnly === true) {
      this.#gap(start, end, 'no map describes it');
      return;
    }
    const step = bytesOf(width);
    let at = start;
    const cautions = read === true ? [] : registers.cautionsIn(this.#space, start, end);
    for (const { start: from, end: until, reason } of this.#hidden(cautions, start, end)) {
      const first = Math.max(at, from - (from % step));
      const last = Math.min(end, Math.ceil(until / step) * step);
      if (last <= at) continue;
      this.#words(at, first);
      this.#gap(first, last, reason);
      at = last;
    }
    this.#words(at, end);
  }

  /** Cautions, and, where registers are no cells of their own, those that have nothing to be read. */
  #hidden(cautions: readonly Caution[], start: number, end: number): readonly Gap[] {
    const { registers, ownWidths, read } = this.#options;
    if (ownWidths || read === true) return cautions;
    const writeOnly = registers.registersIn(this.#space, start, end).flatMap((register) => {
      const reason = whyUnread(registers, { ...register, register });
      return reason === undefined
        ? []
        : [{ start: register.offset, end: register.offset + bytesOf(register.width), reason }];
    });
    return [...cautions, ...writeOnly].sort((one, other) => one.start - other.start);
  }

  /** Words, and at the ends narrower cells where no word fits. */
  #words(start: number, end: number): void {
    for (let at = start; at < end;) {
      const width = widths.findLast((each) => fits(each, this.#options.width, at, end)) ?? 8;
      const count = width === this.#options.width ? Math.floor((end - at) / bytesOf(width)) : 1;
      this.#cells(at, width, count);
      at += count * bytesOf(width);
    }
  }

  #cells(offset: number, width: Width, count: number): void {
    const last = this.runs.at(-1);
    if (last?.width === width && last.offset + last.count * bytesOf(width) === offset) {
      this.runs[this.runs.length - 1] = { ...last, count: last.count + count };
    } else this.runs.push({ offset, width, count });
  }

  #gap(start: number, end: number, reason: string): void {
    const last = this.gaps.at(-1);
    if (last?.end === start && last.reason === reason) this.gaps[this.gaps.length - 1] = { ...last, end };
    else this.gaps.push({ start, end, reason });
  }
}

function fits(width: Width, most: Width, at: number, end: number): boolean {
  return width <= most && at % bytesOf(width) === 0 && at + bytesOf(width) <= end;
}

/** Of registers at one place the last that is no alternate view; sorted by their offsets. */
function cellsAmong(registers: readonly Register[]): Register[] {
  const byOffset = new Map<number, Register>();
  for (const register of registers) {
    const known = byOffset.get(register.offset);
    if (known === undefined || known.alternate === true || register.alternate !== true)
      byOffset.set(register.offset, register);
  }
  return [...byOffset.values()];
}
