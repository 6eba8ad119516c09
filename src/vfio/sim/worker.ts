import { parentPort, workerData } from 'node:worker_threads';
import { loadModel, type ModelName } from './catalog.js';
import { VfioUserServer } from './server.js';
import { ENDED, OWNER, type Ownership } from './thread-state.js';

/** What the thread is started with. */
export interface WorkerData {
  readonly model: ModelName;
  /** The server's end of the socket pair. */
  readonly fd: number;
  readonly state: Int32Array;
}

const { model, fd, state } = workerData as WorkerData;

/** Tells the other thread, but only once the callback of the native handle that we may be in has returned and the handle is gone. */
function ended(): void {
  parentPort?.close();
  setImmediate(() => {
    setImmediate(() => {
      Atomics.store(state, ENDED, 1);
      Atomics.notify(state, ENDED);
    });
  });
}

const factory = await loadModel(model);
if (Atomics.compareExchange(state, OWNER, 0 satisfies Ownership, 1 satisfies Ownership) === 0) {
  const server = new VfioUserServer(model, factory, fd, ended);
  parentPort?.on('message', () => server.close());
  // Only the client keeps the thread alive.
  parentPort?.unref();
} else ended();
