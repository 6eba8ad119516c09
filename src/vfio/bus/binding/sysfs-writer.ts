import { constants, type FileHandle, open } from 'node:fs/promises';

/** The only hand that this program lays on sysfs. Tests put a made-up kernel in its place. */
export interface SysfsWriter {
  /** Writes `bytes` to `file` in one write(2). @returns the errno's name where the kernel refuses it. */
  write(file: string, bytes: string): Promise<string | undefined>;
}

/** Errnos that the kernel lets out though no libc names them. Source: include/linux/errno.h. */
const inKernelOnly: ReadonlyMap<number, string> = new Map([
  [-517, 'EPROBE_DEFER'],
  [-524, 'ENOTSUPP'],
]);

/**
 * Writes to the running kernel's sysfs, off the main thread: taking a driver away may last as long as somebody uses the device, and the
 * session must be able to say so and to be interrupted meanwhile.
 */
export const sysfsWriter: SysfsWriter = {
  async write(file, bytes) {
    let handle: FileHandle | undefined;
    try {
      // Never O_CREAT: a file that is missing is to be ENOENT.
      handle = await open(file, constants.O_WRONLY);
      await handle.write(bytes);
      return undefined;
    } catch (error) {
      return errnoOf(error);
    } finally {
      await handle?.close();
    }
  },
};

function errnoOf(error: unknown): string {
  if (!(error instanceof Error && 'code' in error && 'errno' in error)) throw error;
  return inKernelOnly.get(Number(error.errno)) ?? String(error.code);
}
