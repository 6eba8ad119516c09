import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { FakeMachine } from './fake-machine.js';
import { KeptOutput } from './session-fixture.js';

async function shown(line: string): Promise<string> {
  const output = new KeptOutput();
  await new Session(new Registry(commandModules), output).execute(line, { prefixes: false });
  return output.take();
}

test('filters are buses and parts of what is shown, and all of them have to fit', async () => {
  assert.match(await shown('devices sim EDU'), /^device .*\nsim:edu .*\n$/);
  assert.match(await shown('devices sim "real time"'), /^device .*\nsim:pl031 .*\n$/);
  assert.equal(await shown('devices sim dma'), 'no device that is sim and dma\n');
  assert.equal(await shown('devices no-such-thing'), 'no device that is no-such-thing\n');
});

test('devices of every bus are found by bus, ids, compatible, driver, DMA and what is in the way', async (t) => {
  const machine = new FakeMachine();
  t.after(() => machine.remove());
  machine
    .pciIds('8086  Intel Corporation\n\t10d3  82574L Gigabit Network Connection\n')
    .file('dev', 'vfio/vfio')
    .device({ name: '0000:01:00.0', pci: [0x8086, 0x10d3, 0x020000], driver: 'e1000e', group: '7' })
    .device({ name: '0000:02:00.0', pci: [0x1b36, 0x0010, 0x010802], driver: 'vfio-pci', group: '8', vfioDev: 'vfio0' })
    .device({ bus: 'platform', name: 'fe101300.dma', compatible: ['acme,dma2', 'acme,dma'], group: '9' })
    .device({ bus: 'amba', name: '9010000.pl031', compatible: ['arm,pl031', 'arm,primecell'], driver: 'rtc-pl031' })
    .device({ bus: 'fsl-mc', name: 'dpni.3', files: { modalias: 'fsl-mc:v00001957ddpni\n' }, group: '10' })
    .device({ bus: 'cdx', name: 'cdx-00:01', pci: [0x10ee, 0x8084, 0], group: '11' });
  const names = async (line: string): Promise<string[]> => {
    const output = new KeptOutput();
    const session = new Session(new Registry(commandModules), output);
    session.roots = machine.roots;
    await session.execute(line, { prefixes: false });
    return output
      .take()
      .split('\n')
      .slice(1, -1)
      .map((row) => row.split(' ')[0] ?? '');
  };
  assert.deepEqual(await names('devices pci'), ['0000:01:00.0', '0000:02:00.0']);
  assert.deepEqual(await names('devices platform'), ['fe101300.dma']);
  assert.deepEqual(await names('devices amba'), ['9010000.pl031']);
  assert.deepEqual(await names('devices fsl-mc'), ['dpni.3']);
  assert.deepEqual(await names('devices cdx'), ['cdx-00:01']);
  assert.deepEqual(await names('devices dma pci'), ['0000:01:00.0', '0000:02:00.0']);
  assert.ok(!(await names('devices dma')).includes('9010000.pl031'));
  assert.deepEqual(await names('devices 8086:10D3'), ['0000:01:00.0'], 'though the table shows its name');
  assert.deepEqual(await names('devices 10ee:8084'), ['cdx-00:01']);
  assert.deepEqual(await names('devices acme,dma'), ['fe101300.dma'], 'not only what it is called first');
  assert.deepEqual(await names('devices arm,primecell'), ['9010000.pl031']);
  assert.deepEqual(await names('devices e1000e'), ['0000:01:00.0']);
  assert.deepEqual(await names('devices platform sim'), []);
});
