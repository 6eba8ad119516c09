// Memory over ten million reads by the public Region, each of them in the journal.
import { openDevice } from '../../src/vfio/open.js';
import { type Row, atMost } from './report.js';

const WARM_UP = 1_000_000;
const READS = 10_000_000;
const STEP = 1_000_000;
const LIMIT_MB = 10;

export async function run(): Promise<Row[]> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run it with node --expose-gc');
  using device = await openDevice('sim:sram');
  const region = device.region('region0');
  const read = (count: number): void => {
    for (let i = 0; i < count; i += 1) region.read32((i << 2) & 0xfffc);
  };
  read(WARM_UP);
  gc();
  const before = process.memoryUsage.rss();
  let most = before;
  for (let done = 0; done < READS; done += STEP) {
    read(STEP);
    most = Math.max(most, process.memoryUsage.rss());
  }
  gc();
  const grown = (process.memoryUsage.rss() - before) / 1e6;
  const peak = (most - before) / 1e6;
  const name = `resident memory over ${READS / 1e6} million reads`;
  return [
    { name: `${name}: growth`, measured: megabytes(grown), limit: atMost(grown, LIMIT_MB, 'MB') },
    { name: `${name}: highest meanwhile`, measured: megabytes(peak), limit: atMost(peak, LIMIT_MB, 'MB') },
  ];
}

function megabytes(value: number): string {
  return `${value.toFixed(1)} MB`;
}
