import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { at } from './at-change.js';
import { bindings, forgetId, records } from './bindings.js';
import { devicePath, findPci } from './bind.js';
import { Prompt } from './prompt.js';

const [edu = '', twin = '', inGroup = ''] = findPci(0x1234, 0x11e8);
const [neighbour = ''] = findPci(0x1b36, 0x0002);
const [port = ''] = findPci(0x1b36, 0x0003);
const atFirst = bindings('pci');
const vfio = 'vfio-pci by override vfio-pci';

const prompt = new Prompt();
after(() => prompt[Symbol.dispose]());

/** Everything is as it was when this file began, and nothing is kept. */
function asAtFirst(): void {
  assert.deepEqual(bindings('pci'), atFirst);
  assert.deepEqual(records(), []);
}

function remove(device: string): void {
  writeFileSync(`/sys/bus/pci/devices/${device}/remove`, '1');
}

function rescan(): void {
  writeFileSync('/sys/bus/pci/rescan', '1');
}

/** A process that has the lock and stands still before its second write to sysfs: it has begun to bind `port`. */
async function standing(): Promise<Prompt> {
  const first = new Prompt(at({ of: 'sysfs', nth: 1 }, { what: 'stop', when: 'before' }));
  first.tool.type(`bind ${port}`);
  while (bindings('pci')[port] === atFirst[port]) await sleep(50);
  return first;
}

describe('two runs at once', () => {
  it('on the same device: the second waits, and finds it bound', async () => {
    using first = await standing();
    const second = prompt.answer(`bind ${port}`);
    await sleep(500);
    assert.equal(bindings('pci')[port], 'serial by override vfio-pci');
    first.tool.signal('SIGCONT');
    assert.match(await second, /bound like that already/);
    assert.match(await first.answer('log device'), /bind/);
    assert.deepEqual(bindings('pci'), { ...atFirst, [port]: vfio });
    await prompt.json(`release ${port}`);
    asAtFirst();
  });

  it('on two devices: one behind the other, and both are bound', async () => {
    using first = await standing();
    const second = prompt.json(`bind ${edu}`);
    await sleep(500);
    assert.equal(bindings('pci')[edu], 'none');
    first.tool.signal('SIGCONT');
    await second;
    assert.deepEqual(bindings('pci'), { ...atFirst, [port]: vfio, [edu]: vfio });
    await Promise.all([first.json(`release ${edu}`), prompt.json(`release ${port}`)]);
    asAtFirst();
  });

  it('where the first does not come to its end: who has it; and when it is killed: what it has left', async () => {
    using first = await standing();
    const { pid } = first.tool;
    assert.match(
      await prompt.refusal(`bind ${edu}`),
      new RegExp(`^another vfiodbg \\(process ${pid}\\) is binding or releasing devices, and does not come to an end`),
    );
    first.tool.signal('SIGKILL');
    await first.tool.left();
    assert.match(
      await prompt.refusal(`bind ${edu}`),
      new RegExp(`process ${pid}\\) that was to bind ${port} was ended`),
    );
    assert.match(await prompt.refusal(`release ${edu}`), /was ended half way/);
    assert.match(
      await prompt.answer('bind --recover -n'),
      /this would be done, as root:\n {2}echo > .*driver_override/,
    );
    await prompt.json('bind --recover');
    asAtFirst();
  });

  it('many, binding and releasing the same two: each is done or refused with a reason, and all can be taken back', async () => {
    using other = new Prompt();
    using third = new Prompt();
    const lines = [`bind ${port}`, `release ${port}`, `bind ${edu}`, `release ${edu}`];
    const round = async (one: Prompt, turn: number): Promise<void> => {
      for (const nth of lines.keys()) {
        const line = lines[(nth + turn) % lines.length] ?? '';
        const said = await one.answer(line);
        assert.match(
          said + one.tool.stderr,
          /bound to|without a driver|already|nothing to release|no record|EBUSY|busy/,
          line,
        );
      }
    };
    await Promise.all([round(prompt, 0), round(other, 1), round(third, 2)]);
    for (const one of [other, third]) assert.doesNotMatch(one.tool.stderr, /internal|stack|bug/i);
    for (const device of [port, edu]) {
      assert.match(bindings('pci')[device] ?? '', new RegExp(`^(${atFirst[device]}|${vfio})$`));
      await prompt.json(`release ${device}`);
    }
    asAtFirst();
  });

  it('somebody who knows nothing of the lock: it is noticed, and undone', async () => {
    // The override is cleared behind the unbinding, and then the device is taken away again behind the binding.
    for (const [nth, when, file, bytes, why] of [
      [
        2,
        'before',
        `${devicePath('pci', port)}/driver_override`,
        '\n',
        /the driver does not want this device.*rolled back/,
      ],
      [
        2,
        'behind',
        '/sys/bus/pci/drivers/vfio-pci/unbind',
        port,
        /the kernel took `echo .*`, and yet the device is without a driver/,
      ],
    ] as const) {
      using tool = new Prompt(at({ of: 'sysfs', nth }, { what: 'interfere', when, file, bytes }));
      assert.match(await tool.refusal(`bind ${port}`), why);
      asAtFirst();
    }
  });
});

