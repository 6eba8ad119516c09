import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A new, empty folder beside `path`, named for this process, so that runs side by side do not meet. */
export async function workFolder(path: string): Promise<string> {
  const folder = `${path}.${process.pid}`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  return folder;
}

/** Removes what processes that are gone left in a folder: results of earlier runs, builds that were cut short. */
export async function removeAbandoned(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder)) {
    const owner = /\.(\d+)$/.exec(entry)?.[1];
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    await rm(join(folder, entry), { recursive: true, force: true });
  }
}
