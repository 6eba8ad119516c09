import { VfioError } from '../../errors.js';
import { type BusDevice, busNames, describeDevice, devicesPath, isBridge } from '../bus-device.js';
import { awaitedContainer, objectsIn } from '../fsl-mc.js';
import { blockerList, groupBlockers, groupMembers, leavesDma } from '../iommu-group.js';
import type { Roots } from '../roots.js';
import { exists } from '../sysfs.js';

/** The devices of an IOMMU group that go with one of them, and what there is to say of the others. */
export interface Companions {
  readonly devices: readonly BusDevice[];
  readonly notes: readonly string[];
}

/**
 * VFIO gives a group to somebody as a whole: no IOMMU stands between its devices. So each of the others must be bound to VFIO, or to nothing, or to a
 * driver that does no DMA of its own, as those of bridges do not. Throws VfioError that says which are in the way, where they are not to go too.
 */
export function companionsOf(
  device: BusDevice,
  { wholeGroup, force }: { readonly wholeGroup: boolean; readonly force: boolean },
  roots: Roots,
): Companions {
  const { iommuGroup: group, name } = device;
  const objects = objectsIn(device, roots);
  const notes = objects.length > 0 ? [`what is in it goes with it: ${objects.join(', ')}`] : [];
  if (group === undefined) return { devices: [], notes };
  const blockers = groupBlockers(group, roots).filter((blocker) => blocker.name !== name);
  const able = othersOf(device, roots).filter(
    (other) =>
      !isBridge(other) &&
      (other.driver === undefined || !leavesDma(other.driver)) &&
      awaitedContainer(other, roots) === undefined,
  );
  if (wholeGroup) {
    const foreign = blockers.filter((blocker) => !able.some((other) => other.name === blocker.name));
    if (foreign.length === 0) return { devices: able, notes };
    throw new VfioError({
      kind: 'unsupported',
      operation: 'bind',
      device: name,
      why: `its IOMMU group ${group} has devices that VFIO has no driver for: ${blockerList(foreign)}`,
      hint: `take them from their drivers, or move the device to another slot`,
    });
  }
  if (blockers.length > 0 && !force) {
    throw new VfioError({
      kind: 'busy',
      operation: 'bind',
      device: name,
      why:
        `${blockerList(blockers)} must go with it: nothing keeps the devices of IOMMU group ${group} from reaching each other, ` +
        'so that VFIO gives it to nobody as long as another driver has one of them',
      hint: `bind ${name} --whole-group takes ${able.map((other) => other.name).join(', ')} as well`,
    });
  }
  if (blockers.length > 0)
    notes.push(`group ${group} cannot be opened as long as others have ${blockerList(blockers)}`);
  const idle = able.filter((other) => other.driver === undefined).map((other) => other.name);
  if (idle.length > 0) notes.push(`in the same group ${group}, without a driver: ${idle.join(', ')}`);
  return { devices: [], notes };
}

/** The other devices of a device's group that are on a bus VFIO knows. */
export function othersOf({ iommuGroup: group, name }: BusDevice, roots: Roots): BusDevice[] {
  if (group === undefined) return [];
  return groupMembers(group, roots).flatMap((other) => (other === name ? [] : (findMember(other, roots) ?? [])));
}

function findMember(name: string, roots: Roots): BusDevice | undefined {
  const bus = busNames.find((one) => exists(`${devicesPath(one, roots)}/${name}`));
  return bus === undefined ? undefined : describeDevice(bus, name, roots);
}
