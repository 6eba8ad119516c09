import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parseGuestResult } from './guest-result.js';
import { quote, startGuest, type GuestOptions, type GuestRun } from './guest.js';
import { buildFolder, guestTest } from './project.js';

export interface GuestTestOptions extends Omit<GuestOptions, 'script'> {
  /** Files of test/lab/guest, without their `.guest.ts`, run one after the other in one boot. */
  tests: readonly string[];
  /** Lines for /bin/sh before the tests. */
  setup?: string;
  /** What the host does while they run, with the folder of results; `ended` is aborted when the guest is gone. */
  meanwhile?: (results: string, ended: AbortSignal) => Promise<void>;
}

/** Boots a guest, runs test files in it with node:test, and makes each of their tests a subtest of `t`. */
export async function runGuestTests(t: TestContext, options: GuestTestOptions): Promise<GuestRun> {
  const { tests, setup = '', meanwhile, ...guest } = options;
  const running = await startGuest({
    ...guest,
    script: [setup, 'status=0', ...tests.map(command), 'exit $status'].join('\n'),
  });
  const over = new AbortController();
  const work = Promise.allSettled([meanwhile?.(running.results, over.signal)]);
  const run = await running.ended.finally(() => over.abort());
  const [done] = await work;
  if (done.status === 'rejected') throw done.reason;
  let failures = 0;
  for (const name of tests) {
    const file = join(run.results, `${name}.results`);
    const lines = existsSync(file) ? (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '') : [];
    if (lines.length === 0) throw new Error(`the guest test '${name}' reported no test at all:\n${run.output}`);
    for (const result of lines.map(parseGuestResult)) {
      if (result.failure !== undefined) failures += 1;
      await t.test(`${options.arch} ${name}: ${result.name}`, (subtest) => {
        if (result.failure !== undefined) throw guestFailure(result.failure);
        if (result.skipped !== undefined) subtest.skip(result.skipped);
      });
    }
  }
  // A process that died has reported less than it had.
  if (run.exitCode !== 0 && failures === 0)
    throw new Error(`the guest's tests ended with ${run.exitCode}:\n${run.output}`);
  return run;
}

/** An error with the guest's stack: the host's would lead here and not to the test. */
function guestFailure(failure: string): Error {
  const error = new Error(failure.split('\n    at ')[0] ?? failure);
  error.stack = failure;
  return error;
}

function command(name: string): string {
  const reporter = join(buildFolder, 'test/lab/guest/reporter.js');
  const reporters = [
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=/run/lab/${name}.results`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
  ];
  return `node --enable-source-maps ${[...reporters, guestTest(name)].map(quote).join(' ')} || status=$?`;
}
