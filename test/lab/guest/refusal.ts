import assert from 'node:assert/strict';
import { vfiodbg } from './tool.js';

export interface Refusal {
  /** What the first line holds, behind 'error: '. */
  readonly error: string;
  readonly why: RegExp;
  readonly hint: RegExp;
}

/** Runs the tool on a device that it cannot open, and holds what it says to the form of every failure. */
export async function refusal(args: readonly string[], { error, why, hint }: Refusal): Promise<void> {
  const { code, stdout, stderr } = await vfiodbg('-c', 'echo never', ...args);
  process.stdout.write(stderr);
  assert.equal(stdout, '');
  const [first = '', second = '', third = '', end, ...more] = stderr.split('\n');
  assert.match(first, /^error: /);
  assert.ok(first.includes(error), first);
  assert.match(second, /^ {2}why: /);
  assert.match(second, why);
  assert.match(third, /^ {2}try: /);
  assert.match(third, hint);
  assert.deepEqual([end, ...more], [''], 'three lines and no more');
  assert.equal(code, 4);
}
