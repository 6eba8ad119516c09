import { realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { holdersOf, holderList, ownerOf } from '../bus/device-node.js';
import { attribute } from '../bus/sysfs.js';
import type { Roots } from '../bus/roots.js';
import { VfioError } from '../errors.js';
import { isModel, modelNames, models } from '../sim/catalog.js';
import { readSnapshot } from '../snapshot/format.js';
import { unreachable } from '../transport/vfio-user-reach.js';
import { type Check, fail, pass, type Scene, skip, warn } from './check.js';

/** Checks of a device that is none of the kernel's. */
function check(name: string, files: readonly string[], examine: (scene: Scene) => ReturnType<Check['examine']>): Check {
  return { name, about: 'device', looksAt: () => files, examine };
}

export function simulatedChecks(model: string): readonly Check[] {
  return [
    check('model', [], () =>
      isModel(model)
        ? pass(models[model])
        : fail({ why: `no simulated device '${model}'; there are ${modelNames.join(', ')}`, hint: 'vfiodbg sim:edu' }),
    ),
  ];
}

export function snapshotChecks(file: string): readonly Check[] {
  return [
    check('file', [file], () => {
      try {
        const { device, taken } = readSnapshot(file);
        return pass(`of ${device.name}, taken ${taken}`);
      } catch (error) {
        if (error instanceof VfioError) return fail(error.details);
        throw error;
      }
    }),
  ];
}

/** The checks of a vfio-user socket. Nobody connects to it: a server may serve one client only, and once. */
export function socketChecks(path: string): readonly Check[] {
  return [
    check('socket', [path], ({ roots }) => {
      const state = fileState(path);
      if (state === 'absent') return fail(refusal(path, 'ENOENT'));
      if (state === 'other') return fail({ why: 'it is no socket', hint: 'name the socket of a vfio-user server' });
      return pass(`${path} (${ownerOf(path, roots)?.owner ?? 'of nobody known'})`);
    }),
    check('rights', [path], ({ mayOpen }) => {
      if (fileState(path) !== 'socket') return skip('there is no socket');
      return mayOpen(path) ? pass('this process may connect') : fail(refusal(path, 'EACCES'));
    }),
    check('server', ['/proc/net/unix', '/proc/*/fd'], ({ roots }) => {
      if (fileState(path) !== 'socket') return skip('there is no socket');
      const sockets = socketsAt(path, roots);
      const listening = sockets.filter((one) => one.listening);
      if (listening.length === 0) {
        const found =
          'no server was seen to listen: it is gone, or has the socket by another name, or is in another network namespace';
        return warn(found, refusal(path, 'ECONNREFUSED').hint);
      }
      const holders = holderList(
        holdersOf(
          listening.map(({ inode }) => `socket:[${inode}]`),
          roots,
        ),
      );
      const clients = sockets.length - listening.length;
      const served = clients === 0 ? '' : `; ${clients} ${clients === 1 ? 'client is' : 'clients are'} connected`;
      return pass(`${holders ?? 'a process that cannot be seen'} listens${served}`);
    }),
  ];
}

/** In the words in which connecting would refuse it. */
function refusal(path: string, errno: string): { why: string; hint?: string } {
  return unreachable(path, errno).details;
}

function fileState(path: string): 'socket' | 'other' | 'absent' {
  try {
    return statSync(path).isSocket() ? 'socket' : 'other';
  } catch {
    return 'absent';
  }
}

interface UnixSocket {
  readonly inode: string;
  readonly listening: boolean;
}

/** Source: net/unix/af_unix.c, unix_seq_show: reference count, protocol, flags, type, state, inode, path. */
const SO_ACCEPTCON = 0x10000;

/** The sockets that are bound to `path`, by the name that the server gave it: of a relative one the end has to fit. */
function socketsAt(path: string, roots: Roots): UnixSocket[] {
  const wanted = realpathSync(path);
  const lines = (attribute(join(roots.proc, 'net/unix')) ?? '').split('\n').slice(1);
  return lines.flatMap((line) => {
    const [, flags = '', inode = '', name = ''] = /^\S+ \S+ \S+ (\S+) \S+ \S+ +(\d+) (.+)$/.exec(line) ?? [];
    const fits =
      name === wanted || (name !== '' && !name.startsWith('/') && wanted.endsWith(`/${name.replace(/^\.\//, '')}`));
    return fits ? [{ inode, listening: (Number.parseInt(flags, 16) & SO_ACCEPTCON) !== 0 }] : [];
  });
}
