import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { VfioError } from '../../src/vfio/errors.js';
import { nearbyFiles } from '../../src/vfio/nearby-files.js';
import { sramBench } from './session-fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-nearby-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'scripts'));
for (const name of ['edu-bringup.vfio', 'edu-dma.vfio', '.edu-hidden.vfio', 'board\u001b[2J.vfio'])
  writeFileSync(join(folder, 'scripts', name), '');

test('a file that is not there is met with those that are spelled like it', () => {
  const at = (path: string): string => `${folder}/${path}`;
  const meant = `did you mean ${at('scripts/edu-bringup.vfio')}?`;
  assert.equal(nearbyFiles(at('scripts/edu-bringup')), meant, 'the extension is missing');
  assert.equal(nearbyFiles(at('scripts/edu-bringpu.vfio')), meant);
  assert.equal(nearbyFiles(at('script/edu-bringup.vfio')), meant, 'the folder is wrong');
  assert.equal(nearbyFiles(at('script/edu-bringpu.vfio')), meant, 'both are wrong');
  assert.equal(
    nearbyFiles(at('scripts/edu')),
    `did you mean ${at('scripts/edu-bringup.vfio')} or ${at('scripts/edu-dma.vfio')}?`,
  );
  assert.equal(nearbyFiles('./package.jsn'), 'did you mean ./package.json?', 'as it was written');
  assert.equal(nearbyFiles('package.jsn'), 'did you mean package.json?');
  for (const path of [
    '',
    '/',
    at('scripts/nothing-like-it'),
    at('none/of/these/is/there'),
    `${folder}/a\0b`,
    'x/'.repeat(5000),
  ])
    assert.equal(nearbyFiles(path), undefined, path.slice(0, 100));
});

test('every command that reads a file proposes those that are there', async (t) => {
  const { run, session } = await sramBench(t);
  for (const line of [
    'run scripts/sram-memtes.vfio',
    'source scripts/sram-memtest',
    'load scripts/sram-memtest region0 0x8000',
    'regs load scripts/sram-memtest',
    'diff scripts/sram-memtest',
    'dma map scripts/sram-memtest',
    'dt --dtb scripts/sram-memtest',
    'run scripts/edu-dma.vfio --compare scripts/sram-memtest',
    'iommu verify --tables scripts/sram-memtest',
    'open snapshot:scripts/sram-memtest',
    'open ./scripts/sram-memtest',
  ]) {
    await assert.rejects(run(line), (error: unknown) => {
      assert.ok(error instanceof VfioError, `${line}: ${String(error)}`);
      assert.match(error.details.hint ?? '', /^did you mean \S*scripts\/sram-memtest\.vfio\?$/, line);
      return true;
    });
  }
  await assert.rejects(run('run mem-test'), ({ details: { hint } }: VfioError) => {
    assert.equal(hint, 'profile sram has a script "memtest": run it by that name');
    return true;
  });
  await assert.rejects(run(`run ${folder}/sram-memtest.vfio`), ({ details: { hint } }: VfioError) => {
    assert.equal(hint, 'profile sram has a script "memtest": run it by that name', 'the file that ships with the tool');
    return true;
  });
  assert.equal(session.device?.name, 'sim:sram');
});
