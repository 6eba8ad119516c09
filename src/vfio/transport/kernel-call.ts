import { type Meaning, VfioError } from '../errors.js';
import { close, errnoName, type Result } from '../sys/libc.js';

/** The kernel refused `operation` on `device` with `errno`. */
export function refused(operation: string, device: string, errno: number, meaning: Meaning): VfioError {
  return new VfioError({ operation, device, errno: errnoName(errno), ...meaning });
}

/** The value of a call that went well; else throws what `explain` makes of the errno's name. */
export function checked(
  operation: string,
  device: string,
  result: Result,
  explain: (errno: string) => Meaning,
): number {
  if (result.errno === 0) return result.value;
  throw refused(operation, device, result.errno, explain(errnoName(result.errno)));
}

/** The words for an errno that nothing special is known about. */
export function plainMeaning(errno: string): Meaning {
  if (gone(errno)) return { kind: 'lost', why: 'the device is gone', hint: 'see `devices`, then open it again' };
  return { kind: 'kernel', why: 'the kernel refused it', hint: 'the end of `dmesg` may tell more' };
}

/** Whether an errno says that the device is not there any more. */
export function gone(errno: string): boolean {
  return errno === 'ENODEV' || errno === 'ENXIO';
}

/** File descriptors that are closed together, the last opened first: what a half-done open leaves behind, or a device's close. */
export class FdSet {
  #fds: number[] = [];

  add(fd: number): number {
    this.#fds.push(fd);
    return fd;
  }

  close(): void {
    for (const fd of this.#fds.toReversed()) close(fd);
    this.#fds = [];
  }
}
