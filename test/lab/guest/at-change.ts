import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Surroundings } from './tool.js';

/** Where bind keeps what it did: the guest's /var is read only. */
export const STATE = '/run/vfiodbg';

/** Which change, of which files, counted from 0. */
export interface Moment {
  /** Writes to sysfs alone; or all changes, those of bind's own folder too. */
  readonly of: 'sysfs' | 'all';
  readonly nth: number;
}

/**
 * What happens at a moment, before the change or right behind it: the process is killed, or stopped (SIGSTOP), or somebody else writes to a file
 * of sysfs. Or it is killed with half of the change made, where that is a line of a file.
 */
export type Event =
  | { readonly what: 'tear' }
  | { readonly what: 'kill' | 'stop'; readonly when: 'before' | 'behind' }
  | { readonly what: 'interfere'; readonly when: 'before' | 'behind'; readonly file: string; readonly bytes: string };

/** Has something happen to a process of the tool at a moment: it preloads this file, and knows of nothing. */
export function at(moment: Moment, event: Event): Surroundings {
  return {
    node: ['--import', fileURLToPath(import.meta.url)],
    env: { VFIODBG_LAB_AT: JSON.stringify({ ...moment, ...event }) },
  };
}

const asked = process.env['VFIODBG_LAB_AT'];
if (asked !== undefined) intercept(JSON.parse(asked) as Moment & Event);

function intercept(order: Moment & Event): void {
  const { closeSync, openSync, renameSync, rmSync, writeSync } = fs;
  const { open } = fs.promises;
  const ours = new Set<number>();
  let left = order.nth;

  const isNow = (kind: Moment['of']): boolean => (order.of === 'all' || kind === 'sysfs') && left-- === 0;
  const meet = (when: 'before' | 'behind'): void => {
    if (order.what === 'tear' ? when !== 'before' : order.when !== when) return;
    if (order.what === 'interfere') {
      const fd = openSync(order.file, 'w');
      writeSync(fd, order.bytes);
      closeSync(fd);
    } else process.kill(process.pid, order.what === 'stop' ? 'SIGSTOP' : 'SIGKILL');
  };
  const own = <T>(change: () => T, tear: () => void = () => undefined): T => {
    const now = isNow('all');
    if (now && order.what === 'tear') tear();
    if (now) meet('before');
    const result = change();
    if (now) meet('behind');
    return result;
  };

  Object.assign(fs.promises, {
    async open(path: string, flags: number) {
      const handle = await open(path, flags);
      if (!path.startsWith('/sys/') || (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR)) === 0) return handle;
      const write = handle.write.bind(handle);
      return Object.assign(handle, {
        async write(bytes: string) {
          const now = isNow('sysfs');
          if (now) meet('before');
          try {
            return await write(bytes);
          } finally {
            if (now) meet('behind');
          }
        },
      });
    },
  });
  Object.assign(fs, {
    openSync(path: string, flags: string, mode?: number) {
      if (!path.startsWith(STATE) || flags === 'r') return openSync(path, flags, mode);
      const fd = flags === 'w' ? own(() => openSync(path, flags, mode)) : openSync(path, flags, mode);
      ours.add(fd);
      return fd;
    },
    closeSync(fd: number) {
      ours.delete(fd);
      closeSync(fd);
    },
    writeSync(fd: number, bytes: Uint8Array, from?: number) {
      if (!ours.has(fd)) return writeSync(fd, bytes, from);
      return own(
        () => writeSync(fd, bytes, from),
        () => writeSync(fd, bytes, 0, bytes.length >> 1),
      );
    },
    renameSync(from: string, to: string) {
      if (!from.startsWith(STATE)) return renameSync(from, to);
      return own(() => renameSync(from, to));
    },
    rmSync(path: string, options?: fs.RmOptions) {
      if (!path.startsWith(STATE)) return rmSync(path, options);
      return own(() => rmSync(path, options));
    },
  });
  syncBuiltinESMExports();
}
