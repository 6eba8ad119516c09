import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { at } from './at-change.js';
import { bindings, done, records, refused } from './bindings.js';
import { findPci } from './bind.js';
import { Prompt } from './prompt.js';
import { refusal } from './refusal.js';

/** Two that stand alone, and one behind a bridge without ACS: it shares its group with a serial port. */
const [edu = '', , inGroup = ''] = findPci(0x1234, 0x11e8);
const [neighbour = ''] = findPci(0x1b36, 0x0002);
const [bridge = ''] = findPci(0x1b36, 0x000e);
const [port = ''] = findPci(0x1b36, 0x0003);
const [nic = ''] = findPci(0x8086, 0x10d3);
const [rng = ''] = findPci(0x1af4, 0x1005);

interface Step {
  readonly device: string;
  readonly file: string;
  readonly bytes: string;
  readonly command: string;
}
interface PlanData {
  readonly steps: readonly Step[];
}

/** Would be killed by the first thing that it changes, in sysfs or in its own folder. */
const planner = new Prompt(at({ of: 'all', nth: 0 }, { what: 'kill', when: 'before' }));
const prompt = new Prompt();
after(() => {
  planner[Symbol.dispose]();
  prompt[Symbol.dispose]();
});

async function plan(line: string): Promise<readonly Step[]> {
  return ((await planner.json(`${line} -n`)) as PlanData).steps;
}

let seen = 0;

/** The writes to sysfs that the session's journal has got since this was last asked, in order. */
async function written(): Promise<{ file: string; bytes: string; errno: string | null }[]> {
  type Row = { kind: string; data: Step & { errno: string | null } };
  const { rows } = (await prompt.json('log device --last 1000')) as { rows: Row[] };
  const writes = rows.filter(({ kind }) => kind === 'bind');
  const fresh = writes.slice(seen);
  seen = writes.length;
  return fresh.map(({ data: { file, bytes, errno } }) => ({ file, bytes, errno }));
}

function setOverride(device: string, driver: string): void {
  writeFileSync(`/sys/bus/pci/devices/${device}/driver_override`, `${driver}\n`);
}

/** The kernel of the lab has no driver for edu and e1000e; it has one for the others. */
const subjects = [
  { device: edu, driver: 'none', look: 'peek region0 0', shows: /0x010000ed/ },
  { device: nic, driver: 'none', look: 'peek region0 0x38', shows: /0x00008100/ },
  { device: rng, driver: 'virtio-pci', look: 'peek.w config 2', shows: /0x1005/ },
  { device: port, driver: 'serial', look: 'peek.w config 2', shows: /0x0003/ },
  { device: port, driver: 'serial', override: 'serial', look: 'peek.w config 2', shows: /0x0003/ },
  { device: port, driver: 'none', override: 'virtio-pci', look: 'peek.w config 2', shows: /0x0003/ },
];

describe('a device that is alone in its group', () => {
  for (const { device, driver, override, look, shows } of subjects) {
    const had = override === undefined ? driver : `${driver} by override ${override}`;
    it(`${device}, ${had}: planned, bound, open, released`, async () => {
      if (override !== undefined) setOverride(device, override);
      if (driver === 'none' && override !== undefined) {
        writeFileSync(`/sys/bus/pci/devices/${device}/driver/unbind`, device);
      }
      const before = bindings('pci');
      assert.equal(before[device], had);

      const steps = await plan(`bind ${device}`);
      assert.deepEqual(bindings('pci'), before);
      assert.deepEqual(records(), []);
      await prompt.json(`bind ${device}`);
      assert.deepEqual(bindings('pci'), { ...before, [device]: 'vfio-pci by override vfio-pci' });
      assert.deepEqual(
        await written(),
        steps.map(({ file, bytes }) => ({ file, bytes, errno: null })),
        'what is planned is what is written',
      );

      await prompt.answer(`open ${device}`);
      assert.match(await prompt.answer(look), shows);
      assert.match(await prompt.refusal(`release ${device}`), /it is open in this session/);
      await prompt.answer(`close ${device}`);

      const back = await plan(`release ${device}`);
      await prompt.json(`release ${device}`);
      assert.deepEqual(bindings('pci'), before);
      assert.deepEqual(
        await written(),
        back.map(({ file, bytes }) => ({ file, bytes, errno: null })),
      );
      assert.deepEqual(records(), []);
      assert.match(await prompt.refusal(`open ${device}`), /no driver is bound to it|bound to the driver/);
      if (override !== undefined) setOverride(device, '');
    });
  }

  it('the port, which was left without a driver by the tests above, is found one by release', async () => {
    assert.equal(bindings('pci')[port], 'none');
    assert.match(await prompt.answer(`release ${port}`), /serial/);
  });

  it('what served the system serves it again', async () => {
    const sources = (): string => readFileSync('/sys/class/misc/hw_random/rng_available', 'utf8');
    const before = sources();
    assert.match(before, /virtio_rng/);
    await prompt.json(`bind ${rng}`);
    assert.doesNotMatch(sources(), /virtio_rng/);
    await prompt.json(`release ${rng}`);
    assert.equal(sources(), before);
    execFileSync('dd', ['if=/dev/hwrng', 'of=/dev/null', 'bs=16', 'count=1'], { timeout: 60_000 });
  });

  it('the commands that -n prints do it as well; release then finds no record and asks the kernel', async () => {
    const before = bindings('pci');
    const printed = await planner.answer(`bind ${rng} -n`);
    const lines = printed.split('\n').filter((line) => line.startsWith('  '));
    assert.equal(lines.length, 3, printed);
    execFileSync('sh', ['-ec', lines.join('\n')]);
    assert.deepEqual(bindings('pci'), { ...before, [rng]: 'vfio-pci by override vfio-pci' });
    assert.match(await prompt.answer(`bind ${rng}`), /bound like that already/);
    assert.match(
      await prompt.answer(`release ${rng}`),
      /no record of how .* was before; the kernel looks for a driver/,
    );
    assert.deepEqual(bindings('pci'), before);
  });

  it('one-shot, as in a script: exit codes 0, and 4 where it cannot be opened', async () => {
    const before = bindings('pci');
    assert.match(
      await done(`bind ${edu}`),
      /bound to vfio-pci \(was without a driver\)\n\/dev\/vfio\/\d+ and \/dev\/vfio\/devices\/vfio\d+\n/,
    );
    assert.match(await done('peek region0 0', edu), /0x010000ed/);
    assert.match(await done(`release ${edu}`), /without a driver \(was bound to vfio-pci\)/);
    await refusal([edu], { error: `open ${edu}`, why: /no driver is bound to it/, hint: /vfiodbg bind/ });
    assert.match(await done(`release ${edu}`), /there is no record of how/);
    assert.deepEqual(bindings('pci'), before);
  });
});

