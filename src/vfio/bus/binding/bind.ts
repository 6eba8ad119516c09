import { accessSync, constants } from 'node:fs';
import { VfioError } from '../../errors.js';
import type { Roots } from '../roots.js';
import { exists } from '../sysfs.js';
import { bindingOf, type BindingState, bootId, type Place } from './binding-state.js';
import { type BindRequest, planBind } from './bind-plan.js';
import { carryOut } from './carry-out.js';
import { furtherNeeds, giveNodes, nodesOf, udevSettled } from './hand-over.js';
import { withLock } from './lock.js';
import type { BindingMachine, Requester } from './machine.js';
import type { ModuleLoad } from './modprobe.js';
import type { Plan } from './plan.js';
import { planRelease, type ReleaseRequest } from './release-plan.js';
import { driverFile } from './step.js';
import { refuseUnfinished } from './unfinished.js';

/** What was done. */
export interface Outcome {
  readonly plan: Plan;
  readonly loads: readonly ModuleLoad[];
  /** The devices that changed, as they are now. */
  readonly devices: readonly {
    readonly device: Place;
    readonly before: BindingState;
    readonly now: BindingState | undefined;
  }[];
  /** The nodes of the device that was asked for: /dev/vfio/12, /dev/vfio/devices/vfio0. */
  readonly nodes: readonly string[];
  readonly notes: readonly string[];
}

/** Binds a device, as `planBind` plans it. Throws VfioError; things are then as they were, or it says how they are. */
export function bindDevice(request: BindRequest, machine: BindingMachine, requester: Requester): Promise<Outcome> {
  return changeBinding('bind', () => planBind(request, machine.state, machine.roots), machine, requester);
}

/** Releases a device, as `planRelease` plans it. Throws VfioError; things are then as they were, or it says how they are. */
export function releaseDevice(
  request: ReleaseRequest,
  machine: BindingMachine,
  requester: Requester,
): Promise<Outcome> {
  const plan = (afterLoading: boolean): Plan => planRelease(request, machine.state, machine.roots, afterLoading);
  return changeBinding('release', plan, machine, requester);
}

async function changeBinding(
  operation: string,
  plan: (afterLoading: boolean) => Plan | Promise<Plan>,
  machine: BindingMachine,
  requester: Requester,
): Promise<Outcome> {
  demandRights(await plan(false));
  return withLock(machine, requester, async () => {
    refuseUnfinished(machine.state, operation, bootId(machine.roots));
    // Somebody else may have bound it while the lock was waited for.
    const first = await plan(false);
    const loads = await loadModules(first, machine);
    const settled = loads.length > 0 ? await plan(true) : first;
    const notes = [...settled.notes];
    const handOver = async (): Promise<void> => void notes.push(...(await giveTo(settled, machine.roots)));
    if (settled.changes.length > 0) await carryOut(settled, machine, requester, handOver);
    else await handOver();
    const devices = settled.changes.map(({ device, before }) => ({
      device,
      before,
      now: bindingOf(device, machine.roots),
    }));
    return {
      plan: settled,
      loads,
      devices,
      nodes: operation === 'bind' ? nodesOf(settled.device, machine.roots) : [],
      notes,
    };
  });
}

/** Gives the nodes to whom the plan says. @returns what that user needs besides. */
async function giveTo({ device, handOver }: Plan, roots: Roots): Promise<string[]> {
  if (handOver === undefined) return [];
  await udevSettled();
  giveNodes(handOver, nodesOf(device, roots));
  return furtherNeeds(handOver, roots);
}

/** Throws VfioError where a file that is to be written may not be, before anything is done. */
function demandRights({ goal, device, steps }: Plan): void {
  for (const { file } of steps) {
    if (!exists(file)) continue;
    try {
      accessSync(file, constants.W_OK);
    } catch (error) {
      const errno = error instanceof Error && 'code' in error ? String(error.code) : 'EACCES';
      throw new VfioError({
        kind: 'permission',
        operation: goal,
        device: device.name,
        errno,
        why: errno === 'EROFS' ? `sysfs is read-only here: ${file}` : `this takes the right to write ${file}`,
        hint: errno === 'EROFS' ? 'in a container, do it outside' : 'run it as root; -n shows what it would do',
      });
    }
  }
}

/** Loads what is not there. Throws VfioError where a driver that is to be bound is missing afterwards. */
async function loadModules({ goal, device, modules }: Plan, machine: BindingMachine): Promise<ModuleLoad[]> {
  const loads: ModuleLoad[] = [];
  for (const { bus, name } of modules) {
    const load = await machine.modprobe(name);
    loads.push(load);
    if (goal === 'release' || exists(driverFile(bus, name, '', machine.roots))) continue;
    throw new VfioError({
      kind: 'absent',
      operation: goal,
      device: device.name,
      why: `there is no driver ${name} on the ${bus} bus, and \`${load.command}\` did not bring it: ${load.said || 'it said nothing'}`,
      hint: "is the driver's name right, and is it switched on in this kernel's configuration?",
    });
  }
  return loads;
}
