// Commands of a script on a mapped region: what each costs, the start of the tool taken off, and what memory many of them take.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { scratchFile, vfiodbg, wallTime } from './programs.js';
import { type Row, atMost, ratioAtMost } from './report.js';
import { best, inTurn } from './rounds.js';

const COMMANDS = 100_000;
const ROUNDS = 10;
const LIMIT_US = 5;
/** What a field set by its name may cost in pokes. */
const SET_RATIO = 3;
/** Commands whose memory is compared with that of COMMANDS. */
const MANY = 1_000_000;
/** What the garbage collector leaves, and what it lets grow meanwhile: 64 bytes a command more would be seen. */
const LIMIT_HEAP_MB = 2;
const LIMIT_RSS_MB = 60;

const hex = (value: number): string => `0x${value.toString(16)}`;

const distinct = (index: number): string =>
  index % 2 === 0
    ? `peek region0 ${hex((index * 2) & 0xfffc)}`
    : `poke region0 ${hex(0x8000 + ((index * 2) & 0x7ffc))} ${hex(index)}`;

/** `count` lines, as a file. */
function script(name: string, count: number, line: (index: number) => string): string {
  const file = scratchFile(`${name}-${count}.vfio`);
  const fd = openSync(file, 'w');
  for (let from = 0; from < count; from += 10_000) {
    const length = Math.min(10_000, count - from);
    writeSync(fd, Array.from({ length }, (_, index) => `${line(from + index)}\n`).join(''));
  }
  closeSync(fd);
  return file;
}

interface Memory {
  /** MiB of objects that are alive at the end. */
  readonly heap: number;
  /** MiB that the process ever had. */
  readonly rss: number;
}

/** The memory of a session that runs `file`. */
function memoryOf(file: string): Memory {
  const tell =
    '= gc(); process.stderr.write(JSON.stringify([process.memoryUsage().heapUsed, process.resourceUsage().maxRSS * 1024]))';
  const args = ['--expose-gc', vfiodbg, '-x', file, '-c', tell, 'sim:sram'];
  const ended = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  const [heap = Number.NaN, rss = Number.NaN] = JSON.parse(ended.stderr) as number[];
  return { heap: heap / 2 ** 20, rss: rss / 2 ** 20 };
}

/** A field set by its name, which is a read, a write and two lines of answer; beside a poke of the same place. */
async function setRow(): Promise<Row> {
  const map = scratchFile('fields.json');
  const fields = ['A', 'B', 'C'].map((name, nth) => ({ name, bits: `${nth * 8 + 7}:${nth * 8}` }));
  writeFileSync(map, JSON.stringify({ name: 'm', registers: [{ name: 'R', offset: 0x8000, count: 64, fields }] }));
  const timing = (name: string, count: number, line: (index: number) => string): (() => number) => {
    const file = script(name, count, line);
    return () => wallTime([process.execPath, vfiodbg, '-c', `regs load ${map}`, '-x', file, 'sim:sram']);
  };
  const set = (index: number): string => `set R[${index % 64}] B=${(index >> 6) & 0xff}`;
  const poke = (index: number): string => `poke region0 ${hex(0x8000 + (index % 64) * 4)} ${hex(index)}`;
  const times = await inTurn(ROUNDS, {
    one: timing('set', 1, set),
    set: timing('set', COMMANDS, set),
    poke: timing('poke', COMMANDS, poke),
  });
  const each = (kind: 'set' | 'poke'): number => ((best(times[kind]) - best(times.one)) * 1000) / COMMANDS;
  return {
    name: `one of ${COMMANDS} commands of a script: set of a field by name, no line like another; beside poke`,
    measured: `${each('set').toFixed(2)} us`,
    reference: `${each('poke').toFixed(2)} us`,
    ratio: each('set') / each('poke'),
    limit: ratioAtMost(each('set') / each('poke'), SET_RATIO),
  };
}

/** A command of a loop: taken apart once. */
function loopRows(): Row[] {
  const file = scratchFile('rounds.vfio');
  writeFileSync(file, `repeat ${COMMANDS / 2}\npeek region0 0\npoke region0 0x8000 1\nend\n`);
  const one = script('one', 1, distinct);
  const time = (path: string): number => wallTime([process.execPath, vfiodbg, '-x', path, 'sim:sram']);
  const rounds = Array.from({ length: ROUNDS }, () => time(file) - time(one));
  const each = (Math.min(...rounds) * 1000) / COMMANDS;
  return [
    {
      name: `one of ${COMMANDS} commands of a script: peek and poke in a loop`,
      measured: `${each.toFixed(2)} us`,
      limit: atMost(each, LIMIT_US, 'us'),
    },
  ];
}

function memoryRows(): Row[] {
  const loop = scratchFile('loop.vfio');
  writeFileSync(loop, `repeat ${MANY / 2}\npeek region0 0\npoke region0 0x8000 1\nend\n`);
  const few = memoryOf(script('distinct', COMMANDS, distinct));
  const contenders = { 'no line like another': memoryOf(script('distinct', MANY, distinct)), 'a loop': memoryOf(loop) };
  return Object.entries(contenders).flatMap(([kind, many]) => {
    const [heap, rss] = [many.heap - few.heap, many.rss - few.rss];
    const name = `memory of ${MANY} commands, over that of ${COMMANDS}: ${kind}`;
    return [
      { name: `${name}, alive`, measured: `${heap.toFixed(1)} MiB`, limit: atMost(heap, LIMIT_HEAP_MB, 'MiB') },
      { name: `${name}, at the most`, measured: `${rss.toFixed(1)} MiB`, limit: atMost(rss, LIMIT_RSS_MB, 'MiB') },
    ];
  });
}

export async function run(): Promise<Row[]> {
  const rows: Row[] = [];
  const kinds: Readonly<Record<string, (index: number) => string>> = {
    'peek and poke, no line like another': distinct,
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
  return [...rows, await setRow(), ...loopRows(), ...memoryRows()];
}
