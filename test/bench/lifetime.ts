// Opening and closing over and over, the simulator's thread and the interrupts' included: what stays behind.
import { readdirSync } from 'node:fs';
import { openDevice } from '../../src/vfio/open.js';
import type { Row } from './report.js';

const OPENINGS = 1000;

async function open(): Promise<void> {
  using device = await openDevice('sim:sram');
  device.irqs.msix.enable(4);
  device.irqs.msix.trigger(3);
  await device.irqs.msix.wait({ timeoutMs: 10_000 });
}

const openFiles = (): number => readdirSync('/proc/self/fd').length;
const threads = (): number => readdirSync('/proc/self/task').length;

/** How many more there are than `before`, once those that are on their way out have had a second. */
async function left(count: () => number, before: number): Promise<number> {
  for (const begun = performance.now(); count() > before && performance.now() - begun < 1000;) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return count() - before;
}

export async function run(): Promise<Row[]> {
  await open();
  // The threads of the first are gone.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = { files: openFiles(), threads: threads() };
  const begun = performance.now();
  for (let count = 0; count < OPENINGS; count += 1) await open();
  const each = (performance.now() - begun) / OPENINGS;
  const files = await left(openFiles, before.files);
  const running = await left(threads, before.threads);
  return [
    {
      name: `${OPENINGS} openings of sim:sram, an interrupt each`,
      measured: `${each.toFixed(0)} ms each, ${files} fds and ${running} threads left`,
      limit: { text: 'none left', met: files <= 0 && running <= 0 },
    },
  ];
}
