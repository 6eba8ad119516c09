import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STATE } from './at-change.js';
import { type Bus, driverOf } from './bind.js';
import { type Ran, vfiodbg } from './tool.js';

/** Driver and driver_override of each device of a bus, as text: 'serial', 'vfio-pci by override', 'none'. */
export function bindings(bus: Bus): Record<string, string> {
  const folder = `/sys/bus/${bus}/devices`;
  return Object.fromEntries(
    readdirSync(folder)
      .sort()
      // The kernel leaves the name of a device behind that went with the one above it (alarmtimer.0.auto with its RTC).
      .filter((name) => existsSync(join(folder, name)))
      .map((name) => {
        const override = readFileSync(join(folder, name, 'driver_override'), 'utf8').trimEnd();
        const driver = driverOf(bus, name) ?? 'none';
        return [name, override === '(null)' ? driver : `${driver} by override ${override}`];
      }),
  );
}

/** The files that bind has left in its folder, but for the lock and for what was to take the place of another. */
export function records(): string[] {
  try {
    return readdirSync(STATE)
      .filter((name) => name !== 'lock' && !name.endsWith('.new'))
      .sort();
  } catch {
    return [];
  }
}

/** Runs one line of the tool. Fails where it does. @returns standard output. */
export async function done(line: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await vfiodbg('-c', line, ...args);
  process.stdout.write(`vfiodbg -c '${line}'\n${stdout}${stderr}`);
  assert.equal(code, 0, `${line}: ${stderr}`);
  return stdout;
}

/** Runs one line that must be refused with exit code 1, in the three lines that every refusal has. */
export async function refused(line: string, ...args: readonly string[]): Promise<Ran & { readonly why: string }> {
  const ran = await vfiodbg('-c', line, ...args);
  process.stdout.write(`vfiodbg -c '${line}'\n${ran.stdout}${ran.stderr}`);
  assert.equal(ran.code, 1, ran.stderr);
  const why = /^error: .*\n {2}why: (.*)\n {2}try: .*\n$/.exec(ran.stderr)?.[1];
  assert.ok(why !== undefined, ran.stderr);
  return { ...ran, why };
}

/** What the kernel answers where a driver is to forget a dynamic id: ENODEV where it does not know it, undefined where it has done so. */
export function forgetId(driver: string, ids: string): unknown {
  try {
    writeFileSync(`/sys/bus/pci/drivers/${driver}/remove_id`, ids);
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}
