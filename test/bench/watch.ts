// A thousand registers of a mapped region, watched by name ten times a second: the processor time of the whole tool meanwhile.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { scratchFile, vfiodbg } from './programs.js';
import { type Row, atMost } from './report.js';

const REGISTERS = 1000;
const PERIOD_MS = 100;
const SECONDS = 5;
const LIMIT_PERCENT = 5;

export function run(): Promise<Row[]> {
  const file = scratchFile('thousand.json');
  const registers = [{ name: 'R', offset: 0, count: REGISTERS, fields: [{ name: 'EN', bits: 0 }] }];
  writeFileSync(file, JSON.stringify({ name: 'thousand', space: 'region0', registers }));
  const tell =
    '= process.stderr.write(`${process.cpuUsage().user + process.cpuUsage().system} ${performance.now()}\\n`)';
  const lines = [`regs load ${file}`, tell, `watch region0.R[*] --every ${PERIOD_MS}ms --for ${SECONDS}s`, tell];
  const args = [vfiodbg, ...lines.flatMap((line) => ['-c', line]), 'sim:sram'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const rounds = Number(/ (\d+) rounds/.exec(stdout)?.[1]);
  const [[before = NaN, begun = NaN] = [], [after = NaN, ended = NaN] = []] = stderr
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
  if (status !== 0 || rounds !== (SECONDS * 1000) / PERIOD_MS) throw new Error(`the watch failed: ${stdout}${stderr}`);
  // Microseconds by milliseconds.
  const percent = (after - before) / 10 / (ended - begun);
  return Promise.resolve([
    {
      name: `${REGISTERS} registers of a mapped region watched every ${PERIOD_MS} ms: of one core`,
      measured: `${percent.toFixed(2)} %`,
      limit: atMost(percent, LIMIT_PERCENT, '%'),
    },
  ]);
}
