import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Interrupted } from '../../src/repl/interrupted.js';
import { KeptOutput, memfdSession } from './session-fixture.js';

const script = { prefixes: false };

test('a dry run knows no $_ that a read of it would have brought, and leaves the last real one alone', async () => {
  const { session, output } = memfdSession();
  session.last = 0x77n;
  await session.execute('peek region0 0 -n', script);
  assert.equal(session.last, 0x77n);
  output.take();
  await session.execute('poke region0 4 $_ -n', script);
  assert.equal(output.take(), 'would write region0+0x4 (32 bits) <- 0x77\n');
  await session.execute('option dryrun on', script);
  output.take();
  await session.execute('peek region0 0; poke region0 4 $_; $x = $_', script);
  assert.equal(
    output.take(),
    'would read region0+0x0 (32 bits)\nwhat follows depends on what is read\nwhat follows depends on what is read\n',
  );
  assert.equal(session.variables.has('x'), false);
  await session.execute('option dryrun off; poke region0 4 $_', script);
  assert.match(output.take(), /<- 0x00000077/);
  session.closeAll();
});

test('more cells than one answer holds are refused before the first is read', async () => {
  const { session } = memfdSession();
  await assert.rejects(
    Promise.resolve(session.execute('peek region0 0 1000000000000 --stride 0', script)),
    /most that one answer holds/,
  );
  const reads = [...(session.device?.journal.entries() ?? [])].filter(({ kind }) => kind.startsWith('read'));
  assert.deepEqual(reads, []);
  session.closeAll();
});

test('a device that JavaScript opens is read-only where the session is', async () => {
  const { session } = memfdSession();
  session.options.set('readonly', true);
  await assert.rejects(
    Promise.resolve(session.execute('= (await open("sim:sram")).region(0).write32(0x8000, 1)', script)),
    /read-only/,
  );
  assert.deepEqual(
    session.devices.map(({ name }) => name),
    ['memfd', 'sim:sram'],
  );
  session.closeAll();
});

test('a duration that no timer can wait is refused', async () => {
  const { session } = memfdSession();
  await assert.rejects(async () => session.execute('sleep 1000h', script), /no duration/);
  session.closeAll();
});

test('log --follow shows what comes while it shows a line, and ends at an interrupt that comes then', async () => {
  const { session, output } = memfdSession();
  await session.execute('log note', script);
  output.take();
  let shown = 0;
  const show = output.show.bind(output);
  output.show = (view): void => {
    show(view);
    shown += 1;
    if (shown === 1) session.device?.journal.note('note', 'second');
    else session.interrupt();
  };
  const following = Promise.resolve(session.execute('log note --follow', script));
  following.catch(() => undefined);
  await new Promise(setImmediate);
  session.device?.journal.note('note', 'first');
  await assert.rejects(following, Interrupted);
  assert.match(output.take(), /first\n.*second/);
  session.closeAll();
});

test('log --follow --since begins with what came in that time; in a dry run nothing is waited for', async () => {
  const { session, output } = memfdSession();
  session.device?.journal.note('note', 'long ago', undefined, 0);
  session.device?.journal.note('note', 'just now');
  output.show = (view): void => {
    KeptOutput.prototype.show.call(output, view);
    session.interrupt();
  };
  await assert.rejects(async () => session.execute('log note --follow --since 1m', script), Interrupted);
  assert.match(output.take(), /^\S+ +note +just now\n$/);
  session.options.set('dryrun', true);
  await session.execute('log note --follow', script);
  assert.match(output.take(), /long ago\n.*just now\n$/);
  session.closeAll();
});

test('the interrupts of two devices are announced apart', async () => {
  const { session, output } = memfdSession();
  session.announceInterrupts();
  const sram = await session.open('sim:sram');
  const edu = await session.open('sim:edu');
  for (const { irqs } of [sram, edu]) {
    irqs.msi.enable(1);
    irqs.msi.trigger();
    await irqs.msi.wait({ timeoutMs: 20_000 });
  }
  session.closeAll();
  assert.equal(output.notices[0], 'sim:sram msi[0] (software)');
});
