import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';

const open = new URL('../../src/vfio/sim/open.js', import.meta.url).href;
const host = new URL('../../src/vfio/sim/host.js', import.meta.url).href;

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a module as a process of its own; `ready` is called when it has printed something. One that hangs is killed by SIGKILL. */
function run(source: string, ready?: (kill: (signal: NodeJS.Signals) => void) => void): Promise<End> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    if (stdout === '') ready?.((signal) => child.kill(signal));
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

const opened = (model: string): string => `
  import { openSimulated, startAhead } from '${open}';
  const device = await openSimulated('${model}');
  const into = Buffer.alloc(4);
  device.read(device.regionInfo(0), 0, into);
`;

for (const { name, source, code } of [
  { name: 'it comes to its end', source: opened('edu'), code: 0 },
  { name: 'the device has been closed', source: `${opened('sram')} device.close();`, code: 0 },
  { name: 'it calls process.exit', source: `${opened('pl031')} process.exit(7);`, code: 7 },
  {
    name: 'it calls process.exit in a callback',
    source: `${opened('edu')} device.onLost(() => undefined); setTimeout(() => process.exit(7), 5);`,
    code: 7,
  },
  {
    name: 'an alarm is years away',
    source: `${opened('pl031')} device.write(device.regionInfo(0), 4, into);`,
    code: 0,
  },
  {
    name: 'a burst is running',
    source: `${opened('sram')} const r = device.regionInfo(1); into.fill(0xff); device.write(r, 0x104, into); into.fill(0); device.write(r, 0x100, into);`,
    code: 0,
  },
  {
    name: 'the simulator has just been started',
    source: `import { startSimulator } from '${host}'; startSimulator('sram');`,
    code: 0,
  },
  {
    name: 'the simulator was started ahead and never used',
    source: `import { startAhead } from '${open}'; startAhead('sram');`,
    code: 0,
  },
  {
    name: 'the simulator was stopped',
    source: `import { startSimulator } from '${host}'; const one = startSimulator('edu'); one.stop(); one.stop(); process.exit(0);`,
    code: 0,
  },
]) {
  test(`a process ends as it should when ${name}`, async () => {
    const end = await run(source);
    assert.deepEqual({ code: end.code, signal: end.signal, stderr: end.stderr }, { code, signal: null, stderr: '' });
  });
}

test('a process that throws ends with its own error and nothing else', async () => {
  const end = await run(`${opened('edu')} throw new Error('thrown on purpose');`);
  assert.equal(end.code, 1);
  assert.match(end.stderr, /thrown on purpose/);
  assert.doesNotMatch(end.stderr, /FATAL|napi/);
});

test('a process with a simulator ends by SIGTERM', async () => {
  const end = await run(`${opened('sram')} console.log('ready'); setInterval(() => undefined, 1000);`, (kill) =>
    kill('SIGTERM'),
  );
  assert.equal(end.signal, 'SIGTERM');
});
