// Commands of a script on a mapped region: what each costs, the start of the tool taken off.
import { writeFileSync } from 'node:fs';
import { scratchFile, vfiodbg, wallTime } from './programs.js';
import { type Row, atMost } from './report.js';
import { best, inTurn } from './rounds.js';

const COMMANDS = 100_000;
const ROUNDS = 10;
const LIMIT_US = 5;

const hex = (value: number): string => `0x${value.toString(16)}`;

/** `count` lines, as a file. */
function script(name: string, count: number, line: (index: number) => string): string {
  const file = scratchFile(`${name}-${count}.vfio`);
  writeFileSync(file, Array.from({ length: count }, (_, index) => `${line(index)}\n`).join(''));
  return file;
}

export async function run(): Promise<Row[]> {
  const rows: Row[] = [];
  const kinds: Readonly<Record<string, (index: number) => string>> = {
    'peek and poke, no line like another': (index) =>
      index % 2 === 0
        ? `peek region0 ${hex((index * 2) & 0xfffc)}`
        : `poke region0 ${hex(0x8000 + ((index * 2) & 0x7ffc))} ${hex(index)}`,
    'peek, every line the same': () => 'peek region0 0x100',
  };
  for (const [kind, line] of Object.entries(kinds)) {
    const name = kind.replace(/\W+/g, '-');
    const timing = (count: number): (() => number) => {
      const file = script(name, count, line);
      return () => wallTime([process.execPath, vfiodbg, '-x', file, 'sim:sram']);
    };
    const times = await inTurn(ROUNDS, { one: timing(1), all: timing(COMMANDS) });
    const each = ((best(times.all) - best(times.one)) * 1000) / COMMANDS;
    rows.push({
      name: `one of ${COMMANDS} commands of a script: ${kind}`,
      measured: `${each.toFixed(2)} us`,
      limit: atMost(each, LIMIT_US, 'us'),
    });
  }
  return rows;
}
