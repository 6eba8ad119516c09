import { spawn } from 'node:child_process';

/** What became of loading a module. */
export interface ModuleLoad {
  /** 'modprobe vfio-pci' */
  readonly command: string;
  readonly done: boolean;
  /** What modprobe said, or why it could not be run. */
  readonly said: string;
}

/** Where modprobe is for users whose PATH is without the folders of root's programs. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`;
/** A module whose start takes longer than this is not waited for; milliseconds. */
const PATIENCE = 60_000;
const MOST_SAID = 500;

/** Runs modprobe, without a shell. */
export function modprobe(module: string): Promise<ModuleLoad> {
  const command = `modprobe ${module}`;
  return new Promise((resolve) => {
    const child = spawn('modprobe', [module], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH },
      timeout: PATIENCE,
    });
    let said = '';
    const hear = (text: string): void => {
      said = (said + text).slice(0, MOST_SAID);
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    child.once('error', (error) => {
      const missing = 'code' in error && error.code === 'ENOENT';
      resolve({ command, done: false, said: missing ? 'there is no modprobe on this machine' : error.message });
    });
    child.once('close', (code, signal) => {
      const ended = signal === null ? `exit code ${String(code)}` : `ended by ${signal}`;
      resolve({ command, done: code === 0, said: said.trim() || (code === 0 ? '' : ended) });
    });
  });
}
