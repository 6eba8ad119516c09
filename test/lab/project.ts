import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that `tsc` wrote this build to: dist, or another one given with --outDir. */
export const buildFolder = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** The checkout: the nearest folder above the build that holds this package's package.json. */
export const checkout = findCheckout(buildFolder);

/** Files of the lab that are not TypeScript (kernel configurations, the guest's init) lie beside their sources. */
export const labSources = join(checkout, 'test/lab');

/** What the lab downloads and builds. Ignored by git; may be removed at any time. */
export const cacheFolder = join(checkout, '.lab');

/** The compiled file of a test that runs inside a guest, by its name: `devices` is test/lab/guest/devices.guest.ts. */
export function guestTest(name: string): string {
  const file = join(buildFolder, 'test/lab/guest', `${name}.guest.js`);
  if (!existsSync(file)) throw new Error(`no guest test '${name}': ${file} does not exist`);
  return file;
}

function findCheckout(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && readFileSync(manifest, 'utf8').includes('"name": "vfiodbg"')) return folder;
    if (folder === dirname(folder)) throw new Error(`no checkout of vfiodbg above ${start}`);
  }
}
