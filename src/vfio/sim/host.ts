import { Worker } from 'node:worker_threads';
import { VfioError } from '../errors.js';
import { close, errnoName } from '../sys/libc.js';
import { socketpair } from '../sys/socket.js';
import { modelName } from './catalog.js';
import { ENDED, OWNER, WORDS, type Ownership } from './thread-state.js';
import type { WorkerData } from './worker.js';

export interface Simulator {
  /** The client's end of the connection, for VfioUserTransport.fromFd; it is the caller's to close, and closing it ends the simulator. */
  readonly fd: number;
  /** Resolves when the simulator is gone; with the error where it failed. */
  readonly closed: Promise<Error | undefined>;
  /** Ends the simulator as if the device had been pulled out; safe to call at any time. */
  stop(): void;
}

/** How long the end of the process waits for a simulator's thread to let go, in milliseconds. It takes one or two. */
const PARTING_MS = 1000;

/**
 * Threads that run. A native poll handle that calls back while its thread is being torn down ends the process with a fatal error, so
 * at exit each of them is asked to close its handles first.
 */
const running = new Map<Worker, Int32Array>();

process.on('exit', () => {
  for (const worker of running.keys()) worker.postMessage('stop');
  for (const state of running.values()) Atomics.wait(state, ENDED, 0, PARTING_MS);
});

/**
 * Starts a simulated device in a thread of its own, which never keeps the process from ending. It is usable at once: what is sent before
 * the thread is up waits in the socket. Throws a VfioError for a device that is not in the catalog or where there are no descriptors left.
 */
export function startSimulator(name: string): Simulator {
  const model = modelName(name);
  const { fds, errno } = socketpair();
  if (errno !== 0) {
    throw new VfioError({
      kind: errnoName(errno) === 'EMFILE' ? 'limit' : 'kernel',
      operation: `open sim:${name}`,
      why: 'no socket pair could be made',
      errno: errnoName(errno),
    });
  }
  const [fd, serverFd] = fds;
  const state = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: { model, fd: serverFd, state } satisfies WorkerData,
    name: `sim:${name}`,
    execArgv: [],
    stdin: false,
    trackUnmanagedFds: false,
  });
  worker.unref();
  running.set(worker, state);
  let failure: Error | undefined;
  worker.on('error', (error) => {
    failure = error;
  });
  const closed = new Promise<Error | undefined>((resolve) => {
    worker.on('exit', () => {
      running.delete(worker);
      if (Atomics.compareExchange(state, OWNER, 0 satisfies Ownership, 2 satisfies Ownership) === 0) close(serverFd);
      resolve(failure);
    });
  });
  return { fd, closed, stop: () => worker.postMessage('stop') };
}
