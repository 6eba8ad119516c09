import type { Place } from './binding-state.js';
import type { HandOver } from './hand-over.js';
import type { Step } from './step.js';
import type { Change } from './unfinished.js';

/** Everything that binding or releasing will do, before any of it is done. */
export interface Plan {
  readonly goal: 'bind' | 'release';
  /** The device that was asked for; its group's others follow it in `changes`. */
  readonly device: Place;
  /** Each device whose binding changes, how it is and how it will be. */
  readonly changes: readonly Change[];
  /** Drivers that are not there yet, by bus and name: modules of their names are loaded first. */
  readonly modules: readonly Place[];
  /** The writes to sysfs, in their order. */
  readonly steps: readonly Step[];
  /** The write that takes a dynamic id away, where `steps` adds one. */
  readonly removeId: { readonly file: string; readonly bytes: string } | null;
  /** Who gets the nodes in /dev/vfio. */
  readonly handOver?: HandOver;
  /** What there is to know beforehand. */
  readonly notes: readonly string[];
}
