import { realpathSync } from 'node:fs';

/** The directory that a link or path of sysfs leads to, without links in it; undefined where it is not there. */
export function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
