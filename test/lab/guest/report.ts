import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { vfiodbg } from './tool.js';

interface Part {
  readonly title: string;
  readonly answers: readonly object[];
  readonly problem?: { readonly error: { readonly message: string } };
}

interface BugReport {
  readonly format: string;
  readonly machine: { readonly fields: Readonly<Record<string, string>> };
  readonly parts: readonly Part[];
}

/** What a report of a device that the kernel has says, by the titles of its parts. */
export interface Reported {
  /** As JSON. */
  readonly parts: ReadonlyMap<string, string>;
  readonly markdown: string;
}

/** Has `lines` done and then reports written, as JSON and as Markdown; nothing in them may have failed. */
export async function reported(device: string, via: 'group' | 'cdev', lines: readonly string[]): Promise<Reported> {
  const [json, md] = [`/tmp/report-${via}.json`, `/tmp/report-${via}.md`];
  const commands = [...lines, `report ${json}`, `report ${md} --no-read`].flatMap((line) => ['-c', line]);
  const { code, stdout, stderr } = await vfiodbg('--via', via, ...commands, device);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stdout, /these end with an error/);
  const report = JSON.parse(readFileSync(json, 'utf8')) as BugReport;
  assert.equal(report.format, 'vfiodbg-report');
  assert.ok(report.machine.fields['kernel']?.startsWith(release()), report.machine.fields['kernel']);
  assert.deepEqual(
    report.parts.flatMap(({ title, problem }) => (problem === undefined ? [] : [`${title}: ${problem.error.message}`])),
    [],
  );
  const parts = new Map(report.parts.map(({ title, answers }) => [title, JSON.stringify(answers)]));
  return { parts, markdown: readFileSync(md, 'utf8') };
}
