import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';
import { e1000e, edu } from '../width-plan.js';
import { journalled, proveWidths, seenBetween } from '../width-proof.js';

const EDU = { model: 'edu-mmio', size: 0x100000 };

test('one access is one access, on PCI devices', async (t) => {
  const run = await runGuestTests(t, {
    arch: 'x86_64',
    name: 'widths',
    tests: ['widths-pci'],
    devices: ['-device', 'edu,addr=04.0', '-device', 'e1000e,addr=05.0'],
    trace: true,
  });
  const paths = ['mapped', 'file'] as const;
  await proveWidths(t, run, { name: 'edu', plan: edu, paths, ...EDU });
  await proveWidths(t, run, { name: 'e1000e', plan: e1000e, paths, model: 'e1000e-mmio', size: 0x20000 });

  for (const path of paths) {
    await t.test(`edu, ${path}: waiting reads one place, and the journal holds every read`, async () => {
      const seen = seenBetween(await run.trace(), EDU, `edu wait ${path}`);
      const [last, ...others] = seen.slice(4).toReversed();
      assert.ok(others.length > 0, 'it was read more than once');
      for (const { op, offset, size, value } of others)
        assert.deepEqual([op, offset, size, value & 1n], ['read', 0x98, 8, 1n]);
      assert.deepEqual([last?.op, last?.offset, last?.size, (last?.value ?? 1n) & 1n], ['read', 0x98, 8, 0n]);
      const log = JSON.parse(await readFile(join(run.results, `edu-wait-${path}.jsonl`), 'utf8'));
      assert.equal(journalled(log.rows).length, seen.length);
    });
  }

  await t.test('edu: typing, Tab and help at the prompt make no access', async () => {
    assert.deepEqual(seenBetween(await run.trace(), EDU, 'edu prompt'), []);
  });
});
