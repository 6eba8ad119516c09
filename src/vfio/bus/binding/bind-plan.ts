import { VfioError } from '../../errors.js';
import { type BusDevice, findDevice, isVfioDriver, vfioDrivers } from '../bus-device.js';
import { noGroup } from '../iommu-absence.js';
import { noResetFunction } from '../reset-function.js';
import type { Roots } from '../roots.js';
import { exists } from '../sysfs.js';
import type { Place } from './binding-state.js';
import { bindingChange, stateOf } from './change.js';
import { companionsOf } from './companions.js';
import { dynamicIdPlan } from './dynamic-id.js';
import { findUser } from './hand-over.js';
import { usesOf } from './in-use.js';
import type { Plan } from './plan.js';
import { refuseImpossible } from './refusal.js';
import { driverFile } from './step.js';
import { transition } from './transition.js';

export type BindMethod = 'override' | 'new_id';

export interface BindRequest {
  /** As the user names it. */
  readonly address: string;
  /** The driver that is to have it; by default its bus's VFIO driver. */
  readonly driver?: string;
  /** The other devices of its IOMMU group go with it. */
  readonly wholeGroup: boolean;
  readonly method: BindMethod;
  /** Who is to own the nodes in /dev/vfio. */
  readonly user?: string;
  /** Takes devices that are in use, and one of a group that stays unusable without the others. */
  readonly force: boolean;
}

/** Works out what binding a device takes. Reads sysfs and /proc only. Throws VfioError where it must not or cannot be bound, and says why. */
export async function planBind(request: BindRequest, folder: string, roots: Roots): Promise<Plan> {
  const asked = findDevice(request.address, roots, 'bind');
  const { driver = vfioDrivers[asked.bus], method } = request;
  const handOver = request.user === undefined ? undefined : await findUser(request.user, roots);
  // Before its group: what can never be bound is not to be asked for with others.
  if (asked.driver !== driver) refuseImpossible(asked, driver, method, roots);
  const companions = isVfioDriver(driver) ? companionsOf(asked, request, roots) : { devices: [], notes: [] };
  const notes = [...companions.notes];
  const moves = [asked, ...companions.devices]
    .map((device) => ({ device, to: device.bus === asked.bus ? driver : vfioDrivers[device.bus] }))
    .filter(({ device, to }) => device.driver !== to);
  for (const { device, to } of moves) if (device !== asked) refuseImpossible(device, to, method, roots);
  notes.push(...moves.flatMap(({ device, to }) => (isVfioDriver(to) ? doubts(device, roots) : [])));
  const uses = moves.flatMap(({ device }) => usesOf(device, roots));
  if (uses.length > 0 && !request.force) throw inUse(asked, uses);
  notes.push(...uses.map((use) => `forced: ${use}`));

  const common = {
    goal: 'bind',
    device: { bus: asked.bus, name: asked.name },
    modules: missingDrivers(moves, roots),
    ...(handOver !== undefined && { handOver }),
  } as const;
  if (method === 'new_id' && moves.length > 0) {
    const { steps, removeId, bystanders } = dynamicIdPlan(asked, stateOf(asked), driver, roots);
    notes.push(
      ...bystanders.map(
        ({ name }) => `${name} has the same ids and no driver: ${driver} takes it too, and it is taken from it again`,
      ),
    );
    const changes = [
      bindingChange(asked, { driver, override: asked.driverOverride === driver ? driver : null }, folder, roots),
      ...bystanders.map((other) => bindingChange(other, stateOf(other), folder, roots)),
    ];
    return { ...common, changes, steps, removeId, notes };
  }
  return {
    ...common,
    changes: moves.map(({ device, to }) => bindingChange(device, { driver: to, override: to }, folder, roots)),
    steps: moves.flatMap(({ device, to }) => transition(device, stateOf(device), { driver: to, override: to }, roots)),
    removeId: null,
    notes,
  };
}

/** What may keep VFIO's driver from taking the device, where only the attempt can tell. */
function doubts(device: BusDevice, roots: Roots): string[] {
  const found = [noGroup(device, roots), noResetFunction(device, roots)];
  return found.flatMap((doubt) =>
    doubt === undefined ? [] : [`${device.name} may be refused: ${doubt.why}; ${doubt.hint}`],
  );
}

/** The drivers that no module has brought yet, each once. */
function missingDrivers(moves: readonly { device: BusDevice; to: string }[], roots: Roots): Place[] {
  const missing = new Map<string, Place>();
  for (const { device, to } of moves) {
    const file = driverFile(device.bus, to, '', roots);
    if (!exists(file)) missing.set(file, { bus: device.bus, name: to });
  }
  return [...missing.values()];
}

/** The system uses what is to be taken away. */
export function inUse(device: BusDevice, uses: readonly string[], operation = 'bind'): VfioError {
  return new VfioError({
    kind: 'busy',
    operation,
    device: device.name,
    why: `it is in use: ${uses.join('; ')}`,
    hint: `end that use first; --force does it all the same`,
  });
}
