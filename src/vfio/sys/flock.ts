import koffi from 'koffi';
import type { Result } from './libc.js';

const c = { flock: koffi.load(null).func('int flock(int fd, int operation)') };

/** Source: asm-generic/fcntl.h. */
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * flock(2), exclusive and without waiting: EAGAIN where somebody else has it. The lock belongs to the open file: it ends with its last
 * descriptor, however the process ends.
 */
export function tryLock(fd: number): Result {
  const value = c.flock(fd, LOCK_EX | LOCK_NB) as number;
  return value < 0 ? { value, errno: koffi.errno() } : { value, errno: 0 };
}
