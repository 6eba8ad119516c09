import { systemRoots, type Roots } from '../roots.js';
import { type ModuleLoad, modprobe } from './modprobe.js';
import { stateFolder } from './state-folder.js';
import { type SysfsWriter, sysfsWriter } from './sysfs-writer.js';

/** What binding works on; tests put made-up parts in their places. */
export interface BindingMachine {
  readonly roots: Roots;
  readonly writer: SysfsWriter;
  /** The folder of records, lock and journal. */
  readonly state: string;
  /** Loads a kernel module. Never rejects: what became of it is in its answer. */
  modprobe(module: string): Promise<ModuleLoad>;
}

export function systemMachine(): BindingMachine {
  return { roots: systemRoots, writer: sysfsWriter, state: stateFolder(), modprobe };
}

/** Who asked for it: is told what is done, and may call it off. */
export interface Requester {
  /** Each write to sysfs, when it has been made or refused. */
  note(text: string, data: Readonly<Record<string, unknown>>): void;
  /** What takes long. */
  progress(text: string): void;
  /** What is to be known though the work was called off. */
  notice(text: string): void;
  /** Aborted: nothing further is begun, and what was done is undone. */
  readonly signal: AbortSignal;
}
