import { join } from 'node:path';
import { type BusDevice, describeDevice, isVfioBound } from '../bus/bus-device.js';
import { endThatOne, holderList, holdersOf, notAllowed, ownerOf } from '../bus/device-node.js';
import { groupMembers } from '../bus/iommu-group.js';
import { noVfio } from '../bus/obstacle.js';
import { exists } from '../bus/sysfs.js';
import { cdevNode, containerNode, groupNode, iommufdNode, noCdev, type WayNode } from '../bus/way-in.js';
import type { Meaning } from '../errors.js';
import { type Check, deviceCheck, fail, pass, type Scene, skip } from './check.js';
import { driverThere } from './kernel.js';

type Way = 'group' | 'iommufd';

/** The nodes of a way in, in the order in which they are opened. Undefined where VFIO has no node of the device itself. */
function nodesOf(way: Way, { roots, device }: Scene): readonly (WayNode | undefined)[] {
  if (way === 'group') {
    const container = containerNode(roots);
    return device?.iommuGroup === undefined ? [container] : [container, groupNode(device, roots)];
  }
  const iommufd = iommufdNode(roots);
  return device === undefined ? [iommufd] : [iommufd, cdevNode(device, roots)];
}

/** The first thing that keeps this process from going a way. */
function obstacleOn(way: Way, scene: Scene): Pick<Meaning, 'why' | 'hint'> | undefined {
  const { roots, device } = scene;
  const hidden = device === undefined ? undefined : noVfio(device, roots);
  if (hidden !== undefined) return hidden;
  for (const node of nodesOf(way, scene)) {
    if (node === undefined) return noCdev;
    if (!exists(node.path)) return { ...node.absent, why: `${node.absent.why}: there is no ${node.path}` };
    if (!scene.mayOpen(node.path)) {
      const refusal = notAllowed(node.path, roots);
      return { ...refusal, why: `${node.path}: ${refusal.why}` };
    }
  }
  return undefined;
}

/** The nodes of a way in, and whether this process may open them. One way that is open is enough. */
function wayCheck(way: Way): Check {
  const other = way === 'group' ? 'iommufd' : 'group';
  return {
    name: `way in by ${way}`,
    about: 'machine',
    looksAt: (scene) => nodesOf(way, scene).flatMap((node) => node?.path ?? []),
    examine({ device, ...machine }) {
      const { roots } = machine;
      if (device?.noIommu === true && way === 'iommufd') return skip('a device without an IOMMU has none');
      // A device that VFIO does not have yet has no nodes: the way is looked at up to there.
      const scene = device === undefined || !isVfioBound(device) ? machine : { ...machine, device };
      if (!exists(join(roots.dev, 'vfio')) && !driverThere(device?.bus ?? 'pci', roots))
        return skip('VFIO is not loaded');
      const obstacle = obstacleOn(way, scene);
      if (obstacle === undefined) {
        const nodes = nodesOf(way, scene).flatMap((node) => node?.path ?? []);
        return pass(nodes.map((path) => `${path} (${ownerOf(path, roots)?.owner ?? 'of nobody known'})`).join(', '));
      }
      return obstacleOn(other, scene) === undefined ? skip(`${obstacle.why}; the other way is open`) : fail(obstacle);
    },
  };
}

export const wayChecks: readonly Check[] = [wayCheck('group'), wayCheck('iommufd')];

/** The nodes of a device, and those of the others in its group: whoever has one of them open keeps everybody else out. */
function heldNodes(device: BusDevice, { roots }: Scene): string[] {
  const members = device.iommuGroup === undefined ? [] : groupMembers(device.iommuGroup, roots);
  const others = members.filter((name) => name !== device.name).map((name) => describeDevice(device.bus, name, roots));
  return [
    ...(device.iommuGroup === undefined ? [] : [groupNode(device, roots).path]),
    ...[device, ...others].flatMap((one) => cdevNode(one, roots)?.path ?? []),
  ];
}

/** Who has the device open. */
export const usersCheck: Check = deviceCheck({
  name: 'users',
  looksAt: (device, scene) => heldNodes(device, scene),
  examine(device, scene) {
    const nodes = heldNodes(device, scene).filter(exists);
    if (nodes.length === 0) return skip('it has no node that could be open');
    const holders = holdersOf(nodes, scene.roots);
    const others = holderList(holders.filter(({ pid }) => pid !== process.pid));
    if (others !== undefined)
      return fail({ why: `${others} has it, or a device of its group, open`, hint: endThatOne(nodes) });
    return pass(holders.length > 0 ? 'this session has it open' : 'nobody was seen to have it open');
  },
});
