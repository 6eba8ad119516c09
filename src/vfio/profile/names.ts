import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { configurationFolder } from '../home.js';
import { shippedProfiles } from './shipped/index.js';

export const profileExtensions = ['.json', '.mjs'] as const;

/** Where the user's own profiles are. Throws VfioError where the user has no home folder. */
function userFolder(): string {
  return join(configurationFolder(), 'profiles');
}

export function isProfileFile(name: string): boolean {
  return profileExtensions.some((extension) => extension === extname(name));
}

/** The files in the user's folder, sorted; none where there is no such folder, as hardly anybody has. */
export function userFiles(): string[] {
  try {
    const folder = userFolder();
    return readdirSync(folder)
      .filter(isProfileFile)
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** The names of the profiles that there are, without looking into any. */
export function profileNames(): readonly string[] {
  const own = userFiles().map((file) => file.slice(file.lastIndexOf('/') + 1, -extname(file).length));
  return [...new Set([...own, ...shippedProfiles.map(({ name }) => name)])];
}
