import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDevice } from '../../src/vfio/open.js';

test('the reason of a block that is refused is looked for once, not for each cell', async () => {
  using device = await openDevice('sim:sram');
  device.region('config').write16(4, 0);
  const before = device.journal.recorded;
  const { faults } = device.region(0).readBlock({ offset: 0, width: 32, count: 1000 });
  assert.deepEqual(
    faults.map(({ index, count }) => [index, count]),
    [[0, 1000]],
  );
  assert.match(faults[0]?.error.message ?? '', /memory decode is off/);
  const noted = [...device.journal.entries(before)].map(({ kind }) => kind);
  assert.deepEqual(noted, ['read', 'read', 'read', 'read-block']);
});
