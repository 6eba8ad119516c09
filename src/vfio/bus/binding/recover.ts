import { describeDevice } from '../bus-device.js';
import { exists } from '../sysfs.js';
import { bindingOf, bootId } from './binding-state.js';
import { settle } from './carry-out.js';
import { withLock } from './lock.js';
import type { BindingMachine, Requester } from './machine.js';
import { removeIdStep, type Step } from './step.js';
import { type Arrival, Transaction } from './transaction.js';
import { transition } from './transition.js';
import { type Change, readUnfinished, type Unfinished, UnfinishedJournal } from './unfinished.js';

/** What became of what a killed run had left. */
export interface Recovery {
  readonly left: Unfinished;
  /** It was left in an earlier boot: the kernel has forgotten what was done, and there is nothing to do. */
  readonly stale: boolean;
  readonly arrivals: readonly Arrival[];
}

/**
 * Undoes what a killed run left, or finishes it: each device is led from wherever it is to how it was before that run, or to how it was to be. Undefined where
 * nothing was left. Throws VfioError where the state folder cannot be used; what the kernel refuses is in the answer.
 */
export function recoverBindings(
  direction: 'undo' | 'finish',
  machine: BindingMachine,
  requester: Requester,
): Promise<Recovery | undefined> {
  return withLock(machine, requester, () => recover(direction, machine, requester));
}

async function recover(
  direction: 'undo' | 'finish',
  machine: BindingMachine,
  requester: Requester,
): Promise<Recovery | undefined> {
  const left = readUnfinished(machine.state, bootId(machine.roots));
  if (left === undefined) return undefined;
  const journal = UnfinishedJournal.resume(machine.state);
  journal.undoing = true;
  if (left.boot !== bootId(machine.roots)) {
    journal.end();
    return { left, stale: true, arrivals: [] };
  }
  using transaction = new Transaction(machine, requester, journal, 'recover');
  const [first] = left.changes;
  if (left.removeId !== null && first !== undefined && owesId(left)) {
    await transaction.removeId(left.removeId, first.device);
  }
  const same = left.changes.filter((change) => isSame(change, machine));
  const led = await transaction.lead(same, direction === 'undo' ? 'before' : 'after');
  const others = left.changes.filter((change) => !same.includes(change));
  const arrivals = [...led, ...others.map(({ device }): Arrival => ({ device, now: undefined, steps: 0 }))];
  settle(machine, left.changes, arrivals, direction === 'undo' ? 'recordBefore' : 'recordAfter');
  journal.end();
  return { left, stale: false, arrivals };
}

/** What recovering would write, as things are now. */
export interface RecoveryPlan {
  readonly left: Unfinished;
  readonly stale: boolean;
  readonly steps: readonly Step[];
}

/** Works out what `recoverBindings` would do. Undefined where nothing was left. */
export function planRecovery(direction: 'undo' | 'finish', machine: BindingMachine): RecoveryPlan | undefined {
  const { roots, state } = machine;
  const left = readUnfinished(state, bootId(roots));
  if (left === undefined) return undefined;
  const stale = left.boot !== bootId(roots);
  const same = stale ? [] : left.changes.filter((change) => isSame(change, machine));
  const [first] = same;
  const forget =
    left.removeId !== null && first !== undefined && owesId(left) ? [removeIdStep(first.device, left.removeId)] : [];
  const moves = same.toReversed().flatMap((change) => {
    const now = bindingOf(change.device, roots);
    return now === undefined
      ? []
      : transition(change.device, now, change[direction === 'undo' ? 'before' : 'after'], roots);
  });
  return { left, stale, steps: [...forget, ...moves] };
}

/** Whether a driver may still know a dynamic id that the run added. What new_id answered may not have been written down any more. */
function owesId({ steps }: Unfinished): boolean {
  const added = steps.find(({ action }) => action === 'new_id');
  const removed = steps.find(({ action }) => action === 'remove_id');
  return added !== undefined && added.errno !== 'EEXIST' && removed?.errno === undefined;
}

/** The device, and not another one that has come to its place since. */
function isSame({ device, modalias }: Change, { roots }: BindingMachine): boolean {
  const { path, modalias: now = '' } = describeDevice(device.bus, device.name, roots);
  return exists(path) && now === modalias;
}
