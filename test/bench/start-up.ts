// From the shell to the answer and back: one peek on a simulated device, beside Node doing nothing.
import { vfiodbg, wallTime } from './programs.js';
import { type Row, ratioAtMost } from './report.js';
import { best, inTurn, median } from './rounds.js';

const ROUNDS = 20;

export async function run(): Promise<Row[]> {
  const node = [process.execPath, '-e', '0'];
  const peek = [process.execPath, vfiodbg, '-c', 'peek region0 0x100', 'sim:sram'];
  const times = await inTurn(ROUNDS, { node: () => wallTime(node), peek: () => wallTime(peek) });
  const row = (name: string, pick: (values: readonly number[]) => number): Row => {
    const [measured, reference] = [pick(times.peek), pick(times.node)];
    const ratio = measured / reference;
    return {
      name,
      measured: milliseconds(measured),
      reference: milliseconds(reference),
      ratio,
      limit: ratioAtMost(ratio, 3),
    };
  };
  return [
    row("vfiodbg -c 'peek ..' sim:sram, beside node -e 0 (median)", median),
    row("vfiodbg -c 'peek ..' sim:sram, beside node -e 0 (best)", best),
  ];
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}
