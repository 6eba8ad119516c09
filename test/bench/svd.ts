// A CMSIS-SVD file of four megabytes: what `regs load` of one of its peripherals costs a process, the file read for the first time and known
// from before; and the same at once of all that is in it.
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { join } from 'node:path';
import { checkout } from '../lab/project.js';
import { scratchFile, vfiodbg, wallTime } from './programs.js';
import { type Row, atMost } from './report.js';
import { best, inTurn } from './rounds.js';

const ROUNDS = 5;
/** "Well under a second." */
const LIMIT_MS = 500;

/** Nordic's file of two megabytes, with its peripherals twice: under their own names, and others. */
function fourMegabytes(): string {
  const xml = gunzipSync(readFileSync(join(checkout, 'test/fixtures/svd/nrf52840.svd.gz'))).toString();
  const open = xml.indexOf('<peripherals>') + '<peripherals>'.length;
  const close = xml.indexOf('</peripherals>');
  const again = xml
    .slice(open, close)
    .replaceAll(/(<peripheral[^>]*>\s*<name>)/g, '$1X_')
    .replaceAll(/(<peripheral derivedFrom=")/g, '$1X_');
  const file = scratchFile('four.svd');
  writeFileSync(file, xml.slice(0, close) + again + xml.slice(close));
  return file;
}

export async function run(): Promise<Row[]> {
  const file = fourMegabytes();
  const size = statSync(file).size / 2 ** 20;
  const cache = scratchFile('cache');
  process.env['XDG_CACHE_HOME'] = cache;
  const time = (line: string): number => wallTime([process.execPath, vfiodbg, '-c', line]);
  const [one, all] = [`regs load ${file} X_UARTE0`, `regs load ${file}`];
  const times = await inTurn(ROUNDS, {
    nothing: () => time('regs'),
    first: () => {
      rmSync(cache, { recursive: true, force: true });
      return time(one);
    },
    known: () => time(one),
    whole: () => time(all),
  });
  const row = (name: string, measured: number): Row => ({
    name: `regs load of ${name} of an SVD file of ${size.toFixed(1)} MiB, over a start without`,
    measured: `${measured.toFixed(0)} ms`,
    limit: atMost(measured, LIMIT_MS, 'ms'),
  });
  const nothing = best(times.nothing);
  return [
    row('a peripheral', best(times.first) - nothing),
    row('a peripheral, from the cache,', best(times.known) - nothing),
    row('everything, from the cache,', best(times.whole) - nothing),
  ];
}
