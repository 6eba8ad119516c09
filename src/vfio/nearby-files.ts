import { type Dirent, opendirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { nearest } from './nearest.js';

/** Names of a folder that are looked at, and files that are proposed, at the most. */
const MOST_NAMES = 4096;
const MOST_PROPOSED = 3;
/** Folders of a path that may be wrong, counted from its end. */
const DEEPEST = 8;

/** 'did you mean scripts/edu.vfio?', of files that are there, where `path` is not; undefined where none is near. Opens none of them. */
export function nearbyFiles(path: string): string | undefined {
  const near = proposed(path, DEEPEST).slice(0, MOST_PROPOSED);
  return near.length === 0 ? undefined : `did you mean ${near.join(' or ')}?`;
}

/** Paths that are there, spelled like `path`: in its folder, or in one of those that are spelled like its folder. */
function proposed(path: string, depth: number): readonly string[] {
  const folder = dirname(path);
  const name = basename(path);
  if (name === '' || depth === 0) return [];
  const here = namesIn(folder);
  if (here !== undefined) return nearest(name, here).map((near) => besides(path, folder, near));
  return proposed(folder, depth - 1).flatMap((other) => {
    const names = namesIn(other) ?? [];
    return (names.includes(name) ? [name] : nearest(name, names)).map((near) => join(other, near));
  });
}

/** `near` in `folder`, written as `path` is: join would take the ./ of a path away. */
function besides(path: string, folder: string, near: string): string {
  return folder === '.' && !path.startsWith('.') ? near : `${folder}${folder.endsWith('/') ? '' : '/'}${near}`;
}

/** The names in a folder, hidden ones left out; undefined where it cannot be listed. */
function namesIn(folder: string): readonly string[] | undefined {
  try {
    const listing = opendirSync(folder);
    try {
      const names: string[] = [];
      let entry: Dirent | null;
      while (names.length < MOST_NAMES && (entry = listing.readSync()) !== null) {
        if (!entry.name.startsWith('.')) names.push(entry.name);
      }
      return names;
    } finally {
      listing.closeSync();
    }
  } catch {
    return undefined;
  }
}
