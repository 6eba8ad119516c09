import assert from 'node:assert/strict';
import type { Diagnosis, Examined } from '../../../src/vfio/doctor/doctor.js';
import { vfiodbg } from './tool.js';

/** What `vfiodbg doctor` says of a device, and prints it as the user would see it. */
export async function doctor(
  device: string,
): Promise<{ code: number | null; readonly check: (name: string) => Examined }> {
  const shown = await vfiodbg('doctor', device);
  process.stdout.write(`${shown.stdout}${shown.stderr}`);
  const { code, stdout, stderr } = await vfiodbg('--json', 'doctor', device);
  assert.equal(code, shown.code);
  assert.ok(stdout !== '', stderr);
  const { checks } = JSON.parse(stdout) as Diagnosis;
  return {
    code,
    check(name) {
      const found = checks.find((one) => one.name === name);
      assert.ok(found !== undefined, `no check ${name}`);
      return found;
    },
  };
}

/** The command behind 'as root:' in a remedy, up to what may follow it in brackets. */
export function commandIn({ remedy = '' }: Examined): string {
  const [, command] = /as root: (.*?)(?: \(or .*\))?$/.exec(remedy) ?? [];
  assert.ok(command !== undefined, remedy);
  return command;
}
