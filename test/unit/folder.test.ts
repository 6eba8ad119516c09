import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolder } from '../../src/vfio/folder.js';

test('a folder is made with those above it, and one that is there is left as it is', (t) => {
  const base = mkdtempSync(join(tmpdir(), 'vfiodbg-folder-'));
  t.after(() => rmSync(base, { recursive: true }));
  makeFolder(join(base, 'a/b/c'), 0o700);
  for (const each of ['a', 'a/b', 'a/b/c']) assert.equal(statSync(join(base, each)).mode & 0o777, 0o700, each);
  makeFolder(join(base, 'a/b'), 0o755);
  assert.equal(statSync(join(base, 'a/b')).mode & 0o777, 0o700);
  makeFolder(`${base}/d/../e/`, 0o700);
  assert.ok(statSync(join(base, 'e')).isDirectory());
});

test('what cannot be made is refused at once: a folder of /proc, below a file, behind a link that leads nowhere', (t) => {
  const base = mkdtempSync(join(tmpdir(), 'vfiodbg-folder-'));
  t.after(() => rmSync(base, { recursive: true }));
  writeFileSync(join(base, 'file'), '');
  symlinkSync(join(base, 'nowhere/at/all'), join(base, 'link'));
  for (const [path, code] of [
    ['/proc/nowhere', 'ENOENT'],
    ['/proc/nowhere/deep', 'ENOENT'],
    [join(base, 'file/below'), 'ENOTDIR'],
    [join(base, 'link'), 'EEXIST'],
  ] as const) {
    assert.throws(
      () => makeFolder(path, 0o700),
      (error) => error instanceof Error && 'code' in error && error.code === code,
      path,
    );
  }
});
