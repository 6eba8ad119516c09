import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VfioError } from '../../src/vfio/errors.js';
import { openDevice } from '../../src/vfio/open.js';
import { RegisterSet } from '../../src/vfio/registers/register-set.js';

function isBusy(error: unknown): boolean {
  return error instanceof VfioError && error.kind === 'busy';
}

test('a region goes by the names that it is given, until they are taken back', async () => {
  using device = await openDevice('sim:sram', { profile: 'none' });
  const [memory, bank] = device.regions;
  assert.ok(memory !== undefined && bank !== undefined);
  const take = device.nameRegion(memory, 'ram');
  device.nameRegion(memory, 'bar0')();
  assert.equal(device.findSpace('ram'), memory);
  assert.equal(device.region('ram'), memory);
  assert.deepEqual(memory.aliases, ['bar0', 'ram']);
  assert.throws(() => device.nameRegion(bank, 'ram'), isBusy);
  assert.throws(() => device.nameRegion(bank, 'config'), isBusy);
  take();
  assert.equal(device.findSpace('ram'), undefined);
  assert.deepEqual(memory.aliases, ['bar0']);
  assert.equal(device.findSpace('bar0'), memory);
});

test('an interrupt goes by the names that it is given, until they are taken back', async () => {
  using device = await openDevice('sim:pl031', { profile: 'none' });
  const irq = device.irqs.find(0);
  const take = device.irqs.nameIrq(irq, 'alarm');
  assert.equal(device.irqs.find('alarm'), irq);
  assert.equal(irq.name, 'irq0');
  take();
  assert.deepEqual(irq.names, ['irq0']);
  using edu = await openDevice('sim:edu');
  assert.throws(() => edu.irqs.nameIrq(edu.irqs.intx, 'msi'), isBusy);
});

test('cautions go as they came', () => {
  const set = new RegisterSet();
  const take = set.addCautions([{ space: 'region0', start: 4, end: 8, reason: 'popping the FIFO' }]);
  assert.equal(set.cautionsIn('region0', 0, 5).length, 1);
  take();
  assert.equal(set.cautionsIn('region0', 0, 5).length, 0);
});
