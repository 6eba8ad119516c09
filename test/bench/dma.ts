// 60,000 mappings of a page each on the simulator, as many as a container of the kernel holds: what the last thousand cost beside the first, and
// what it takes to list them, look addresses up, show them and take them away.
import '../../src/vfio/dma/dma.js';
import type { Device } from '../../src/vfio/device.js';
import { openDevice } from '../../src/vfio/open.js';
import { iovaMap } from '../../src/repl/iova-map.js';
import { plain } from '../../src/views/sinks/plain.js';
import { atMost, type Row, ratioAtMost } from './report.js';
import { inTurn, median, nanoseconds } from './rounds.js';

const MAPPINGS = 60_000;
const THOUSAND = 1000;
const PAGE = 4096;
const ROUNDS = 3;
/** Lines of `maps`, however many mappings there are. */
const SCREEN = 60;

interface Figures {
  /** Nanoseconds that a mapping takes, the median of the first thousand and of the last. */
  readonly first: number;
  readonly last: number;
  readonly list: number;
  readonly translate: number;
  readonly show: number;
  readonly lines: number;
  readonly unmap: number;
  readonly close: number;
}

export async function run(): Promise<Row[]> {
  const rounds: Figures[] = [];
  await inTurn(ROUNDS, {
    all: async () => {
      const device = await openDevice('sim:edu');
      rounds.push(measure(device));
      return 0;
    },
  });
  const of = (name: keyof Figures): number => median(rounds.map((round) => round[name]).toSorted((a, b) => a - b));
  const ratio = of('last') / of('first');
  const milliseconds = (ns: number): string => `${(ns / 1e6).toFixed(1)} ms`;
  return [
    {
      name: 'DMA: a mapping of one page, 59,001st to 60,000th beside the first 1,000',
      measured: microseconds(of('last')),
      reference: microseconds(of('first')),
      ratio,
      limit: ratioAtMost(ratio, 1.5),
    },
    { name: 'DMA: list 60,000 mappings', measured: milliseconds(of('list')) },
    { name: 'DMA: look one address up among 60,000', measured: microseconds(of('translate') / MAPPINGS) },
    {
      name: 'DMA: maps of 60,000, every second page',
      measured: milliseconds(of('show')),
      limit: atMost(of('show') / 1e9, 1, 's'),
    },
    {
      name: 'DMA: lines of that',
      measured: String(of('lines')),
      limit: atMost(of('lines'), SCREEN, 'lines'),
    },
    { name: 'DMA: unmap one of 60,000', measured: microseconds(of('unmap') / MAPPINGS) },
    { name: 'DMA: close with 30,000 mapped', measured: milliseconds(of('close')) },
  ];
}

function measure(device: Device): Figures {
  const { dma } = device;
  // Both sides have run these ways before: what is measured is how many mappings there are, and not how warm the code is.
  for (let index = 0; index < 10 * THOUSAND; index += 1) dma.alloc(`warm${index}`, PAGE).free();
  const times = Array.from({ length: MAPPINGS }, (_, index) => nanoseconds(() => dma.alloc(`p${index}`, PAGE)));
  const { buffers } = dma;
  const list = nanoseconds(() => [...dma.mappings].length);
  const translate = nanoseconds(() => {
    for (const { iova = 0n } of buffers) dma.neighbours(iova);
  });
  // Every second one goes, so that none has a neighbour: what is hardest to sum up. The rest keeps its number.
  let unmap = nanoseconds(() => {
    for (let index = 1; index < MAPPINGS; index += 2) buffers[index]?.unmap();
  });
  for (let index = 1; index < MAPPINGS; index += 2) {
    const buffer = buffers[index];
    if (buffer !== undefined) dma.map(buffer, { iova: 0x40000000n + BigInt(index * PAGE) });
  }
  let lines = 0;
  const show = nanoseconds(() => {
    lines = plain(iovaMap(dma, dma.limits(), false)).split('\n').length - 1;
  });
  unmap += nanoseconds(() => {
    for (let index = 0; index < MAPPINGS; index += 2) buffers[index]?.unmap();
  });
  const close = nanoseconds(() => device.close());
  const typical = (some: readonly number[]): number => median(some.toSorted((one, other) => one - other));
  const [first, last] = [typical(times.slice(0, THOUSAND)), typical(times.slice(-THOUSAND))];
  return { first, last, list, translate, show, lines, unmap, close };
}

function microseconds(ns: number): string {
  return `${(ns / 1e3).toFixed(1)} us`;
}
