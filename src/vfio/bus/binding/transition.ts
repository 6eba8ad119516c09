import { isVfioDriver } from '../bus-device.js';
import type { Roots } from '../roots.js';
import { exists } from '../sysfs.js';
import type { BindingState, Place } from './binding-state.js';
import { bindStep, driverFile, overrideFile, overrideStep, probeStep, type Step, unbindStep } from './step.js';

/** Where a device is to be: `driver` is absent where any that wants the device is right. */
export interface Wanted {
  readonly driver?: string | null;
  readonly override: string | null;
}

/**
 * The writes that lead a device from one binding to another, in order; none where it is there already. Binding, releasing, rolling back and recovering
 * are all made of this: none of them needs to know how the device came to be where it is.
 *
 * The override goes first and stays until the end, so that between the drivers nobody else can take the device.
 */
export function transition(device: Place, now: BindingState, wanted: Wanted, roots: Roots): Step[] {
  const { driver } = wanted;
  const steps: Step[] = [];
  let { override } = now;
  const setOverride = (to: string | null): void => {
    if (override !== to) steps.push(overrideStep(device, override, to, roots));
    override = to;
  };
  if (driver === now.driver || (driver === undefined && hasOwnDriver(now))) {
    setOverride(wanted.override);
    return steps;
  }
  // Lent to a driver that is to have the device without one: it may have come by an id that it does not know any more (new_id).
  const lends = typeof driver === 'string' && exists(overrideFile(device, roots));
  setOverride(lends ? driver : wanted.override);
  if (now.driver !== null) steps.push(unbindStep(device, now.driver, roots));
  if (driver === undefined) steps.push(probeStep(device, undefined, roots));
  else if (driver !== null) steps.push(attachStep(device, driver, roots));
  setOverride(wanted.override);
  return steps;
}

/** A driver that the kernel chose, and nobody's override. */
function hasOwnDriver({ driver, override }: BindingState): boolean {
  return driver !== null && driver !== override && !isVfioDriver(driver);
}

/** Some drivers hide their `bind` (suppress_bind_attrs): the bus is asked then. */
function attachStep(device: Place, driver: string, roots: Roots): Step {
  const loaded = exists(driverFile(device.bus, driver, '', roots));
  const own = !loaded || exists(driverFile(device.bus, driver, 'bind', roots));
  return own ? bindStep(device, driver, roots) : probeStep(device, driver, roots);
}
