import { parentPort, workerData } from 'node:worker_threads';
import { loadModel, type ModelName } from './catalog.js';
import { ENDED, OWNER, type Ownership } from './thread-state.js';

/** What the thread is started with. */
export interface WorkerData {
  readonly model: ModelName;
  readonly state: Int32Array;
}

/** What it is told: the server's end of the client's socket, or to end. */
export type WorkerMessage = number | 'stop';

const { model, state } = workerData as WorkerData;

const [factory, { VfioUserServer }] = await Promise.all([loadModel(model), import('./server.js')]);

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

let stop = ended;

parentPort?.on('message', (message: WorkerMessage) => {
  if (message === 'stop') stop();
  else if (Atomics.compareExchange(state, OWNER, 0 satisfies Ownership, 1 satisfies Ownership) === 0) {
    Atomics.notify(state, OWNER);
    const server = new VfioUserServer(model, factory, message, ended);
    stop = () => server.close();
    // From here on only the client keeps the thread alive.
    parentPort?.unref();
  }
});
