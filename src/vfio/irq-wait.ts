import { VfioError } from './errors.js';
import type { Irq, IrqEvent } from './irq.js';
import type { IrqVector } from './irq-vector.js';

/** Somebody who waits for signals: looked at after each, failed when the interrupt goes off. */
export interface IrqWaiter {
  look(): void;
  fail(reason: Error): void;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface WaitOptions {
  readonly count?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Takes `count` unclaimed signals from `vectors` together as soon as there are that many. */
export function waitFor(
  irq: Irq,
  vectors: readonly IrqVector[],
  waiters: Set<IrqWaiter>,
  { count = 1, timeoutMs, signal }: WaitOptions,
): Promise<IrqEvent> {
  const wanted = BigInt(count);
  const came = (): bigint => vectors.reduce((sum, vector) => sum + vector.unclaimed, 0n);
  const claim = (): IrqEvent => {
    let left = wanted;
    let software = 0n;
    let last: IrqVector | undefined;
    for (const vector of vectors) {
      const taken = vector.unclaimed < left ? vector.unclaimed : left;
      software += vector.claim(taken);
      left -= taken;
      if (taken > 0n && (last === undefined || (vector.lastNs ?? 0) > (last.lastNs ?? 0))) last = vector;
    }
    return { irq, vector: last?.number ?? 0, count: wanted, software, timeNs: last?.lastNs ?? 0 };
  };
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(timer);
      waiters.delete(waiter);
      signal?.removeEventListener('abort', aborted);
    };
    const waiter: IrqWaiter = {
      look() {
        if (came() < wanted) return;
        end();
        resolve(claim());
      },
      fail(reason) {
        end();
        reject(reason);
      },
    };
    const aborted = (): void => waiter.fail(signal?.reason instanceof Error ? signal.reason : new Error('interrupted'));
    if (signal?.aborted) {
      aborted();
      return;
    }
    waiters.add(waiter);
    signal?.addEventListener('abort', aborted);
    // A longer timer would fire at once: for whom 24 days are not enough, waits without one.
    if (timeoutMs !== undefined && timeoutMs <= LONGEST_TIMER_MS) {
      timer = setTimeout(() => {
        const why = `${came()} of ${wanted} signals came in ${timeoutMs} ms`;
        const hint = `irq stats ${irq.name} shows what has come, regs and config whether the device wants to interrupt`;
        waiter.fail(new VfioError({ kind: 'timeout', operation: `wait for interrupt ${irq.name}`, why, hint }));
      }, timeoutMs);
    }
    waiter.look();
  });
}
