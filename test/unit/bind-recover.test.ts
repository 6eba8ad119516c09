import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { BindingLock } from '../../src/vfio/bus/binding/lock.js';
import { stepCommand } from '../../src/vfio/bus/binding/step.js';
import { VfioError } from '../../src/vfio/errors.js';
import { binding, failing, withKernel } from './binding-fixture.js';
import { groupOfTwo } from './binding-machines.js';
import { FakeKernel } from './fake-kernel.js';

const victim = fileURLToPath(new URL('bind-victim.js', import.meta.url));

for (const action of ['bind', 'release'] as const) {
  test(`SIGKILL before any change that ${action} makes to a file: recovering gives the starting state`, async (t) => {
    const kernel = groupOfTwo();
    t.after(() => kernel.remove());
    const tool = binding(kernel);
    if (action === 'release') await tool.bind('0000:00:05.0', { wholeGroup: true });
    const before = kernel.state();
    let kills = 0;
    for (let nth = 0; ; nth += 1) {
      const { signal, stdout, stderr } = spawnSync(process.execPath, [victim, kernel.root, action, String(nth)], {
        encoding: 'utf8',
        timeout: 60_000,
      });
      if (signal === null) {
        assert.equal(stdout, 'done', stderr);
        break;
      }
      assert.equal(signal, 'SIGKILL');
      kills += 1;
      await tool.recover();
      assert.deepEqual(kernel.state(), before, `killed before change ${nth}`);
      assert.equal(await tool.recover(), undefined, 'nothing is left to recover');
    }
    assert.ok(kills > 20, `only ${kills} kills`);
    assert.notDeepEqual(kernel.state(), before, 'in the end it was done');
    if (action === 'bind') await tool.release('0000:00:05.0', { wholeGroup: true });
  });
}

/** Runs `work` until the write number `nth` is about to be made, or has been; it never goes on from there, as if killed. */
async function killed(
  kernel: FakeKernel,
  nth: number,
  when: 'before' | 'after',
  work: () => Promise<unknown>,
): Promise<boolean> {
  const from = kernel.writes.length;
  const stopped = new Promise<true>((resolve) => {
    kernel.onWrite = (at, now) => {
      if (at !== from + nth || now !== when) return undefined;
      resolve(true);
      return new Promise(() => undefined);
    };
  });
  const outcome = await Promise.race([stopped, work().then(() => false)]);
  kernel.onWrite = () => undefined;
  return outcome;
}

const names = ['0000:00:05.0', '0000:00:06.0', '0000:00:07.0'] as const;
const hostDriver = fc.constantFrom(undefined, 'e1000e', 'pci-stub', 'vfio-pci');
const override = fc.constantFrom('(null)', 'e1000e', 'pci-stub', 'vfio-pci');
const action = fc.record({
  what: fc.constantFrom('bind', 'release'),
  name: fc.constantFrom(...names),
  wholeGroup: fc.boolean(),
  method: fc.constantFrom('override', 'new_id'),
  driver: fc.constantFrom(undefined, 'pci-stub', 'e1000e'),
} as const);

test('killed at any write of any sequence, and again while recovering: recovering gives the state before the last command', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ driver: hostDriver, override }), { minLength: 3, maxLength: 3 }),
      fc.array(action, { maxLength: 3 }),
      action,
      fc.nat(8),
      fc.nat(8),
      fc.constantFrom('before', 'after'),
      async (devices, earlier, last, kill, again, when) => {
        const kernel = new FakeKernel();
        try {
          kernel.driver('pci', 'e1000e', names).driver('pci', 'pci-stub').driver('pci', 'vfio-pci');
          for (const [index, { driver, override: other }] of devices.entries()) {
            kernel.device({
              name: names[index] ?? '',
              group: '5',
              pci: [0x8086, 0x10d3, 0x020000],
              files: { driver_override: `${other}\n` },
              ...(driver !== undefined && { driver }),
              ...(driver === 'vfio-pci' && { vfioDev: `vfio${index}` }),
            });
          }
          const act = (folder: string, { what, name, wholeGroup, method, driver }: typeof last): Promise<unknown> => {
            const tool = binding(kernel, { state: join(kernel.root, folder) });
            if (what === 'release') return tool.release(name, { wholeGroup });
            const whole = wholeGroup && method === 'override';
            return tool.bind(name, { wholeGroup: whole, method, force: true, ...(driver !== undefined && { driver }) });
          };
          for (const each of earlier) await act('state', each).catch(mustBeRefusal);
          const before = kernel.state();
          const died = await killed(kernel, kill, when, () => act('state', last).catch(mustBeRefusal));
          if (!died) return;
          // The dead process's lock is held by this one: a copy of its files has none.
          cpSync(join(kernel.root, 'state'), join(kernel.root, 'copy'), { recursive: true });
          const recovering = (folder: string): Promise<unknown> =>
            binding(kernel, { state: join(kernel.root, folder) }).recover();
          const diedAgain = await killed(kernel, again, when, () => recovering('copy'));
          if (diedAgain) {
            cpSync(join(kernel.root, 'copy'), join(kernel.root, 'copy2'), { recursive: true });
            await recovering('copy2');
          }
          assert.deepEqual(kernel.state(), before);
        } finally {
          kernel.remove();
        }
      },
    ),
    { numRuns: 150 },
  );
});

