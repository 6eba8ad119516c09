import type { Device } from '../vfio/device.js';
import type { Attachment } from '../vfio/devicetree/attach.js';
import type { DeviceTree } from '../vfio/devicetree/tree.js';
import { expandHome } from '../vfio/home.js';
import { KERNELS_TREE } from './kernels-tree.js';
import type { Session } from './session.js';

/** The tree of the file that the option `dtb` names; undefined where it is the kernel's. Rejects with VfioError. */
export async function givenTree(session: Session): Promise<DeviceTree | undefined> {
  const file = session.options.get('dtb');
  if (file === KERNELS_TREE) return undefined;
  const { readTreeFile } = await import('../vfio/devicetree/file.js');
  return readTreeFile(expandHome(file));
}

/**
 * Attaches a device that was just opened to its node, if it has one: the names of the tree become the language's, and what could hang the
 * machine is said before anybody reads. Touches no hardware.
 */
export async function attachNode(session: Session, device: Device, given: DeviceTree | undefined): Promise<void> {
  const isKernels = device.via === 'group' || device.via === 'cdev';
  if (given === undefined && (!isKernels || device.isPci)) return;
  const { attachByName } = await import('../vfio/devicetree/attach.js');
  const attachment = attachByName(device, session.roots, given);
  if (attachment !== undefined) announce(session, device, attachment);
  else if (given !== undefined && !device.isPci) {
    const hint = 'dt use NODE says which it is';
    session.output.notice(`${device.name}: no node of ${given.origin} becomes a device of that name; ${hint}`);
  }
}

/** What there is to say once: names that had to be changed, and what could hang the machine. */
export function announce(session: Session, device: Device, { names, warnings }: Attachment): void {
  session.namesChanged();
  for (const { of, name, written, why } of names) {
    if (written === undefined) continue;
    const what = name === of ? 'that name is not used' : `here it is ${name}`;
    session.output.notice(`${device.name}: the device tree calls ${of} "${written}"; ${what}: ${why ?? ''}`);
  }
  for (const { mayHang, text } of warnings) if (mayHang) session.output.notice(`${device.name}: warning: ${text}`);
}
