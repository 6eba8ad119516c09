import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { devicePath } from './bind.js';

/** The PL031 of the arm64 guest. */
export const RTC = '9010000.pl031';

/** The clock that the kernel's driver has made of the PL031, and its time in seconds, read by each way in that Linux has. */
function clock(): { readonly name: string; readonly times: readonly number[] } {
  const [name = '', ...more] = readdirSync(join(devicePath('amba', RTC), 'rtc'));
  assert.deepEqual(more, []);
  const said = execFileSync('hwclock', ['-r', '-u', '-f', `/dev/${name}`], { encoding: 'utf8' });
  const [date = ''] = said.split(/ {2}\d/);
  return { name, times: [Date.parse(`${date} UTC`) / 1000, Number(attribute(name, 'since_epoch'))] };
}

function attribute(clockName: string, file: string): string {
  return readFileSync(join('/sys/class/rtc', clockName, file), 'utf8').trim();
}

/** The kernel's driver reads the time that it is, and its alarm, an interrupt, goes off. @returns what the kernel calls the clock: 'rtc0'. */
export async function clockWorks(): Promise<string> {
  const now = Date.now() / 1000;
  const found = clock();
  const { name } = found;
  for (const time of found.times) assert.ok(Math.abs(time - now) < 60, `${time} at ${now}`);
  writeFileSync(join('/sys/class/rtc', name, 'wakealarm'), '+2');
  assert.notEqual(attribute(name, 'wakealarm'), '');
  for (let wait = 0; wait < 100 && attribute(name, 'wakealarm') !== ''; wait += 1) await sleep(100);
  assert.equal(attribute(name, 'wakealarm'), '', 'the alarm never went off');
  assert.ok(Number(attribute(name, 'since_epoch')) > (found.times[1] ?? NaN), 'the clock stands still');
  return name;
}
