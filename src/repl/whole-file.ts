import { randomBytes } from 'node:crypto';
import { constants, rmSync } from 'node:fs';
import { access, type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { VfioError } from '../vfio/errors.js';
import { fileError } from './file-error.js';
import { refuseLoss } from './kept-file.js';

const { O_CREAT, O_EXCL, O_NONBLOCK, O_WRONLY, W_OK } = constants;

/**
 * A file under way: it appears under its name only when all of it is there, in place of the one that was there. What is no plain file (a
 * pipe, /dev/null) is written to as it is: a file in its place would take the device away from everybody.
 */
export class WholeFile {
  readonly path: string;
  readonly #handle: FileHandle;
  /** Where it is until it is whole, and where it goes then. */
  readonly #move: { readonly from: string; readonly to: string } | undefined;
  readonly #replaces: boolean;
  readonly #signal: AbortSignal | undefined;
  /** Where the process ends with the command, nobody comes back to discard what is there. */
  readonly #aborted = (): void => {
    if (this.#move) rmSync(this.#move.from, { force: true });
  };

  private constructor(
    path: string,
    handle: FileHandle,
    { replaces, signal }: { readonly replaces: boolean; readonly signal?: AbortSignal | undefined },
    move?: { readonly from: string; readonly to: string },
  ) {
    this.path = path;
    this.#handle = handle;
    this.#replaces = replaces;
    this.#signal = signal;
    this.#move = move;
    if (signal?.aborted === true) this.#aborted();
    signal?.addEventListener('abort', this.#aborted, { once: true });
  }

  /**
   * Rejects with VfioError where nothing can be written there (a pipe that nobody reads is such a place), and where a file would be lost that
   * is not to be replaced. `signal` ends the command that writes it, and takes away at once what is there.
   */
  static async create(path: string, replaces: boolean, signal?: AbortSignal): Promise<WholeFile> {
    try {
      refuseLoss(path, replaces);
      const there = await stat(path).catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (there === undefined || there.isFile()) {
        // Behind a symbolic link it is the file that is replaced, and not the link.
        const to = there === undefined ? path : await realpath(path);
        if (there !== undefined) await access(to, W_OK);
        const from = `${to}.${randomBytes(4).toString('hex')}.part`;
        const handle = await open(from, O_WRONLY | O_CREAT | O_EXCL, there === undefined ? 0o666 : there.mode & 0o777);
        return new WholeFile(path, handle, { replaces, signal }, { from, to });
      }
      // Without a reader the open of a pipe would wait for ever, in a thread that keeps the process from ending.
      if (there.isFIFO()) await (await open(path, O_WRONLY | O_NONBLOCK)).close();
      return new WholeFile(path, await open(path, O_WRONLY), { replaces, signal });
    } catch (error) {
      if (error instanceof VfioError) throw error;
      throw fileError('write', path, error);
    }
  }

  async write(data: string | Uint8Array): Promise<void> {
    await this.#handle.writeFile(data).catch((error: unknown) => {
      throw fileError('write', this.path, error);
    });
  }

  /**
   * All of it is there: on the disk, too, as what is done next may hang the machine. Rejects with the reason of `signal` where that came first.
   */
  async commit(): Promise<void> {
    try {
      if (this.#move) await this.#handle.sync();
      await this.#handle.close();
    } catch (error) {
      throw fileError('write', this.path, error);
    }
    this.#signal?.throwIfAborted();
    this.#signal?.removeEventListener('abort', this.#aborted);
    try {
      if (this.#move === undefined) return;
      // Somebody else may have written it in the meantime.
      refuseLoss(this.#move.to, this.#replaces);
      await rename(this.#move.from, this.#move.to);
    } catch (error) {
      if (error instanceof VfioError) throw error;
      throw fileError('write', this.path, error);
    }
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    if (this.#move) await rm(this.#move.from, { force: true });
    this.#signal?.removeEventListener('abort', this.#aborted);
  }
}
