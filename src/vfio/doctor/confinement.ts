import { join } from 'node:path';
import { isVfioBound } from '../bus/bus-device.js';
import { bindCommand } from '../bus/obstacle.js';
import { attribute, bytesAt, exists } from '../bus/sysfs.js';
import { type Check, fail, pass, type Scene, skip, warn } from './check.js';
import { ownProcess } from './process.js';

/** Where a driver is asked to take devices: who may write there can bind. */
function probeFile({ roots, device }: Scene): string {
  return join(roots.sys, 'bus', device?.bus ?? 'pci', 'drivers_probe');
}

/** Whether this process may give devices to drivers. */
export const bindingCheck: Check = {
  name: 'right to bind',
  about: 'machine',
  looksAt: (scene) => [
    probeFile(scene),
    join(scene.roots.proc, 'self/mountinfo'),
    join(scene.roots.proc, 'self/uid_map'),
  ],
  examine(scene) {
    const { roots, device } = scene;
    const file = probeFile(scene);
    if (!exists(file)) return skip(`there is no ${file}`);
    const { uid, user, contained } = ownProcess(roots);
    const mounts = attribute(join(roots.proc, 'self/mountinfo')) ?? '';
    const readOnly = /^\S+ \S+ \S+ \S+ \/sys ro\b/m.test(mounts);
    if (uid === 0 && !readOnly && !contained) return pass(`${user} may write to /sys`);
    const needless = device !== undefined && isVfioBound(device);
    if (uid !== 0) {
      const found = `${user} (uid ${uid}) may not write to /sys`;
      return needless
        ? skip(`${found}, and need not: the device is bound`)
        : warn(found, device === undefined ? 'run vfiodbg bind as root' : bindCommand(device, roots));
    }
    const why = readOnly
      ? '/sys is mounted for reading only'
      : 'this is a user namespace, whose root is not that of the machine';
    if (needless) return skip(`${why}; the device is bound`);
    const remedy = 'a container is not where devices are bound: do it on the host, and hand /dev/vfio through';
    return device === undefined ? warn(why, remedy) : fail({ why, hint: remedy });
  },
};

/** Lockdown and Secure Boot: what they forbid is not VFIO, but things beside it. */
export const lockdownCheck: Check = {
  name: 'lockdown',
  about: 'machine',
  looksAt: ({ roots }) => [join(roots.sys, 'kernel/security/lockdown'), secureBootFile({ roots })],
  examine(scene) {
    const lockdown = attribute(join(scene.roots.sys, 'kernel/security/lockdown'));
    const mode = /\[(\w+)\]/.exec(lockdown ?? '')?.[1];
    const secure = secureBoot(scene);
    const boot = secure === undefined ? '' : `, Secure Boot ${secure ? 'on' : 'off'}`;
    if (mode === undefined && secure !== true) return skip(`this kernel has no lockdown${boot}`);
    if (mode === undefined || mode === 'none')
      return pass(`off${boot}${secure === true ? ': modules have to be signed' : ''}`);
    return warn(
      `${mode}${boot}: VFIO works, but page tables in debugfs cannot be read (iommu translate), nor modules loaded that are not signed`,
      'where that is in the way: switch Secure Boot off in the firmware, or start Linux without lockdown=',
    );
  },
};

/** The EFI variable SecureBoot of the global variables' GUID. Source: UEFI specification, section 3.3. */
function secureBootFile({ roots }: Pick<Scene, 'roots'>): string {
  return join(roots.sys, 'firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c');
}

/** Four bytes of attributes, and one that is 1 where Secure Boot is on. */
function secureBoot(scene: Scene): boolean | undefined {
  const bytes = bytesAt(secureBootFile(scene));
  return bytes.length < 5 ? undefined : bytes[4] === 1;
}