describe('a group of several functions', () => {
  const notAlone = new RegExp(
    `^${neighbour} \\(serial\\) must go with it: nothing keeps the devices of IOMMU group \\d+ from reaching each other`,
  );

  it('is refused as long as it is not asked for as a whole: who must go along, and why', async () => {
    const before = bindings('pci');
    const { stderr, why } = await refused(`bind ${inGroup}`);
    assert.match(why, notAlone);
    assert.ok(stderr.includes(`try: bind ${inGroup} --whole-group takes ${neighbour} as well`), stderr);
    assert.match(await planner.refusal(`bind ${inGroup} -n`), notAlone);
    assert.deepEqual(bindings('pci'), before);
    assert.deepEqual(records(), []);
  });

  it('a bridge is refused for what it is', async () => {
    assert.match(await prompt.refusal(`bind ${bridge}`), /bridge/);
    assert.match(await prompt.refusal(`bind ${bridge} --whole-group`), /bridge/);
  });

  for (const [first, second] of [
    [inGroup, neighbour],
    [neighbour, inGroup],
  ] as const) {
    it(`by --whole-group ${first} takes ${second} with it, the group can be used, and release gives both back`, async () => {
      const before = bindings('pci');
      const steps = await plan(`bind ${first} --whole-group`);
      assert.deepEqual([...new Set(steps.map(({ device }) => device))], [first, second]);
      await prompt.json(`bind ${first} --whole-group`);
      const taken = 'vfio-pci by override vfio-pci';
      assert.deepEqual(bindings('pci'), { ...before, [inGroup]: taken, [neighbour]: taken });
      await prompt.answer(`open ${inGroup}`);
      assert.match(await prompt.answer('peek region0 0'), /0x010000ed/);
      assert.match(
        await prompt.refusal(`release ${neighbour}`),
        /this session itself has .* open by VFIO, and no other driver gets/,
      );
      await prompt.answer(`close ${inGroup}`);
      await prompt.json(`release ${first} --whole-group`);
      assert.deepEqual(bindings('pci'), before);
      assert.deepEqual(records(), []);
    });
  }

  it('its devices can go back one at a time', async () => {
    const before = bindings('pci');
    await prompt.json(`bind ${inGroup} --whole-group`);
    await prompt.json(`release ${neighbour}`);
    assert.deepEqual(bindings('pci'), { ...before, [inGroup]: 'vfio-pci by override vfio-pci' });
    assert.match(await prompt.refusal(`open ${inGroup}`), new RegExp(`not viable: ${neighbour} \\(serial\\)`));
    await prompt.json(`release ${inGroup}`);
    assert.deepEqual(bindings('pci'), before);
  });
});

describe('a device that the system uses', () => {
  it('is refused, with what it carries; nothing is written', async () => {
    const before = bindings('pci');
    const shares = findPci(0x1af4, 0x1009);
    assert.ok(shares.length > 0);
    for (const share of shares) {
      assert.match(await planner.refusal(`bind ${share} -n`), /^it is in use: the share \w+ is mounted on \//);
      assert.match(await prompt.refusal(`bind ${share}`), /^it is in use: the share \w+ is mounted on \//);
    }
    assert.deepEqual(bindings('pci'), before);
  });
});

it('what was planned was only planned: the first write of a bind ends that process', async () => {
  const before = bindings('pci');
  const { code, stderr } = await planner.last(`bind ${edu}`);
  assert.equal(code, null, stderr);
  assert.deepEqual(bindings('pci'), before);
});
