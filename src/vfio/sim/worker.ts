import { parentPort, workerData } from 'node:worker_threads';
import { loadModel, type ModelName } from './catalog.js';
import { VfioUserServer } from './server.js';

/** What the thread is started with. */
export interface WorkerData {
  readonly model: ModelName;
  /** The server's end of the socket pair. */
  readonly fd: number;
  /** One word: 0 while the fd belongs to the thread that made it, 1 once it is this thread's. */
  readonly owner: Int32Array;
}

const { model, fd, owner } = workerData as WorkerData;
const factory = await loadModel(model);
if (Atomics.compareExchange(owner, 0, 0, 1) === 0) {
  const server = new VfioUserServer(model, factory, fd, () => parentPort?.close());
  parentPort?.on('message', () => server.close());
  // Only the client keeps the thread alive.
  parentPort?.unref();
}