describe('a driver whose probe fails', () => {
  for (const [device, driver] of [
    [edu, 'serial'],
    [port, 'virtio-pci'],
  ] as const) {
    it(`${driver} for ${device} (${atFirst[device]}): what the kernel said, and the device is where it was`, async () => {
      const why = await prompt.refusal(`bind ${device} --driver ${driver}`);
      assert.match(why, /^the driver does not want this device: `echo .*\/bind`/);
      const back = atFirst[device] === 'none' ? 'without a driver' : `bound to ${atFirst[device]}`;
      assert.ok(why.endsWith(`rolled back: ${device} is ${back}, as before`), why);
      assert.match(prompt.tool.stderr, new RegExp(`error: bind ${device}: ENODEV\n`));
      asAtFirst();
    });
  }

  it('a driver that there is none of: said before anything is taken away', async () => {
    assert.match(
      await prompt.refusal(`bind ${port} --driver no-such`),
      /there is no driver no-such on the pci bus, and `modprobe no-such`/,
    );
    asAtFirst();
  });
});

describe('a device that is removed half way', () => {
  for (const nth of [0, 1, 2]) {
    for (const when of ['before', 'behind'] as const) {
      it(`${when} write ${nth}: said so, nothing is kept; after a rescan it can be used`, async () => {
        const file = `${devicePath('pci', port)}/remove`;
        using tool = new Prompt(at({ of: 'sysfs', nth }, { what: 'interfere', when, file, bytes: '1' }));
        const why = await tool.refusal(`bind ${port}`);
        assert.match(why, /^the device vanished half way: it was unplugged or removed.*; rolled back: .* is gone$/);
        assert.equal(existsSync(`/sys/bus/pci/devices/${port}`), false);
        assert.deepEqual(records(), []);
        assert.match(await prompt.answer('bind --recover'), /nothing to recover/);
        rescan();
        asAtFirst();
        await prompt.json(`bind ${port}`);
        await prompt.answer(`open ${port}`);
        assert.match(await prompt.answer('peek.w config 2'), /0x0003/);
        await prompt.answer(`close ${port}`);
        await prompt.json(`release ${port}`);
        asAtFirst();
      });
    }
  }

  it('one of a group: the other is put back', async () => {
    const file = `${devicePath('pci', neighbour)}/remove`;
    using tool = new Prompt(at({ of: 'sysfs', nth: 3 }, { what: 'interfere', when: 'behind', file, bytes: '1' }));
    const why = await tool.refusal(`bind ${inGroup} --whole-group`);
    assert.match(why, new RegExp(`vanished half way.*${inGroup} is without a driver, as before; ${neighbour} is gone`));
    rescan();
    asAtFirst();
  });

  it('bound, removed and found again: it is another one, of which nothing is known', async () => {
    await prompt.json(`bind ${port}`);
    remove(port);
    assert.match(await prompt.refusal(`release ${port}`), /there is no such device/);
    rescan();
    assert.equal(bindings('pci')[port], 'serial');
    await prompt.json(`bind ${port}`);
    await prompt.json(`release ${port}`);
    asAtFirst();
  });
});

describe('new_id', () => {
  const ids = '1234 11e8 1af4 1100';

  it('takes one device; neither its twins nor what comes later is grabbed', async () => {
    const printed = await prompt.answer(`bind ${edu} --method new_id`);
    assert.match(
      printed,
      new RegExp(`${twin} has the same ids and no driver: vfio-pci takes it too, and it is taken from it again`),
    );
    assert.deepEqual(bindings('pci'), { ...atFirst, [edu]: 'vfio-pci' });
    await prompt.answer(`open ${edu}`);
    assert.match(await prompt.answer('peek region0 0'), /0x010000ed/);
    await prompt.answer(`close ${edu}`);
    remove(twin);
    rescan();
    assert.deepEqual(bindings('pci'), { ...atFirst, [edu]: 'vfio-pci' });
    await prompt.json(`release ${edu}`);
    asAtFirst();
    for (const device of [edu, twin]) remove(device);
    rescan();
    asAtFirst();
    assert.equal(forgetId('vfio-pci', ids), 'ENODEV');
  });

  it('an id that the driver knew before stays known', async () => {
    const newId = '/sys/bus/pci/drivers/vfio-pci/new_id';
    writeFileSync(newId, ids);
    assert.equal(bindings('pci')[edu], 'vfio-pci');
    for (const device of [edu, twin, inGroup]) writeFileSync('/sys/bus/pci/drivers/vfio-pci/unbind', device);
    await prompt.json(`bind ${edu} --method new_id`);
    assert.deepEqual(bindings('pci'), { ...atFirst, [edu]: 'vfio-pci' });
    await prompt.json(`release ${edu}`);
    asAtFirst();
    assert.equal(forgetId('vfio-pci', ids), undefined);
    assert.equal(forgetId('vfio-pci', ids), 'ENODEV');
  });
});
