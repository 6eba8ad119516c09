import { lstatSync, unlinkSync } from 'node:fs';
import { VfioError, type FailureDetails } from '../errors.js';
import * as libc from '../sys/libc.js';
import { SUN_PATH_SIZE, accept, connect, listen } from '../sys/socket.js';
import { loadModel, modelName } from './catalog.js';
import { Refusal, type ModelFactory } from './model.js';
import { VfioUserServer } from './server.js';

export interface ServeOptions {
  /** Aborting it ends the service. */
  readonly signal: AbortSignal;
  /** Called once the socket is there and takes clients. */
  readonly listening?: () => void;
  /** Called when a client has come or gone. */
  readonly client?: (event: 'connected' | 'disconnected') => void;
}

/** How long a server that owns the socket may take to let us in, in milliseconds, before it counts as alive anyway. */
const PROBE_MS = 200;

/**
 * Serves simulated device `model` on a socket at `path`, one client after the other, each with a device fresh from power-on; others wait in the queue.
 * Resolves after `signal` was aborted, with the socket removed. Rejects with a VfioError for an unknown device, a path that is in use, or
 * one where no socket can be made.
 */
export async function serve(model: string, path: string, options: ServeOptions): Promise<void> {
  const name = modelName(model);
  const factory = await loadModel(name);
  const { signal } = options;
  if (signal.aborted) return;
  const service = new Service(name, factory, path, options);
  try {
    options.listening?.();
    await service.ended;
  } finally {
    service.close();
  }
}

class Service {
  /** Resolves when the signal is aborted, rejects where no client can be let in any more. */
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #factory: ModelFactory;
  readonly #options: ServeOptions;
  readonly #path: string;
  readonly #fd: number;
  readonly #inode: number;
  #ready: libc.Readiness | undefined;
  #server: VfioUserServer | undefined;
  #fail: (error: VfioError) => void = () => undefined;
  readonly #unlink = (): void => this.#removeSocket();

  constructor(name: string, factory: ModelFactory, path: string, options: ServeOptions) {
    this.#name = name;
    this.#factory = factory;
    this.#options = options;
    this.#path = path;
    this.#fd = listenAt(path);
    this.#inode = lstatSync(path).ino;
    libc.setNonBlocking(this.#fd, true);
    process.once('exit', this.#unlink);
    this.ended = new Promise((resolve, reject) => {
      options.signal.addEventListener('abort', () => resolve(), { once: true });
      this.#fail = reject;
    });
    this.#waitForClient();
  }

  close(): void {
    this.#ready?.close();
    this.#ready = undefined;
    const server = this.#server;
    this.#server = undefined;
    server?.close();
    libc.close(this.#fd);
    process.removeListener('exit', this.#unlink);
    this.#removeSocket();
  }

  #waitForClient(): void {
    this.#ready = libc.onReadable(this.#fd, () => this.#accept());
  }

  #accept(): void {
    const accepted = accept(this.#fd);
    if (accepted.errno !== 0) {
      const errno = libc.errnoName(accepted.errno);
      if (errno === 'EAGAIN' || errno === 'ECONNABORTED' || errno === 'EINTR') return;
      this.#fail(refused(this.#path, { kind: 'kernel', why: 'no client can be let in', errno }));
      return;
    }
    this.#ready?.close();
    this.#ready = undefined;
    this.#options.client?.('connected');
    try {
      this.#server = new VfioUserServer(this.#name, this.#factory, accepted.value, () => this.#left());
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#fail(refused(this.#path, { kind: 'limit', why: error.message, errno: libc.errnoName(error.errno) }));
    }
  }

  #left(): void {
    this.#options.client?.('disconnected');
    if (this.#server === undefined) return;
    this.#server = undefined;
    this.#waitForClient();
  }

  /** Only the socket that is ours: somebody may have put another in its place. */
  #removeSocket(): void {
    if (inodeOf(this.#path) === this.#inode) unlinkSync(this.#path);
  }
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}

/** A socket that listens at `path`, in place of one that a dead server left there. */
function listenAt(path: string): number {
  removeStale(path);
  const made = listen(path);
  if (made.errno === 0) return made.value;
  const errno = libc.errnoName(made.errno);
  const hint = { hint: 'choose another --socket' };
  switch (errno) {
    case 'ENAMETOOLONG':
      throw refused(path, {
        kind: 'limit',
        why: `a socket's path has ${SUN_PATH_SIZE - 1} bytes at most`,
        errno,
        ...hint,
      });
    case 'ENOENT':
    case 'ENOTDIR':
      throw refused(path, { kind: 'absent', why: 'the folder does not exist', errno, ...hint });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      throw refused(path, { kind: 'permission', why: 'no file may be made there', errno, ...hint });
    case 'EADDRINUSE':
      throw refused(path, { kind: 'busy', why: 'something is there already', errno, ...hint });
    default:
      throw refused(path, { kind: 'kernel', why: 'no socket can be made there', errno, ...hint });
  }
}

function removeStale(path: string): void {
  let found;
  try {
    found = lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // Whatever keeps us from looking keeps us from listening too, and is told then.
    return;
  }
  if (found === undefined) return;
  const hint = { hint: 'choose another --socket, or remove it first' };
  if (!found.isSocket())
    throw refused(path, { kind: 'busy', why: 'a file that is no socket is there', errno: 'EEXIST', ...hint });
  const probe = connect(path, PROBE_MS);
  if (probe.errno === 0) libc.close(probe.value);
  if (probe.errno === 0 || libc.errnoName(probe.errno) !== 'ECONNREFUSED') {
    throw refused(path, { kind: 'busy', why: 'another server listens there', errno: 'EADDRINUSE', ...hint });
  }
  unlinkSync(path);
}

function refused(path: string, details: Omit<FailureDetails, 'operation'>): VfioError {
  return new VfioError({ operation: `serve on ${path}`, ...details });
}
