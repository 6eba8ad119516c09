import { counted } from './counted.js';
import { VfioError } from './errors.js';
import type { IrqHost } from './irq-host.js';
import { type IrqWaiter, waitFor } from './irq-wait.js';
import { IrqVector, noSuchVector } from './irq-vector.js';
import { monotonicNs } from './journal.js';
import { Resample } from './resample.js';
import { close as closeFd, errnoName, eventfd } from './sys/libc.js';
import type { Storm } from './sys/pump-source.js';
import type { IrqAction, IrqData, IrqInfo } from './transport/transport.js';

/** One or more signals of one vector that were taken in one go. */
export interface IrqEvent {
  readonly irq: Irq;
  readonly vector: number;
  readonly count: bigint;
  /** Of those, signals that VFIO's software loopback made: not the device. */
  readonly software: bigint;
  /** CLOCK_MONOTONIC nanoseconds, taken by the pump thread before it read the counter. */
  readonly timeNs: number;
}

export type IrqState = 'off' | 'armed' | 'masked' | 'pending';

/**
 * A signal this soon after an unmask, and without an access to the device in between that could have released the level and raised it anew,
 * means that it was never released. This many in a row end automatic re-arming.
 */
const REFIRE_NS = 50e6;
const REFIRES = 16;

/**
 * One interrupt index of a device: enabled, masked and triggered by VFIO_DEVICE_SET_IRQS, its signals counted by the pump thread.
 * Disposing of it disables it.
 */
export class Irq {
  readonly index: number;
  readonly info: IrqInfo;
  /** The name first, other names (a device tree's) behind it. */
  readonly names: string[];
  readonly #host: IrqHost;
  #vectors: IrqVector[] = [];
  /** The dry runs that have it enabled. */
  #foreseenIn: object | undefined;
  #rearm: 'manual' | 'auto' = 'manual';
  #resample: Resample | undefined;
  readonly #waiters = new Set<IrqWaiter>();

  constructor(host: IrqHost, info: IrqInfo, name: string) {
    this.#host = host;
    this.index = info.index;
    this.info = info;
    this.names = [name];
  }

  get name(): string {
    return this.names[0] ?? `irq${this.index}`;
  }

  /** The vectors that are enabled: none where it is off. */
  get vectors(): readonly IrqVector[] {
    return this.#vectors;
  }

  get enabled(): boolean {
    return this.#vectors.length > 0;
  }

  /** 'msi[2]', or 'intx' where there is one vector only. */
  label(vector: number): string {
    return this.info.count > 1 || this.#vectors.length > 1 ? `${this.name}[${vector}]` : this.name;
  }

  /** 'pending' is an automasked interrupt that has fired and waits for unmask; 'masked' was masked by the user or the storm guard. */
  state(vector = 0): IrqState {
    const one = this.#vectors[vector];
    if (!one) return 'off';
    if (one.masked === 'no') return 'armed';
    return one.masked === 'fired' ? 'pending' : 'masked';
  }

  /** Whether an automasked interrupt is unmasked by itself after each signal. */
  get rearm(): 'manual' | 'auto' {
    return this.#rearm;
  }

  set rearm(mode: 'manual' | 'auto') {
    if (mode === 'auto' && !this.info.automasked) {
      throw this.#error(
        'unsupported',
        'rearm',
        'it is not masked by itself when it fires, so there is nothing to re-arm',
      );
    }
    const fired = mode === 'auto' ? this.#vectors.filter(({ masked }) => masked === 'fired') : [];
    if (mode === this.#rearm && fired.length === 0) return;
    if (!this.#host.gate.admit('irq', `re-arm ${this.name}: ${mode}`)) return;
    this.#rearm = mode;
    this.#host.journal.note('irq-control', `${this.name}: re-arming is ${mode}`);
    this.#resampleAsAsked();
    for (const vector of fired) this.#unmaskOne(vector);
  }

  /** Ends automatic re-arming without being asked to: whatever the session allows, and whatever VFIO still answers. */
  #endRearming(): void {
    this.#rearm = 'manual';
    try {
      this.#resampleAsAsked();
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
    }
  }

  /** Whether re-arming is one write to an eventfd, which VFIO then acts upon. */
  get resamples(): boolean {
    return this.#resample !== undefined;
  }

  #resampleAsAsked(): void {
    if (this.#rearm === 'auto' && this.enabled) this.#resample ??= Resample.install(this.#host.transport, this.index);
    else {
      const resample = this.#resample;
      this.#resample = undefined;
      resample?.remove();
    }
  }