function mustBeRefusal(error: unknown): void {
  assert.ok(error instanceof VfioError, String(error));
}

test(
  'finishing brings the devices to where the killed run was to take them, and they can be released',
  withKernel(async (kernel) => {
    kernel.driver('pci', 'e1000e', names).driver('pci', 'vfio-pci');
    kernel.device({ name: names[0], driver: 'e1000e', group: '5' });
    const before = kernel.state();
    assert.ok(await killed(kernel, 1, 'after', () => binding(kernel).bind(names[0])));
    cpSync(join(kernel.root, 'state'), join(kernel.root, 'copy'), { recursive: true });
    const tool = binding(kernel, { state: join(kernel.root, 'copy') });
    const { kind, why, hint } = await failing(tool.bind(names[0]));
    assert.equal(kind, 'busy');
    assert.match(why, new RegExp(`process ${process.pid}\\) that was to bind ${names[0]} was ended half way`));
    assert.match(hint ?? '', /bind --recover/);
    await tool.recover('finish');
    assert.deepEqual(kernel.state()[names[0]], { driver: 'vfio-pci', driverOverride: 'vfio-pci' });
    await tool.release(names[0]);
    assert.deepEqual(kernel.state(), before);
  }),
);

test(
  'what was left before the last boot, or by a device that is another one now, is not touched',
  withKernel(async (kernel) => {
    kernel.driver('pci', 'e1000e', names).driver('pci', 'vfio-pci');
    kernel.device({ name: names[0], driver: 'e1000e', group: '5' });
    const copied = async (folder: string): Promise<void> => {
      assert.ok(await killed(kernel, 1, 'after', () => binding(kernel).bind(names[0])));
      cpSync(join(kernel.root, 'state'), join(kernel.root, folder), { recursive: true });
    };
    await copied('copy');
    const writes = kernel.writes.length;
    kernel.file('proc', 'sys/kernel/random/boot_id', 'the-next-boot\n');
    const stale = await binding(kernel, { state: join(kernel.root, 'copy') }).recover();
    assert.equal(stale?.stale, true);
    kernel.file('proc', 'sys/kernel/random/boot_id', 'this-boot\n');
    kernel.file('sys', `devices/pci/${names[0]}/modalias`, 'another\n');
    cpSync(join(kernel.root, 'state'), join(kernel.root, 'copy2'), { recursive: true });
    const other = await binding(kernel, { state: join(kernel.root, 'copy2') }).recover();
    assert.deepEqual(
      other?.arrivals.map(({ now }) => now),
      [undefined],
    );
    assert.equal(kernel.writes.length, writes);
  }),
);

test(
  'one run at a time: a second waits, is told who has the lock, and the lock dies with its process',
  withKernel(async (kernel) => {
    kernel.driver('pci', 'vfio-pci').device({ name: names[0], group: '5' });
    const { machine, bind } = binding(kernel);
    const lock = pathToFileURL(fileURLToPath(new URL('../../src/vfio/bus/binding/lock.js', import.meta.url))).href;
    const program = `import { BindingLock } from '${lock}';
      const wait = { patience: 0, signal: new AbortController().signal, waiting() {} };
      globalThis.lock = await BindingLock.take('${machine.state}', wait);
      console.log('locked'); setInterval(() => {}, 1000);`;
    const other = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(other.stdout, 'data');
    const wait = { patience: 60, signal: new AbortController().signal, waiting: () => undefined };
    const { kind, why } = await failing(BindingLock.take(machine.state, wait));
    assert.equal(kind, 'busy');
    assert.match(why, new RegExp(`process ${other.pid}\\)`));
    const waited = bind(names[0]);
    other.kill('SIGKILL');
    await waited;
    assert.equal(kernel.writes.length, 2);
  }),
);

