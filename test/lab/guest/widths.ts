import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { it } from 'node:test';
import type { Step } from '../width-plan.js';
import { inert } from '../width-plan.js';
import { mark } from './mark.js';
import { vfiodbg } from './tool.js';

/** A device of the guest that is bound to VFIO. */
export interface WidthSubject {
  /** What the marks and results are named by. */
  readonly name: string;
  readonly address: string;
  readonly plan: readonly Step[];
  /** By which region0 can be reached. */
  readonly paths: readonly ('mapped' | 'file')[];
}

/**
 * Runs a plan as a script of the command line, once by each way in and path, between two marks in QEMU's trace. What the tool printed, as JSON, is
 * left for the host, which compares the three: plan, trace and answers.
 */
export function makeWidthRuns({ name, address, plan, paths }: WidthSubject): void {
  for (const via of ['group', 'cdev'] as const) {
    for (const path of paths) {
      it(`${name} by ${via}, ${path}`, async () => {
        const script = '/tmp/widths.vfio';
        const lines = plan.flatMap(({ line }, number) => [`echo "@${number}"`, line]);
        // The journal of all accesses, at the end, is one more witness.
        const last = ['echo "@end"', 'log access --last 100000'];
        writeFileSync(
          script,
          [`option mmap ${path === 'file' ? 'off' : 'on'}`, 'regions', ...lines, ...last, ''].join('\n'),
        );
        const run = `${name} ${via} ${path}`;
        mark(`${run} begin`);
        const { code, stdout, stderr } = await vfiodbg('--via', via, '--json', '-x', script, address);
        mark(`${run} end`);
        assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
        writeFileSync(`/run/lab/${run.replaceAll(' ', '-')}.jsonl`, stdout);
      });
    }
    it(`${name} by ${via}: what must not touch the device`, async () => {
      mark(`${name} ${via} inert begin`);
      const { code, stdout, stderr } = await vfiodbg('--via', via, ...inert.flatMap((line) => ['-c', line]), address);
      mark(`${name} ${via} inert end`);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.match(stdout, /region0/);
    });
  }
}
