import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A write to a file of sysfs in a process of its own: the kernel may hold its writer until a device is closed. */
export class SysfsWrite {
  readonly #path: string;
  readonly #closed: Promise<unknown[]>;
  done = false;

  constructor(path: string, text: string) {
    this.#path = path;
    const shell = spawn('sh', ['-c', 'echo "$0" > "$1"', text, path], { stdio: 'inherit' });
    this.#closed = once(shell, 'close');
    shell.once('close', () => (this.done = true));
  }

  /** Fails where the writer hangs: the kernel waits for a device that was not closed. */
  async succeeded(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new Error(`the writer of ${this.#path} hangs`)), 60_000);
    });
    try {
      assert.deepEqual(await Promise.race([this.#closed, late]), [0, null]);
    } finally {
      clearTimeout(timer);
    }
  }
}
