// Every bench, or those named: `npm run bench -- start-up script`. Prints a table, its figures and references measured side by side in this
// run. Exit code 1 where a limit is missed, 2 for a name that is none.
import { availableParallelism, loadavg } from 'node:os';
import { type Row, table } from './report.js';

/** Each is a module of its own, loaded when its turn comes: what it warms up is its own. */
const subjects: Readonly<Record<string, () => Promise<{ run(): Promise<Row[]> }>>> = {
  access: () => import('./access.js'),
  block: () => import('./block.js'),
  'start-up': () => import('./start-up.js'),
  script: () => import('./script.js'),
  registers: () => import('./registers.js'),
  watch: () => import('./watch.js'),
  svd: () => import('./svd.js'),
  memory: () => import('./memory.js'),
  prompt: () => import('./prompt.js'),
  tui: () => import('./tui.js'),
  dma: () => import('./dma.js'),
  'irq-pump': () => import('./irq-pump.js'),
  lifetime: () => import('./lifetime.js'),
};

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(subjects);
const unknown = wanted.find((name) => !Object.hasOwn(subjects, name));
if (unknown !== undefined) {
  console.error(`there is no bench ${unknown}; there are ${Object.keys(subjects).join(', ')}`);
  process.exit(2);
}

const load = (): string => (loadavg()[0] ?? 0).toFixed(1);
const before = load();
const rows: Row[] = [];
for (const name of wanted) {
  if (process.stderr.isTTY) process.stderr.write(`${name} ...\n`);
  const subject = await subjects[name]?.();
  if (subject) rows.push(...(await subject.run()));
}
process.stdout.write(table(rows));
// Limits in seconds, unlike those of ratios, hold on a machine that has nothing else to do.
process.stdout.write(
  `\n${availableParallelism()} processors, load ${before} before and ${load()} after, Node ${process.versions.node}\n`,
);
process.exitCode = rows.some(({ limit }) => limit?.met === false) ? 1 : 0;
