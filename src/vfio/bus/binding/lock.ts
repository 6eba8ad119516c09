import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { VfioError } from '../../errors.js';
import { tryLock } from '../../sys/flock.js';
import { errnoName } from '../../sys/libc.js';
import type { BindingMachine, Requester } from './machine.js';
import { makeStateFolder, stateError } from './state-folder.js';

/** How often a lock that somebody has is tried again, in milliseconds. */
const INTERVAL = 50;

/** How long another run may take to finish, in milliseconds. */
const PATIENCE = 10_000;

/** Runs `body` while nobody else changes bindings. Rejects with VfioError of kind 'busy' where another run does not come to its end. */
export async function withLock<T>({ state }: BindingMachine, requester: Requester, body: () => Promise<T>): Promise<T> {
  const lock = await BindingLock.take(state, {
    patience: PATIENCE,
    signal: requester.signal,
    waiting: (holder) => requester.progress(`another vfiodbg ${holder}is binding devices; waiting for it`),
  });
  try {
    return await body();
  } finally {
    lock.release();
  }
}

export interface LockWait {
  /** How long to wait for somebody else to finish, in milliseconds. */
  readonly patience: number;
  readonly signal: AbortSignal;
  /** Is told who has it, now and then. */
  waiting(holder: string): void;
}

/** Held while bindings are changed: by one process at a time, and no longer than that process lives. */
export class BindingLock {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Takes the lock of a state folder. Throws VfioError of kind 'busy' that names its holder where it does not come free in time. */
  static async take(folder: string, wait: LockWait): Promise<BindingLock> {
    makeStateFolder(folder);
    const path = join(folder, 'lock');
    let fd: number;
    try {
      fd = openSync(path, 'a+', 0o644);
    } catch (error) {
      throw stateError('open', path, error);
    }
    try {
      await BindingLock.#waitFor(fd, path, wait);
      ftruncateSync(fd);
      writeSync(fd, `${process.pid}\n`);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new BindingLock(fd);
  }

  static async #waitFor(fd: number, path: string, wait: LockWait): Promise<void> {
    const end = performance.now() + wait.patience;
    for (;;) {
      wait.signal.throwIfAborted();
      const { errno } = tryLock(fd);
      if (errno === 0) return;
      const holder = holderOf(path);
      if (errnoName(errno) !== 'EAGAIN') {
        throw new VfioError({
          kind: 'kernel',
          operation: `lock ${path}`,
          errno: errnoName(errno),
          why: 'the system refuses it',
        });
      }
      if (performance.now() >= end) {
        throw new VfioError({
          kind: 'busy',
          operation: 'bind devices',
          why: `another vfiodbg ${holder}is binding or releasing devices, and does not come to an end`,
          hint: 'try again when it has; the lock ends with that process',
        });
      }
      wait.waiting(holder);
      await sleep(INTERVAL);
    }
  }

  release(): void {
    closeSync(this.#fd);
  }
}

/** '(process 4711) ', as the holder wrote it down; empty where it has not yet. */
function holderOf(path: string): string {
  try {
    const pid = readFileSync(path, 'utf8').trim();
    return /^\d+$/.test(pid) ? `(process ${pid}) ` : '';
  } catch {
    return '';
  }
}
