import { join } from 'node:path';
import { homeFolder } from '../vfio/home.js';

/** The file of the lines typed at the prompt, newest first: readable by its owner alone. Undefined where nobody knows the home folder. */
export function historyPath(): string | undefined {
  const home = homeFolder();
  return home === undefined ? undefined : join(home, '.vfiodbg_history');
}