  /**
   * Gives the first `vectors` vectors (all by default) an eventfd each and enables the interrupt.
   * Throws VfioError that says what to do first where a rival is enabled, the number is out of range, or VFIO cannot grow it.
   */
  enable(vectors = this.info.count): void {
    const now = this.#vectors.length;
    if (!Number.isInteger(vectors) || vectors < 1 || vectors > this.info.count) {
      throw this.#error(
        'unsupported',
        'enable',
        `it has ${counted(this.info.count, 'vector')}, not ${vectors}`,
        `irq enable ${this.name} ${this.info.count}`,
      );
    }
    if (vectors === now) return;
    const [rival] = this.#host.rivals(this);
    if (rival) {
      throw this.#error(
        'busy',
        'enable',
        `${rival.name} is enabled, and a PCI device has one kind of interrupt at a time`,
        `irq disable ${rival.name}`,
      );
    }
    if (now > 0 && this.info.noResize) {
      throw this.#error(
        'unsupported',
        'enable',
        `VFIO cannot go from ${now} to ${vectors} vectors while it is enabled`,
        `irq disable ${this.name}; irq enable ${this.name} ${vectors}`,
      );
    }
    if (!this.#host.gate.admit('irq', `enable ${this.name}, ${counted(vectors, 'vector')}`)) {
      this.#foreseenIn = this.#host.gate.rehearsal;
      return;
    }
    if (now > vectors) this.disable();
    const added = this.#makeVectors(this.#vectors.length, vectors);
    const first = this.#vectors.length;
    try {
      // Only the new ones: those that are live keep what they have.
      this.#set('trigger', this.#vectors.length, added.length, { type: 'eventfds', fds: added.map(({ fd }) => fd) });
    } catch (error) {
      this.#drop(added);
      throw error;
    }
    this.#vectors.push(...added);
    this.#resampleAsAsked();
    this.#host.journal.note(
      'irq-control',
      `${this.name}: enabled ${first === 0 ? '' : `${first}..`}${vectors} of ${this.info.count} vectors`,
    );
  }

  /** Tears every vector down. Nothing happens where it is off. */
  disable(): void {
    if (this.#vectors.length === 0 && !this.#foreseen) return;
    this.#foreseenIn = undefined;
    if (!this.#host.gate.admit('irq', `disable ${this.name}`)) return;
    try {
      this.#set('trigger', 0, 0, { type: 'none' });
    } finally {
      this.release();
      this.#host.journal.note('irq-control', `${this.name}: disabled`);
    }
  }

  /** Forgets the vectors without telling the device: for one that is gone. */
  release(): void {
    const vectors = this.#vectors;
    this.#vectors = [];
    this.#resample?.forget();
    this.#resample = undefined;
    this.#drop(vectors);
    const { lost } = this.#host.gate;
    const reason =
      lost === undefined
        ? this.#error('lost', 'wait for', 'it was disabled', `irq enable ${this.name}`)
        : new VfioError({ ...lost, operation: `wait for interrupt ${this.name}` });
    for (const waiter of this.#waiters) waiter.fail(reason);
  }

  /** Masks one vector, or all. Refused where VFIO cannot mask it. */
  mask(vector?: number): void {
    this.#needsMask('mask');
    for (const one of this.#chosen(vector, 'mask')) {
      if (!this.#host.gate.admit('irq', `mask ${this.label(one.number)}`)) continue;
      this.#set('mask', one.number, 1, { type: 'none' });
      // The pump is still deaf to what a storm silenced.
      if (one.masked !== 'storm') one.masked = 'user';
      this.#host.journal.note('irq-control', `${this.label(one.number)}: masked`);
    }
  }

  /** Unmasks one vector, or all; also re-arms those that the storm guard has silenced. */
  unmask(vector?: number): void {
    const chosen = this.#chosen(vector, 'unmask');
    if (!chosen.some(({ masked }) => masked === 'storm')) this.#needsMask('unmask');
    for (const one of chosen) {
      if (this.#host.gate.admit('irq', `unmask ${this.label(one.number)}`)) this.#unmaskOne(one);
    }
  }

  #unmaskOne(one: IrqVector, automatic = false): void {
    const storm = one.masked === 'storm';
    one.unmaskedNs = monotonicNs();
    if (!automatic) {
      one.refires = 0;
      this.#host.journal.note('irq-control', `${this.label(one.number)}: unmasked`);
    }
    one.unmaskedAt = this.#host.journal.recorded;
    if (storm) {
      this.#host.pump().rearm(one.source);
      if (!this.info.maskable) this.#set('trigger', one.number, 1, { type: 'eventfds', fds: [one.fd] });
    }
    if (automatic && this.#resample) this.#resample.signal();
    else if (this.info.maskable) this.#set('unmask', one.number, 1, { type: 'none' });
    one.masked = 'no';
  }

  /** Unmasks a vector that has fired, as was asked for once and for all; a refusal ends that. */
  #rearmOne(one: IrqVector): void {
    try {
      this.#unmaskOne(one, true);
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      this.#endRearming();
      this.#host.report(`${this.label(one.number)} could not be re-armed and stays masked: ${error.message}`);
    }
  }

  /**
   * VFIO's software loopback: signals the eventfd without the device. Refused where VFIO would drop it: vfio-platform's loopback runs the
   * handler, which does nothing while the line is masked. Source: vfio_platform_irq.c, vfio_automasked_irq_handler().
   */
  trigger(vector = 0): void {
    const [one] = this.#chosen(vector, 'trigger');
    if (one && !this.#host.isPci && this.info.automasked && (one.masked !== 'no' || one.triggered.length > 0)) {
      const why = 'it is masked, and VFIO drops what software triggers then';
      throw this.#error('unsupported', 'trigger', why, `irq unmask ${this.name}`);
    }
    if (!one || !this.#host.gate.admit('irq', `trigger ${this.label(vector)} by software`)) return;
    one.triggered.push(monotonicNs());
    this.#host.journal.note('irq-control', `${this.label(vector)}: triggered by software, not by the device`);
    try {
      this.#set('trigger', vector, 1, { type: 'bool', values: [true] });
    } catch (error) {
      one.triggered.pop();
      throw error;
    }
  }

  /**
   * Resolves when `count` signals (1 by default) of the vector (any by default) have come that no earlier wait has taken: also
   * those that came before the call. Rejects with VfioError 'timeout', or with the signal's reason when it aborts.
   */
  async wait(
    options: { vector?: number; count?: number; timeoutMs?: number; signal?: AbortSignal; fresh?: boolean } = {},
  ): Promise<IrqEvent> {
    const chosen = this.#chosen(options.vector, 'wait for');
    const pump = this.#host.pump();
    pump.drain();
    if (options.fresh) for (const vector of chosen) vector.claim(vector.unclaimed);
    const release = pump.hold();
    try {
      return await waitFor(this, chosen, this.#waiters, options);
    } finally {
      release();
    }
  }

  [Symbol.dispose](): void {
    this.disable();
  }

  #makeVectors(from: number, to: number): IrqVector[] {
    const pump = this.#host.pump();
    const made: IrqVector[] = [];
    try {
      for (let number = from; number < to; number += 1) {
        const fd = eventfd();
        if (fd.errno !== 0)
          throw this.#error('limit', 'enable', `no eventfd: ${errnoName(fd.errno)}`, 'raise the limit with ulimit -n');
        const vector = new IrqVector(number, fd.value);
        made.push(vector);
        vector.source = pump.add(
          fd.value,
          {
            signalled: (timeNs, count) => this.#signalled(vector, timeNs, count),
            stormed: (storm) => this.#stormed(vector, storm),
            failed: (errno) => this.#host.report(`${this.label(number)}: its eventfd cannot be read: ${errno}`),
          },
          { guard: this.#host.guard },
        );
      }
    } catch (error) {
      this.#drop(made);
      throw error;
    }
    return made;
  }

  #drop(vectors: readonly IrqVector[]): void {
    for (const { source, fd } of vectors) {
      // A pump that has failed is told as well: it must not look at the number of an fd that is another file's by then.
      if (source >= 0) this.#host.pump().remove(source);
      closeFd(fd);
    }
  }

  #signalled(vector: IrqVector, timeNs: number, count: bigint): void {
    const software = vector.take(timeNs, count);
    // vfio-pci's loopback signals the eventfd only; vfio-platform's runs the handler, which masks.
    const fired = software < count || !this.#host.isPci;
    if (this.info.automasked && fired && vector.masked === 'no') vector.masked = 'fired';
    const { number } = vector;
    const { journal } = this.#host;
    vector.signaller ??= journal.registerSignaller({ irq: this.name, vector: number, label: this.label(number) });
    journal.signalled(vector.signaller, count, software, timeNs);
    this.#host.signalled({ irq: this, vector: vector.number, count, software, timeNs });
    for (const waiter of this.#waiters) waiter.look();
    if (vector.masked === 'fired') this.#refired(vector, timeNs, software < count);
  }

  /** A level that the device asserts right after its unmask: tells, or re-arms where that was asked for. */
  #refired(vector: IrqVector, timeNs: number, byDevice: boolean): void {
    // What comes to light while it is being disabled counts, and there is nothing left to re-arm.
    if (this.#vectors[vector.number] !== vector) return;
    const label = this.label(vector.number);
    const unmasked = vector.unmaskedNs;
    vector.unmaskedNs = undefined;
    const soon = byDevice && unmasked !== undefined && timeNs - unmasked < REFIRE_NS;
    const again = soon && !this.#touchedSince(vector.unmaskedAt);
    vector.refires = again ? vector.refires + 1 : 0;
    const advice = `it is masked again; acknowledge it in the device, then irq unmask ${this.name}`;
    if (this.#rearm === 'auto' && vector.refires < REFIRES) this.#rearmOne(vector);
    else if (this.#rearm === 'auto') {
      this.#endRearming();
      this.#host.report(
        `${label} was still asserted after ${REFIRES} unmasks in a row: ${advice}, and irq rearm ${this.name} auto`,
      );
    } else if (vector.refires === 1) {
      this.#host.report(`${label} is still asserted after unmask: ${advice}`);
    }
  }

  /** Whether the device was accessed from that entry of the journal on: its interrupt may then be a new one. */
  #touchedSince(sequence: number): boolean {
    for (const { kind } of this.#host.journal.entries(sequence)) {
      if (kind === 'write' || kind === 'write-block' || kind === 'read' || kind === 'read-block') return true;
    }
    return false;
  }

  #stormed(vector: IrqVector, storm: Storm): void {
    vector.masked = 'storm';
    this.#endRearming();
    const silence: [IrqAction, IrqData] = this.info.maskable
      ? ['mask', { type: 'none' }]
      : ['trigger', { type: 'eventfds', fds: [-1] }];
    try {
      this.#set(silence[0], vector.number, 1, silence[1]);
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
    }
    const label = this.label(vector.number);
    const rate = `${storm.signals} signals in ${Math.max(1, Math.round(storm.spanNs / 1e6))} ms`;
    this.#host.report(
      `interrupt storm: ${label} came ${rate} and is masked; irq unmask ${this.name}${this.info.count > 1 ? ` ${vector.number}` : ''} re-arms it`,
    );
  }

  /** A dry run has it enabled, and nothing else has. */
  get #foreseen(): boolean {
    const { planning, rehearsal } = this.#host.gate;
    return planning && rehearsal !== undefined && this.#foreseenIn === rehearsal;
  }

  /** The vectors that are meant; none, with `action` noted, of an interrupt that only a dry run has enabled. */
  #chosen(vector: number | undefined, action: string): readonly IrqVector[] {
    if (this.#vectors.length === 0 && this.#foreseen) {
      this.#host.gate.admit('irq', `${action} ${this.label(vector ?? 0)}`);
      return [];
    }
    if (this.#vectors.length === 0) throw this.#error('unsupported', 'use', 'it is off', `irq enable ${this.name}`);
    if (vector === undefined) return this.#vectors;
    const one = this.#vectors[vector];
    if (one) return [one];
    const { why, hint } = noSuchVector(this.name, vector, this.#vectors.length, this.info.count);
    throw this.#error('absent', 'use', why, hint);
  }

  #needsMask(operation: string): void {
    if (this.info.maskable) return;
    throw this.#error(
      'unsupported',
      operation,
      'VFIO cannot mask it (no maskable flag)',
      `irq disable ${this.name} silences it`,
    );
  }

  #set(action: IrqAction, start: number, count: number, data: IrqData): void {
    this.#host.transport.setIrqs(this.index, action, start, count, data);
  }

  #error(kind: VfioError['kind'], operation: string, why: string, hint?: string): VfioError {
    return new VfioError({
      kind,
      operation: `${operation} interrupt ${this.name}`,
      device: this.#host.name,
      why,
      ...(hint !== undefined && { hint }),
    });
  }
}
