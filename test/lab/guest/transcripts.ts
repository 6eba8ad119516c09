import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { checkout } from '../project.js';
import { type Ran, vfiodbg } from './tool.js';

/** A script that must tell the same of a real device and of its simulated twin. */
export interface TranscriptSubject {
  /** From the checkout. */
  readonly script: string;
  readonly address: string;
  readonly twin: string;
  /** What the script ends with: 3 where it holds waits that find nothing. */
  readonly code?: number;
}

/** Runs a script on a simulated device and on the real one by each way in, and compares all that is shown. */
export function compareTranscripts({ script, address, twin, code = 0 }: TranscriptSubject): void {
  const path = join(checkout, script);
  const lines = readFileSync(path, 'utf8').split('\n');
  const run = (...device: readonly string[]): Promise<Ran> => vfiodbg('-k', '-x', path, ...device);

  describe(`${script} on ${twin} and ${address}`, () => {
    let simulated: Ran;
    before(async () => {
      simulated = await run(twin);
    });

    for (const via of ['group', 'cdev']) {
      it(`tells the same by ${via}`, async () => {
        const real = await run('--via', via, address);
        process.stdout.write(real.stdout);
        assert.equal(timeless(real.stdout), timeless(simulated.stdout));
        assert.equal(failures(real.stderr, address), failures(simulated.stderr, twin));
        assert.deepEqual([simulated.code, real.code], [code, code], real.stderr);
        // Nothing was cut short: each of the script's echoes came.
        const announced = lines.filter((line) => line.startsWith('echo ')).map((line) => line.slice(6, -1));
        assert.ok(announced.length > 0);
        for (const text of announced) assert.ok(real.stdout.includes(`${text}\n`), text);
      });
    }
  });
}

/** Without what tells how long something took. */
function timeless(stdout: string): string {
  return stdout.replace(/, after [\d.]+ \w+ and \d+ reads?$/gm, '');
}

/** The errors, without the device's name. What else comes on standard error are remarks on timing. */
function failures(stderr: string, device: string): string {
  const lines = stderr.replaceAll(device, 'DEVICE').split('\n');
  const told = lines.filter((line) => /^(error: | {2}why: | {2}try: )/.test(line));
  return told.map((line) => line.replace(/ \(\d+ reads?\)$/, '')).join('\n');
}
