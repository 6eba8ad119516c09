import { userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { VfioError } from './errors.js';

/**
 * The user's home folder: what HOME says, else the system's list of users. Undefined where neither knows one, as of a user that a container
 * made up. Never a folder below the current one, which may be anybody's.
 */
export function homeFolder(
  home = process.env['HOME'],
  listed: () => { readonly homedir: string } = userInfo,
): string | undefined {
  if (home !== undefined && isAbsolute(home)) return home;
  try {
    const { homedir } = listed();
    return isAbsolute(homedir) ? homedir : undefined;
  } catch {
    return undefined;
  }
}

/** `path` with the home folder in place of a ~ that it begins with. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? (homeFolder() ?? '~') + path.slice(1) : path;
}

/** The folder of what is kept for the user. Throws VfioError where there is none. Source: XDG Base Directory Specification. */
export function configurationFolder(): string {
  return baseFolder('XDG_CONFIG_HOME', '.config');
}

/** The folder of what may be deleted any time. Throws VfioError where there is none. Source: XDG Base Directory Specification. */
export function cacheFolder(): string {
  return baseFolder('XDG_CACHE_HOME', '.cache');
}

/** A path in `variable` that is not absolute is to be ignored. */
function baseFolder(variable: 'XDG_CONFIG_HOME' | 'XDG_CACHE_HOME', name: string): string {
  const given = process.env[variable];
  if (given !== undefined && isAbsolute(given)) return join(given, 'vfiodbg');
  const home = homeFolder();
  if (home !== undefined) return join(home, name, 'vfiodbg');
  throw new VfioError({
    kind: 'absent',
    operation: 'find the home folder',
    why: 'neither HOME nor the list of users names one',
    hint: `set HOME or ${variable}`,
  });
}
