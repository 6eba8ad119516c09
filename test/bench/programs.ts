import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { buildFolder, checkout } from '../lab/project.js';

/** Sources that are no TypeScript lie beside theirs; the compiler copies none. */
const sources = join(checkout, 'test/bench');

/** The tool as it is installed. */
export const vfiodbg = join(buildFolder, 'bundle/main.js');

const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

/** A file of the benches, for as long as they run. */
export function scratchFile(name: string): string {
  return join(folder, name);
}

/** Compiles a C program of the benches with -O2, and gives its path. */
export function compiled(source: string): string {
  const program = scratchFile(basename(source, '.c'));
  const made = spawnSync('gcc', ['-O2', '-Wall', '-o', program, join(sources, source)], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`gcc failed: ${made.error?.message ?? made.stderr}`);
  return program;
}

export function python(script: string, ...args: readonly string[]): readonly string[] {
  return ['python3', join(sources, script), ...args];
}

/** The number that a program prints; `fd` is its descriptor 3. */
export function figureOf(command: readonly string[], fd: number): number {
  const [program = '', ...args] = command;
  const ended = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit', fd] });
  const figure = Number.parseFloat(ended.stdout);
  if (ended.status !== 0 || Number.isNaN(figure)) throw new Error(`${command.join(' ')} gave no figure`);
  return figure;
}

const nowhere = openSync('/dev/null', 'w');

/** Milliseconds from a program's start to its end, its output thrown away. */
export function wallTime(command: readonly string[]): number {
  const [program = '', ...args] = command;
  const begun = process.hrtime.bigint();
  const ended = spawnSync(program, args, { stdio: ['ignore', nowhere, 'pipe'] });
  const took = Number(process.hrtime.bigint() - begun) / 1e6;
  if (ended.status !== 0) throw new Error(`${command.join(' ')} ended with ${ended.status}: ${String(ended.stderr)}`);
  return took;
}
