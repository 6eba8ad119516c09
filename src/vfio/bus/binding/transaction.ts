import { VfioError } from '../../errors.js';
import { bindingOf, type BindingState, type Place } from './binding-state.js';
import { KernelWords } from './kernel-words.js';
import type { BindingMachine, Requester } from './machine.js';
import { mismatch, refusedStep, vanished } from './step-failure.js';
import { stepCommand, type Step } from './step.js';
import { transition } from './transition.js';
import type { Change, UnfinishedJournal } from './unfinished.js';

/** The kernel is given this long before it is said that it takes its time; milliseconds. */
const SLOW = 1000;

/** Where leading devices somewhere has got to. */
export interface Arrival {
  readonly device: Place;
  /** How it is bound now; undefined where it is not there any more. */
  readonly now: BindingState | undefined;
  /** Steps that were made. */
  readonly steps: number;
  /** Why it is not where it was to be. */
  readonly failure?: VfioError;
}

/** Makes steps, each written down before it is made and looked at behind it. */
export class Transaction implements Disposable {
  readonly #machine: BindingMachine;
  readonly #requester: Requester;
  readonly #journal: UnfinishedJournal;
  readonly #words: KernelWords;
  readonly #goal: string;
  /** What new_id answered: whether the driver knew the id before. */
  #idKnown: boolean | undefined;
  #idRemoved = false;

  constructor(machine: BindingMachine, requester: Requester, journal: UnfinishedJournal, goal: string) {
    this.#machine = machine;
    this.#requester = requester;
    this.#journal = journal;
    this.#goal = goal;
    this.#words = new KernelWords(machine.roots);
  }

  [Symbol.dispose](): void {
    this.#words[Symbol.dispose]();
  }

  /** Makes one step. Throws VfioError where the kernel refuses it, or where the device is not as it must be afterwards. */
  async make(step: Step): Promise<void> {
    const { roots } = this.#machine;
    const before = bindingOf(step.device, roots);
    if (before === undefined && step.when === 'taken') return;
    if (before === undefined) throw vanished(this.#goal, step.device);
    if (!this.#applies(step, before)) return;
    this.#journal.intend(step);
    this.#words.skip();
    const errno = await this.#write(step);
    this.#journal.did(errno);
    if (step.action === 'new_id') this.#idKnown = errno === 'EEXIST';
    if (step.action === 'remove_id') this.#idRemoved = true;
    const now = bindingOf(step.device, roots);
    if (now === undefined) throw vanished(this.#goal, step.device);
    if (errno !== undefined) {
      if (isHarmless(step, errno)) return;
      throw refusedStep(this.#goal, step, errno, this.#words.about(subjectsOf(step)), roots);
    }
    if (!fits(step, now)) throw mismatch(this.#goal, step, now, this.#words.about(subjectsOf(step)), roots);
  }

  #applies({ when }: Step, { driver }: BindingState): boolean {
    if (when === 'known') return this.#idKnown === true;
    if (when === 'added') return this.#idKnown === false;
    return when === undefined || driver !== null;
  }

  /** One write, with what became of it in the session's journal. */
  async #write(step: Pick<Step, 'file' | 'bytes' | 'device'>): Promise<string | undefined> {
    const { file, bytes, device } = step;
    const command = stepCommand(step);
    const slow = setInterval(() => this.#requester.progress(`${command}: the kernel has not answered yet`), SLOW);
    slow.unref();
    try {
      const errno = await this.#machine.writer.write(file, bytes);
      this.#requester.note(errno === undefined ? command : `${command}: ${errno}`, {
        device: device.name,
        file,
        bytes,
        errno: errno ?? null,
      });
      return errno;
    } finally {
      clearInterval(slow);
    }
  }

  /** Whether the driver knows a dynamic id that it had not known before, and that nobody has taken away. */
  get owesId(): boolean {
    return this.#idKnown === false && !this.#idRemoved;
  }

  /** Takes a dynamic id away, whatever became of the device. */
  async removeId(removeId: Pick<Step, 'file' | 'bytes'>, device: Place): Promise<void> {
    await this.#write({ ...removeId, device });
  }

  /** Leads each device to where `wanted` says, the last first, as far as it goes; a failure of one does not keep the others from it. */
  async lead(changes: readonly Change[], wanted: 'before' | 'after'): Promise<Arrival[]> {
    const { roots } = this.#machine;
    const arrivals: Arrival[] = [];
    for (const change of changes.toReversed()) {
      const { device } = change;
      const now = bindingOf(device, roots);
      const steps = now === undefined ? [] : transition(device, now, change[wanted], roots);
      let failure: VfioError | undefined;
      for (const step of steps) {
        try {
          await this.make(step);
        } catch (error) {
          if (!(error instanceof VfioError)) throw error;
          failure ??= error;
        }
      }
      const then = bindingOf(device, roots);
      const there = then === undefined || isThere(then, change[wanted]);
      arrivals.push({ device, now: then, steps: steps.length, ...(failure !== undefined && !there && { failure }) });
    }
    return arrivals;
  }
}

function isHarmless({ action }: Step, errno: string): boolean {
  return (action === 'new_id' && errno === 'EEXIST') || (action === 'remove_id' && errno === 'ENODEV');
}

function fits({ expect }: Step, now: BindingState): boolean {
  return (
    (expect.driver === undefined || expect.driver === now.driver) &&
    (expect.override === undefined || expect.override === now.override)
  );
}

function isThere(now: BindingState, wanted: Change['after']): boolean {
  return now.override === wanted.override && (wanted.driver === undefined || wanted.driver === now.driver);
}

/** What the kernel's log calls the device and the drivers of a step by. */
function subjectsOf({ device, file }: Step): string[] {
  const driver = /\/drivers\/([^/]+)\//.exec(file)?.[1];
  return driver === undefined ? [device.name] : [device.name, driver];
}