test(
  'files of the folder that were tampered with are refused by name, and nothing is done',
  withKernel(async (kernel) => {
    kernel.driver('pci', 'e1000e', names).driver('pci', 'vfio-pci');
    kernel.device({ name: names[0], driver: 'e1000e', group: '5' });
    const { bind, release, recover, machine } = binding(kernel);
    await bind(names[0]);
    const writes = kernel.writes.length;
    const record = join(machine.state, `pci-${names[0]}.json`);
    const kept = readFileSync(record, 'utf8');
    for (const text of [
      '',
      '{',
      '[]',
      kept.replace('"e1000e"', '"../../x"'),
      kept.replace('"version":1', '"version":2'),
    ]) {
      writeFileSync(record, text);
      assert.match((await failing(release(names[0]))).operation, /read .*pci-0000:00:05\.0\.json/);
    }
    writeFileSync(record, kept);
    execFileSync('mkfifo', [join(machine.state, 'unfinished.jsonl')]);
    assert.match((await failing(recover())).operation, /unfinished\.jsonl/, 'a pipe is not waited for');
    rmSync(join(machine.state, 'unfinished.jsonl'));
    writeFileSync(join(machine.state, 'unfinished.jsonl'), 'nonsense\n');
    assert.match((await failing(release(names[0]))).operation, /unfinished\.jsonl/);
    assert.match((await failing(recover())).operation, /unfinished\.jsonl/);
    assert.equal(kernel.writes.length, writes);
  }),
);

test(
  'a driver with a blank in its name, as sysfs may have it: bound, left half way, recovered and released as any other',
  withKernel(async (kernel) => {
    kernel.driver('pci', 'Mylex DAC', names).driver('pci', 'vfio-pci');
    kernel.device({ name: names[0], driver: 'Mylex DAC', group: '5' });
    const before = kernel.state();
    const tool = binding(kernel);
    const { steps } = await tool.plan(names[0]);
    assert.match(steps.map(stepCommand).join('; '), /echo 0000:00:05\.0 > '[^']*\/drivers\/Mylex DAC\/unbind'/);
    await tool.bind(names[0]);
    await tool.release(names[0]);
    assert.deepEqual(kernel.state(), before);
    assert.ok(await killed(kernel, 1, 'after', () => tool.bind(names[0])));
    cpSync(join(kernel.root, 'state'), join(kernel.root, 'copy'), { recursive: true });
    await binding(kernel, { state: join(kernel.root, 'copy') }).recover();
    assert.deepEqual(kernel.state(), before);
  }),
);

test(
  'a journal whose last line was not written to its end: recovering goes on behind the lines that are whole',
  withKernel(async (kernel) => {
    kernel.driver('pci', 'e1000e', names).driver('pci', 'vfio-pci');
    kernel.device({ name: names[0], driver: 'e1000e', group: '5' });
    const before = kernel.state();
    assert.ok(await killed(kernel, 1, 'after', () => binding(kernel).bind(names[0])));
    const copied = (from: string, to: string): string => {
      cpSync(join(kernel.root, from), join(kernel.root, to), { recursive: true });
      return join(kernel.root, to, 'unfinished.jsonl');
    };
    appendFileSync(copied('state', 'copy'), '{"intend":{"action":"bi');
    const recovering = binding(kernel, { state: join(kernel.root, 'copy') });
    assert.ok(await killed(kernel, 0, 'after', () => recovering.recover()));
    copied('copy', 'copy2');
    await binding(kernel, { state: join(kernel.root, 'copy2') }).recover();
    assert.deepEqual(kernel.state(), before);
  }),
);

test(
  'what a run before the last boot has left, in whatever state, is in the way of nothing',
  withKernel(async (kernel) => {
    kernel.driver('pci', 'e1000e', names).driver('pci', 'vfio-pci');
    kernel.device({ name: names[0], driver: 'e1000e', group: '5' });
    assert.ok(await killed(kernel, 0, 'before', () => binding(kernel).bind(names[0])));
    for (const folder of ['copy', 'copy2']) {
      cpSync(join(kernel.root, 'state'), join(kernel.root, folder), { recursive: true });
      appendFileSync(join(kernel.root, folder, 'unfinished.jsonl'), '\0\0\0 the power went\n');
    }
    assert.match((await failing(binding(kernel, { state: join(kernel.root, 'copy') }).bind(names[0]))).why, /no JSON/);
    kernel.file('proc', 'sys/kernel/random/boot_id', 'the-next-boot\n');
    const tool = binding(kernel, { state: join(kernel.root, 'copy') });
    await tool.bind(names[0]);
    assert.deepEqual(kernel.state()[names[0]], { driver: 'vfio-pci', driverOverride: 'vfio-pci' });
    assert.equal(await tool.recover(), undefined);
    assert.equal((await binding(kernel, { state: join(kernel.root, 'copy2') }).recover())?.stale, true);
  }),
);
