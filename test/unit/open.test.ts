import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { deviceKey } from '../../src/vfio/open.js';
import { KeptOutput } from './session-fixture.js';

test('every way to write one DEVICE has the same key, and two devices have two', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-open-'));
  try {
    const file = join(folder, 'x.sock');
    writeFileSync(file, '');
    symlinkSync(file, join(folder, 'link'));
    for (const same of [
      ['0000:01:00.0', '01:00.0', '1:0.0'],
      ['0000:AB:00.0', 'ab:0.0'],
      ['FE101300.dma', 'fe101300.dma'],
      [
        file,
        `unix:${file}`,
        relative('.', file),
        join(folder, 'link'),
        `${folder}/../${folder.split('/').at(-1)}/x.sock`,
      ],
      ['/nowhere/x.sock', 'unix:/nowhere/./x.sock'],
      [`snapshot:${file}`, `snapshot:${relative('.', file)}`],
    ]) {
      assert.equal(new Set(same.map(deviceKey)).size, 1, same.join());
    }
    const different = ['sim:edu', 'sim:sram', '01:00.0', '0001:01:00.0', file, `snapshot:${file}`, 'x.sock'];
    assert.equal(new Set(different.map(deviceKey)).size, different.length);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a device that is open is turned to, and closed, by any of its names', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-open-'));
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  t.after(() => {
    session.closeAll();
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'edu.json');
  const run = async (line: string): Promise<void> => session.execute(line, { prefixes: false });
  await run(`open sim:edu; snapshot ${file} config; open snapshot:${file}; open sim:edu`);
  const other = `snapshot:${relative('.', file)}`;
  await run(`open ${other}`);
  assert.deepEqual(
    session.devices.map(({ name }) => name),
    ['sim:edu', `snapshot:${file}`],
  );
  assert.equal(session.device?.name, `snapshot:${file}`);
  await run(`close ${other}`);
  assert.deepEqual(
    session.devices.map(({ name }) => name),
    ['sim:edu'],
  );
  await assert.rejects(run(`close ${other}`), /it is not open/);
});
