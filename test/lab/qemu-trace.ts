import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { LabError } from './command.js';

/** One access that QEMU made to a device on behalf of the guest, as its trace event memory_region_ops_read/write says. */
export interface TraceAccess {
  op: 'read' | 'write';
  /** Guest-physical. */
  addr: bigint;
  /** The value that was written, or that the device gave. */
  value: bigint;
  /** Bytes: 1, 2, 4 or 8. */
  size: number;
  /** Of the memory region: `edu-mmio`, `pl031`, `e1000e-mmio`. */
  name: string;
}

/** A place in the trace that the guest named (see `mark` in guest/mark.ts). */
export interface TraceMark {
  op: 'mark';
  text: string;
}

export type TraceEntry = TraceAccess | TraceMark;

/** What a line of the guest's console begins with, after the kernel's time stamp, when it is a mark. */
export const MARK = 'lab-mark: ';

const LINE =
  /memory_region_ops_(read|write) cpu -?\d+ mr \S+ addr 0x([0-9a-f]+) value 0x([0-9a-f]+) size (\d+) name '(.*)'$/;

/** The consoles' transmit registers: the 16550's at port 0x3f8, the PL011's at the start of its page. */
const CONSOLES = new Map([
  ['serial', 0x3f8n],
  ['pl011', 0x9000000n],
]);

/** Turns lines of QEMU's log (`-d trace:memory_region_ops_*`) into entries. Lines of other kinds are passed over. */
export class TraceParser {
  #consoleLine = '';

  /** The line's access, and the mark that it completes, if any. */
  parse(line: string): TraceEntry[] {
    const match = LINE.exec(line);
    if (match === null) {
      if (line.includes('memory_region_ops_'))
        throw new LabError(`a line of QEMU's trace that is not understood: ${line}`);
      return [];
    }
    const [, op, addr, value, size, name] = match;
    const access: TraceAccess = {
      op: op === 'read' ? 'read' : 'write',
      addr: BigInt(`0x${addr}`),
      value: BigInt(`0x${value}`),
      size: Number(size),
      name: name ?? '',
    };
    const mark = this.#markEndingAt(access);
    return mark === undefined ? [access] : [access, mark];
  }

  #markEndingAt(access: TraceAccess): TraceMark | undefined {
    if (access.op !== 'write' || CONSOLES.get(access.name) !== access.addr) return undefined;
    const character = String.fromCharCode(Number(access.value & 0xffn));
    if (character !== '\n') {
      this.#consoleLine += character;
      return undefined;
    }
    const line = this.#consoleLine.trimEnd();
    this.#consoleLine = '';
    const start = line.indexOf(MARK);
    return start < 0 ? undefined : { op: 'mark', text: line.slice(start + MARK.length) };
  }
}

export function parseTrace(text: string): TraceEntry[] {
  const parser = new TraceParser();
  return text.split('\n').flatMap((line) => parser.parse(line));
}

export async function readTrace(file: string): Promise<TraceEntry[]> {
  const parser = new TraceParser();
  const entries: TraceEntry[] = [];
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    entries.push(...parser.parse(line));
  }
  return entries;
}

export interface TraceFilter {
  /** Of the memory region, whole. */
  name: string;
  /** Only what lies behind this mark. */
  from?: string;
  /** Only what lies before this mark. */
  to?: string;
}

/** The accesses to one memory region, in order. A mark that is not in the trace is an error: nothing would have been compared. */
export function accesses(entries: readonly TraceEntry[], filter: TraceFilter): TraceAccess[] {
  const start = filter.from === undefined ? 0 : markIndex(entries, filter.from, 0);
  const end = filter.to === undefined ? entries.length : markIndex(entries, filter.to, start);
  return entries
    .slice(start, end)
    .filter((entry): entry is TraceAccess => entry.op !== 'mark' && entry.name === filter.name);
}

function markIndex(entries: readonly TraceEntry[], text: string, from: number): number {
  const index = entries.findIndex((entry, at) => at >= from && entry.op === 'mark' && entry.text === text);
  if (index < 0) throw new LabError(`the trace has no mark '${text}'`);
  return index;
}
