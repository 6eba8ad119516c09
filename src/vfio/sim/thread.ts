import { Worker } from 'node:worker_threads';
import type { ModelName } from './catalog.js';
import { ENDED, OWNER, WORDS, type Ownership } from './thread-state.js';
import type { WorkerData, WorkerMessage } from './worker.js';

/** How long the thread may take to come up, in milliseconds: it takes fifty, and seconds where the machine is very busy. */
const STARTING_MS = 60_000;

/** How long the end of the process waits for a simulator's thread to let go, in milliseconds. It takes one or two. */
const PARTING_MS = 1000;

/**
 * Threads that run. A native poll handle that calls back while its thread is being torn down ends the process with a fatal error, so
 * at exit each of them is asked to close its handles first.
 */
const running = new Set<SimulatorThread>();

process.on('exit', () => {
  for (const thread of running) thread.stop();
  for (const thread of running) Atomics.wait(thread.state, ENDED, 0, PARTING_MS);
});

/** A thread that serves one client of one simulated device. It never keeps the process from ending. */
export class SimulatorThread {
  /** Resolves when the thread is gone; with the error where it failed. `unclaimed`: it never took over the socket it was given. */
  readonly closed: Promise<{ readonly error: Error | undefined; readonly unclaimed: boolean }>;
  /** What both threads see; indices are those of ./thread-state.js. */
  readonly state = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  readonly #worker: Worker;

  /** Starts the thread, which loads what it needs and waits for `serve`. */
  constructor(model: ModelName) {
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: { model, state: this.state } satisfies WorkerData,
      name: `sim:${model}`,
      execArgv: [],
      stdin: false,
      trackUnmanagedFds: false,
    });
    this.#worker.unref();
    running.add(this);
    let error: Error | undefined;
    this.#worker.on('error', (thrown) => {
      error = thrown;
    });
    this.closed = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        running.delete(this);
        const before = Atomics.compareExchange(this.state, OWNER, 0 satisfies Ownership, 2 satisfies Ownership);
        resolve({ error, unclaimed: before === 0 });
      });
    });
  }

  /** Hands over the connected socket of the client; to be called once. */
  serve(fd: number): void {
    this.#worker.postMessage(fd satisfies WorkerMessage);
  }

  /** Waits until the thread has taken the socket over: the time that takes is none in which the device fails to answer. */
  awaitService(): void {
    Atomics.wait(this.state, OWNER, 0 satisfies Ownership, STARTING_MS);
  }

  /** Ends the thread as if the device had been pulled out; safe to call at any time. */
  stop(): void {
    this.#worker.postMessage('stop' satisfies WorkerMessage);
  }
}
