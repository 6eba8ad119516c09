import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const main = new URL('../../src/repl/main.js', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-recording-'));
after(() => rmSync(folder, { recursive: true }));

for (const [what, line] of [
  ['a command', 'sleep 60s'],
  ['a loop', 'while 1; peek region0 0; end'],
] as const) {
  test(
    `SIGTERM in the middle of ${what}: the recording is whole, and says that it came to no end`,
    { timeout: 60_000 },
    async () => {
      const file = join(folder, `${what.replace(' ', '-')}.vfio`);
      const commands = [`record ${file}`, 'peek region0 4', line].flatMap((each) => ['-c', each]);
      const tool = spawn(process.execPath, [main, ...commands, 'sim:edu'], { stdio: ['ignore', 'pipe', 'inherit'] });
      let shown = '';
      await new Promise<void>((resolve) => {
        tool.stdout.setEncoding('utf8').on('data', (text: string) => {
          shown += text;
          if (shown.includes('region0+0x4')) resolve();
        });
      });
      // What follows has begun, or is about to: the line of the peek is written when it does.
      while (!readFileSync(file, 'utf8').includes('\npeek region0 4\n'))
        await new Promise((done) => setTimeout(done, 5));
      tool.kill('SIGTERM');
      assert.deepEqual(await once(tool, 'close'), [143, null]);
      const recorded = readFileSync(file, 'utf8');
      assert.match(recorded, /\n#: read region0\+0x4 \(32 bits\) = 0x00000000\npeek region0 4\n/);
      assert.ok(recorded.endsWith(`\n# failed: ${line}\n`), recorded.slice(-200));
    },
  );
}

test('what cannot be recorded to is said, and ends no session', () => {
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const record = (path: string, ...lines: string[]): { status: number | null; stdout: string; stderr: string } => {
    const commands = [`record ${path}`, ...lines].flatMap((each) => ['-c', each]);
    return spawnSync(process.execPath, [main, ...commands, 'sim:edu'], { encoding: 'utf8' });
  };
  assert.match(record('/dev/full').stderr, /error: record to \/dev\/full: ENOSPC\n +why: no space left on the disk/);
  assert.match(record(pipe).stderr, /ENXIO\n +why: nobody reads that pipe/);
  // A reader that never reads.
  const reader = openSync(pipe, constants.O_RDWR);
  try {
    const { status, stdout, stderr } = record(pipe, 'repeat 3000; peek region0 0; end', 'peek region0 4', 'record');
    assert.equal(status, 0);
    assert.match(stderr, /^the recording to .*pipe ended: EAGAIN: who reads that pipe is too slow, and it is full$/m);
    assert.match(stdout, /region0\+0x4.*\nnothing is being recorded\n$/);
  } finally {
    closeSync(reader);
  }
});
