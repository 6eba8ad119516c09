import { Refusal, type Host } from '../../src/vfio/sim/model.js';

interface Timer {
  readonly at: number;
  readonly expired: () => void;
}

/** A world for a model in which time passes only by `advance`, and everything that the model does is noted. */
export class FakeHost implements Host {
  readonly signals: string[] = [];
  readonly levels = new Map<number, boolean>();
  readonly enabledIrqs = new Set<number>();
  /** Client memory by address; what is not in it is not mapped. */
  readonly memory = new Map<bigint, number>();
  time = 1_700_000_000_000;
  #timers: Timer[] = [];

  signal(index: number, vector: number): void {
    this.signals.push(`${index}:${vector}`);
  }

  setLevel(index: number, asserted: boolean): void {
    this.levels.set(index, asserted);
  }

  enabled(index: number): boolean {
    return this.enabledIrqs.has(index);
  }

  map(iova: bigint, bytes: Uint8Array): void {
    for (const [i, byte] of bytes.entries()) this.memory.set(iova + BigInt(i), byte);
  }

  async dmaRead(iova: bigint, length: number): Promise<Uint8Array> {
    return Uint8Array.from({ length }, (_, i) => {
      const byte = this.memory.get(iova + BigInt(i));
      if (byte === undefined) throw new Refusal(14, 'not mapped');
      return byte;
    });
  }

  async dmaWrite(iova: bigint, bytes: Uint8Array): Promise<void> {
    for (const i of bytes.keys()) if (!this.memory.has(iova + BigInt(i))) throw new Refusal(14, 'not mapped');
    this.map(iova, bytes);
  }

  setTimer(ms: number, expired: () => void): () => void {
    const timer = { at: this.time + ms, expired };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }

  now(): number {
    return this.time;
  }

  /** Lets `ms` milliseconds pass, with all timers that are due, and the promises they leave. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.time = Math.max(this.time, next.at);
      next.expired();
      for (let i = 0; i < 10; i++) await Promise.resolve();
    }
    this.time = end;
  }

  /** As a device does on reset. */
  cancelTimers(): void {
    this.#timers = [];
  }
}
