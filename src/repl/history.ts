import { homedir } from 'node:os';
import { join } from 'node:path';

/** The file of the lines typed at the prompt, newest first: readable by its owner alone. */
export function historyPath(): string {
  return join(homedir(), '.vfiodbg_history');
}
