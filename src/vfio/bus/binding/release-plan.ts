import { type BusDevice, findDevice } from '../bus-device.js';
import type { Roots } from '../roots.js';
import { exists } from '../sysfs.js';
import { inUse } from './bind-plan.js';
import type { Place } from './binding-state.js';
import { releaseChange, stateOf } from './change.js';
import { othersOf } from './companions.js';
import { usesOf } from './in-use.js';
import type { Plan } from './plan.js';
import { currentRecord } from './record.js';
import { driverFile, type Step } from './step.js';
import { transition, type Wanted } from './transition.js';
import type { Change } from './unfinished.js';

export interface ReleaseRequest {
  /** As the user names it. */
  readonly address: string;
  /** The devices of its IOMMU group that have been bound from here go back as well. */
  readonly wholeGroup: boolean;
  /** Releases it though somebody uses it. */
  readonly force: boolean;
}

/**
 * Works out what gives a device back: its record says to whom; without one the override is cleared and the kernel looks for a driver. `afterLoading`:
 * what modules could bring is there by now. Reads sysfs and /proc only. Throws VfioError where somebody uses the device.
 */
export function planRelease(request: ReleaseRequest, folder: string, roots: Roots, afterLoading = false): Plan {
  const asked = findDevice(request.address, roots, 'release');
  const others = request.wholeGroup ? othersOf(asked, roots) : [];
  const bound = others.filter((other) => currentRecord(folder, other, roots) !== undefined);
  const parts = [asked, ...bound].map((device) => releaseOf(device, folder, roots, afterLoading));
  const uses = parts.flatMap(({ device, steps }) =>
    steps.some(({ action }) => action === 'unbind') ? usesOf(device, roots) : [],
  );
  if (uses.length > 0 && !request.force) throw inUse(asked, uses, 'release');
  return {
    goal: 'release',
    device: { bus: asked.bus, name: asked.name },
    changes: parts.flatMap(({ change }) => change ?? []),
    modules: parts.flatMap(({ missing }) => (afterLoading ? [] : (missing ?? []))),
    steps: parts.flatMap(({ steps }) => steps),
    removeId: null,
    notes: [...parts.flatMap((part) => part.notes), ...uses.map((use) => `forced: ${use}`)],
  };
}

interface Release {
  readonly device: BusDevice;
  readonly change: Change | undefined;
  readonly steps: readonly Step[];
  /** The driver that it had, where that is not there now. */
  readonly missing: Place | undefined;
  readonly notes: readonly string[];
}

function releaseOf(device: BusDevice, folder: string, roots: Roots, afterLoading: boolean): Release {
  const record = currentRecord(folder, device, roots);
  const notes: string[] = [];
  let wanted: Wanted = record?.origin ?? { override: null };
  const missing = missingDriver(device, wanted, roots);
  if (missing !== undefined && afterLoading) {
    notes.push(
      `the driver ${missing.name} that ${device.name} had is not there any more; the kernel looks for another`,
    );
    wanted = { override: wanted.override };
  }
  const steps = transition(device, stateOf(device), wanted, roots);
  if (record === undefined && steps.some(({ action }) => action === 'probe')) {
    notes.push(`there is no record of how ${device.name} was before; the kernel looks for a driver`);
  }
  const change = steps.length === 0 && record === undefined ? undefined : releaseChange(device, wanted, folder, roots);
  return { device, change, steps, missing, notes };
}

function missingDriver({ bus }: BusDevice, { driver }: Wanted, roots: Roots): Place | undefined {
  if (driver === undefined || driver === null || exists(driverFile(bus, driver, '', roots))) return undefined;
  return { bus, name: driver };
}
