import { spawn } from 'node:child_process';
import { accessSync, constants, createWriteStream } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Something the lab needs is missing or failed. Its message is for the person at the terminal. */
export class LabError extends Error {
  override readonly name = 'LabError';
}

export interface CommandOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** Everything that the command prints goes to this file as well. */
  log?: string;
}

const SHOWN_ON_FAILURE = 2000;

/** Runs a command to its end and gives its standard output. A failure is a LabError with the end of what it printed. */
export async function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, LC_ALL: 'C', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = options.log === undefined ? undefined : createWriteStream(options.log);
  let stdout = '';
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      if (stream === child.stdout && log === undefined) stdout += text;
      tail = (tail + text).slice(-SHOWN_ON_FAILURE);
      log?.write(text);
    });
  }
  try {
    const ended = await new Promise<string | undefined>((done, fail) => {
      child.once('error', fail);
      child.once('close', (code, signal) => done(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
    });
    if (ended === undefined) return stdout;
    const where = options.log === undefined ? '' : ` (all of it: ${options.log})`;
    throw new LabError(`${command} ${args.join(' ')}\nended with ${ended}${where}:\n${tail.trimEnd()}`);
  } catch (error) {
    if (error instanceof LabError) throw error;
    throw new LabError(`${command} could not be started: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    log?.end();
  }
}

/** The file that PATH gives for a command (the folders of the superuser's commands included), if any. */
export function findCommand(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder: the next one may have it.
    }
  }
  return undefined;
}
