import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { at, type Moment } from './at-change.js';
import { bindings, done, records } from './bindings.js';
import { clockWorks, RTC } from './clock.js';
import { Prompt } from './prompt.js';
import { Tool, vfiodbg } from './tool.js';

const VIRTIO = 'a000000.virtio_mmio';

const allBindings = (): object => ({ amba: bindings('amba'), platform: bindings('platform') });
const atBoot = allBindings();

/** What recovers. */
const prompt = new Prompt();
after(() => prompt[Symbol.dispose]());

/** Runs the line until SIGKILL ends it right before that change. @returns false where it came to its end before. */
async function killed(line: string, moment: Moment): Promise<boolean> {
  using tool = new Tool(['-c', line], at(moment, { what: 'kill', when: 'before' }));
  const { code, stderr } = await tool.ended();
  if (code === null) return true;
  assert.equal(code, 0, stderr);
  return false;
}

/** Kills the line at one change after the other until it comes through; each time recovering must give the state before. @returns how often. */
async function killedEverywhere(line: string, of: Moment['of']): Promise<number> {
  const before = [allBindings(), records()];
  for (let nth = 0; ; nth += 1) {
    if (!(await killed(line, { of, nth }))) return nth;
    process.stdout.write(`${line}, killed before change ${nth}\n${await prompt.answer('bind --recover')}`);
    assert.equal(prompt.tool.stderr, '');
    assert.deepEqual([allBindings(), records()], before, `${line}, killed before change ${nth}`);
  }
}

it('a platform device without a driver: SIGKILL before every change of a file, then bind --recover', async () => {
  // Journal and record are made, written and put in place; each of two steps is written down, made, and written down; the journal goes.
  assert.ok((await killedEverywhere(`bind ${VIRTIO}`, 'all')) >= 3 + 2 * 3 + 3 + 1);
  assert.equal(bindings('platform')[VIRTIO], 'vfio-platform by override vfio-platform', 'in the end it was bound');
  assert.match(await done('bind --recover'), /nothing to recover/);
});

it('an AMBA device that has a driver: the same', async () => {
  assert.ok((await killedEverywhere(`bind ${RTC}`, 'all')) >= 3 + 3 * 3 + 3 + 1);
  assert.equal(bindings('amba')[RTC], 'vfio-amba by override vfio-amba');
});

it('what a killed run has left is met by the next one, and doctor knows of it; --finish brings it to its end', async () => {
  assert.ok(await killed(`release ${RTC}`, { of: 'sysfs', nth: 2 }));
  assert.equal(bindings('amba')[RTC], 'none by override rtc-pl031', 'half way');
  const refusal = await vfiodbg('bind', RTC);
  assert.equal(refusal.code, 1);
  assert.match(refusal.stderr, /that was to release 9010000\.pl031 was ended half way\n {2}try: bind --recover/);
  assert.match((await vfiodbg('doctor')).stdout, /unfinished bind .*\n.*bind --recover/);
  assert.match(await done('bind --recover -n'), /would be done, as root:\n {2}echo vfio-amba >/);
  await done('bind --recover --finish');
  await clockWorks();
  assert.deepEqual(records(), [`platform-${VIRTIO}.json`]);
});

it('a release that is killed before each of its writes leaves the device as it was bound, too', async () => {
  await done(`bind ${RTC}`);
  assert.equal(await killedEverywhere(`release ${RTC}`, 'sysfs'), 4);
  await done(`release ${VIRTIO}`);
  assert.deepEqual([allBindings(), records()], [atBoot, []]);
  await clockWorks();
});
