import { VfioError } from '../errors.js';
import { close, errnoName } from '../sys/libc.js';
import { socketpair } from '../sys/socket.js';
import { modelName } from './catalog.js';
import { SimulatorThread } from './thread.js';

export interface Simulator {
  /** The client's end of the connection, for VfioUserTransport.fromFd; it is the caller's to close, and closing it ends the simulator. */
  readonly fd: number;
  /** Resolves when the simulator is gone; with the error where it failed. */
  readonly closed: Promise<Error | undefined>;
  /** Waits until its thread is up; what is sent before waits in the socket, and its time runs. */
  awaitService(): void;
  /** Ends the simulator as if the device had been pulled out; safe to call at any time. */
  stop(): void;
}

/**
 * Starts a simulated device in a thread of its own (or in `thread`, which has been started for it). It is usable at once: what is sent before
 * the thread is up waits in the socket. Throws a VfioError for a device that is not in the catalog or where there are no descriptors left.
 */
export function startSimulator(name: string, thread?: SimulatorThread): Simulator {
  const model = modelName(name);
  const { fds, errno } = socketpair();
  if (errno !== 0) {
    thread?.stop();
    throw new VfioError({
      kind: errnoName(errno) === 'EMFILE' ? 'limit' : 'kernel',
      operation: `open sim:${name}`,
      why: 'no socket pair could be made',
      errno: errnoName(errno),
    });
  }
  const [fd, serverFd] = fds;
  const server = thread ?? new SimulatorThread(model);
  server.serve(serverFd);
  return {
    fd,
    closed: server.closed.then(({ error, unclaimed }) => {
      if (unclaimed) close(serverFd);
      return error;
    }),
    awaitService: () => server.awaitService(),
    stop: () => server.stop(),
  };
}
