import { VfioError } from '../../errors.js';
import { bindingText, bootId } from './binding-state.js';
import type { BindingMachine, Requester } from './machine.js';
import type { Plan } from './plan.js';
import { type BindingRecord, dropRecord, saveRecord } from './record.js';
import { type Arrival, Transaction } from './transaction.js';
import { type Change, UnfinishedJournal } from './unfinished.js';

/**
 * Carries out a plan: all of it, or nothing that would remain. `last` is done behind the last step, and belongs to it. Throws VfioError that says
 * what failed and where the devices are now; where the requester has called it off, what it was called off with.
 */
export async function carryOut(
  plan: Plan,
  machine: BindingMachine,
  requester: Requester,
  last: () => void | Promise<void> = () => undefined,
): Promise<void> {
  const { goal, changes, removeId, steps } = plan;
  const { state, roots } = machine;
  const journal = UnfinishedJournal.begin(state, bootId(roots), { goal, changes: [...changes], removeId });
  using transaction = new Transaction(machine, requester, journal, goal);
  try {
    for (const step of steps) {
      requester.signal.throwIfAborted();
      await transaction.make(step);
    }
    await last();
    for (const change of changes) keep(state, change, change.recordAfter);
  } catch (error) {
    journal.undoing = true;
    if (removeId !== null && transaction.owesId) await transaction.removeId(removeId, plan.device);
    const arrivals = await transaction.lead(changes, 'before');
    settle(machine, changes, arrivals, 'recordBefore');
    journal.end();
    if (error instanceof VfioError) throw withOutcome(error, changes, arrivals);
    requester.notice(outcomeText(changes, arrivals));
    throw error;
  }
  journal.end();
}

/** The records after devices were led somewhere: what did not get there can still be released, and what is gone has none. */
export function settle(
  { state, roots }: BindingMachine,
  changes: readonly Change[],
  arrivals: readonly Arrival[],
  arrived: 'recordBefore' | 'recordAfter',
): void {
  for (const change of changes) {
    const { device, modalias } = change;
    const arrival = arrivalOf(device, arrivals);
    if (arrival?.now === undefined) keep(state, change, null);
    else if (arrival.failure === undefined) keep(state, change, change[arrived]);
    else {
      const origin = change.recordBefore?.origin ?? change.recordAfter?.origin ?? change.before;
      const boot = bootId(roots);
      keep(state, change, {
        format: 'vfiodbg-binding',
        version: 1,
        boot,
        device,
        modalias,
        origin,
        bound: arrival.now,
      });
    }
  }
}

function keep(folder: string, { device }: Change, record: BindingRecord | null): void {
  if (record === null) dropRecord(folder, device);
  else saveRecord(folder, record);
}

function arrivalOf({ bus, name }: Change['device'], arrivals: readonly Arrival[]): Arrival | undefined {
  return arrivals.find(({ device }) => device.bus === bus && device.name === name);
}

/** The failure, with where it leaves the devices. */
function withOutcome(error: VfioError, changes: readonly Change[], arrivals: readonly Arrival[]): VfioError {
  const { why, hint } = error.details;
  const stuck = arrivals.filter(({ failure }) => failure !== undefined).map(({ device }) => `release ${device.name}`);
  const further = stuck.length > 0 ? `${stuck.join('; ')}: tries again to give back what did not come back` : hint;
  return new VfioError(
    {
      ...error.details,
      why: `${why}; ${outcomeText(changes, arrivals)}`,
      ...(further !== undefined && { hint: further }),
    },
    { cause: error },
  );
}

/** 'rolled back: 0000:00:04.0 is bound to e1000e, as before'. */
export function outcomeText(changes: readonly Change[], arrivals: readonly Arrival[]): string {
  const parts = changes.map(({ device, before }) => {
    const { now, failure } = arrivalOf(device, arrivals) ?? {};
    if (now === undefined) return `${device.name} is gone`;
    if (failure === undefined) return `${device.name} is ${bindingText(before)}, as before`;
    return `${device.name} could not be put back (${failure.message}) and is ${bindingText(now)}`;
  });
  return `rolled back: ${parts.join('; ')}`;
}
