import assert from 'node:assert/strict';
import { readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';

/** Source: include/uapi/linux/inotify.h. */
const IN_ATTRIB = 0x4;
const IN_CLOSE_WRITE = 0x8;
const IN_Q_OVERFLOW = 0x4000;
const IN_NONBLOCK = 0o4000;
const EVENT_BYTES = 16;

const libc = koffi.load('libc.so.6');
const init = libc.func('int inotify_init1(int flags)') as (flags: number) => number;
const add = libc.func('int inotify_add_watch(int fd, const char *path, uint32_t mask)') as (
  fd: number,
  path: string,
  mask: number,
) => number;

/**
 * Sees every file of sysfs that any process has had open for writing, whether it wrote or not and whatever became of it, and every change of a
 * file's owner or mode. What the kernel itself notifies of is no such thing.
 */
export class SysfsWatch {
  readonly #fd = init(IN_NONBLOCK);
  readonly #folders = new Map<number, string>();

  constructor() {
    assert.ok(this.#fd >= 0, 'inotify');
    this.#watch('/sys');
    // What has been found is all there is: 9p, debugfs and the like are other file systems.
    assert.ok(this.#folders.size > 500, `${this.#folders.size} folders`);
  }

  #watch(folder: string): void {
    if (folder === '/sys/kernel/debug' || folder === '/sys/kernel/tracing') return;
    const wd = add(this.#fd, folder, IN_CLOSE_WRITE | IN_ATTRIB);
    if (wd >= 0) this.#folders.set(wd, folder);
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) this.#watch(join(folder, entry.name));
    }
  }

  /** The files since it was last asked, in the order in which they were closed. */
  changed(): string[] {
    const files: string[] = [];
    const buffer = Buffer.alloc(65536);
    for (;;) {
      let size: number;
      try {
        size = readSync(this.#fd, buffer);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return files;
        throw error;
      }
      for (let at = 0; at < size; at += EVENT_BYTES + buffer.readUInt32LE(at + 12)) {
        const [wd, mask, length] = [buffer.readInt32LE(at), buffer.readUInt32LE(at + 4), buffer.readUInt32LE(at + 12)];
        assert.equal(mask & IN_Q_OVERFLOW, 0, 'events were lost');
        const name = buffer.toString('utf8', at + EVENT_BYTES, at + EVENT_BYTES + length).replace(/\0+$/, '');
        if ((mask & (IN_CLOSE_WRITE | IN_ATTRIB)) !== 0) files.push(join(this.#folders.get(wd) ?? '?', name));
      }
    }
  }
}
