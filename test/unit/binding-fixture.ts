import assert from 'node:assert/strict';
import { join } from 'node:path';
import { bindDevice, type Outcome, releaseDevice } from '../../src/vfio/bus/binding/bind.js';
import { type BindRequest, planBind } from '../../src/vfio/bus/binding/bind-plan.js';
import type { BindingMachine, Requester } from '../../src/vfio/bus/binding/machine.js';
import type { Plan } from '../../src/vfio/bus/binding/plan.js';
import { type Recovery, recoverBindings } from '../../src/vfio/bus/binding/recover.js';
import type { ReleaseRequest } from '../../src/vfio/bus/binding/release-plan.js';
import { VfioError, type FailureDetails } from '../../src/vfio/errors.js';
import { FakeKernel } from './fake-kernel.js';

export interface Binding {
  readonly machine: BindingMachine;
  readonly requester: Requester;
  /** What went to the session's journal. */
  readonly notes: string[];
  readonly notices: string[];
  readonly plan: (address: string, request?: Partial<BindRequest>) => Promise<Plan>;
  readonly bind: (address: string, request?: Partial<BindRequest>) => Promise<Outcome>;
  readonly release: (address: string, request?: Partial<ReleaseRequest>) => Promise<Outcome>;
  readonly recover: (direction?: 'undo' | 'finish') => Promise<Recovery | undefined>;
}

/** Binding on a made-up machine, with its state in a folder of that. */
export function binding(kernel: FakeKernel, parts: Partial<BindingMachine> & { signal?: AbortSignal } = {}): Binding {
  const notes: string[] = [];
  const notices: string[] = [];
  const machine: BindingMachine = {
    roots: kernel.roots,
    writer: kernel,
    state: join(kernel.root, 'state'),
    modprobe: (module) => Promise.resolve({ command: `modprobe ${module}`, done: false, said: `no ${module} here` }),
    ...parts,
  };
  const requester: Requester = {
    note: (text) => void notes.push(text),
    progress: () => undefined,
    notice: (text) => void notices.push(text),
    signal: parts.signal ?? new AbortController().signal,
  };
  const request = { wholeGroup: false, method: 'override', force: false } as const;
  return {
    machine,
    requester,
    notes,
    notices,
    plan: (address, more) => planBind({ address, ...request, ...more }, machine.state, machine.roots),
    bind: (address, more) => bindDevice({ address, ...request, ...more }, machine, requester),
    release: (address, more) =>
      releaseDevice({ address, wholeGroup: false, force: false, ...more }, machine, requester),
    recover: (direction = 'undo') => recoverBindings(direction, machine, requester),
  };
}

/** What `work` was refused with; fails where it was not. */
export async function failing(work: Promise<unknown>): Promise<FailureDetails> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof VfioError, `no VfioError but ${String(outcome)}`);
  return outcome.details;
}

/** Runs `body` with a kernel that is removed afterwards. */
export function withKernel(body: (kernel: FakeKernel) => Promise<void>): () => Promise<void> {
  return async () => {
    const kernel = new FakeKernel();
    try {
      await body(kernel);
    } finally {
      kernel.remove();
    }
  };
}
