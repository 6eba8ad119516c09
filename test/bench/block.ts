// A dump: 1 MiB of a mapped region at 32 bits, by the public Region, beside a loop of volatile loads in C, and Python.
import { Device } from '../../src/vfio/device.js';
import { MemfdTransport } from '../unit/memfd-transport.js';
import { compiled, figureOf, python } from './programs.js';
import { type Row, ratioAtLeast } from './report.js';
import { best, inTurn, nanoseconds } from './rounds.js';

const BYTES = 1 << 20;
const PASSES = 20;
const ROUNDS = 12;

export async function run(): Promise<Row[]> {
  const transport = new MemfdTransport(BYTES);
  using device = new Device(transport);
  const region = device.region(0);
  // Every page is there from the start, on both sides.
  region.writeBlock({ offset: 0, width: 32, count: BYTES / 4 }, new Uint8Array(BYTES).fill(1));
  const shape = { offset: 0, width: 32, count: BYTES / 4 } as const;
  const own = new Uint8Array(BYTES);
  const program = compiled('memory-reference.c');
  const bestOf = (body: () => void) => (): number =>
    Math.min(...Array.from({ length: PASSES }, () => nanoseconds(body)));
  const figures = await inTurn(ROUNDS, {
    inC: () => figureOf([program, 'block', String(BYTES), String(PASSES)], transport.fd),
    own: bestOf(() => {
      region.readBlock(shape, { into: own });
    }),
    fresh: bestOf(() => {
      region.readBlock(shape);
    }),
  });
  const inPython = figureOf(python('memory-reference.py', 'block', String(BYTES), String(PASSES)), transport.fd);
  const reference = best(figures.inC);
  const row = (name: string, measured: number, beside: number, least?: number): Row => {
    // Of speeds, not of times: 1 is as fast as the reference.
    const ratio = beside / measured;
    const limit = least === undefined ? {} : { limit: ratioAtLeast(ratio, least) };
    return { name, measured: speed(measured), reference: speed(beside), ratio, ...limit };
  };
  return [
    row('dump of 1 MiB at 32 bits into a buffer, beside C', best(figures.own), reference, 0.8),
    row('dump of 1 MiB at 32 bits into new memory, beside C', best(figures.fresh), reference),
    row("dump of 1 MiB at 32 bits, beside Python's struct", best(figures.own), inPython),
  ];
}

function speed(ns: number): string {
  return `${(BYTES / ns).toFixed(2)} GB/s`;
}
