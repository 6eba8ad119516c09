import { join } from 'node:path';
import { raiseLimit } from '../dma/budget.js';
import { bytesText } from '../dma/mapping.js';
import { attribute } from '../bus/sysfs.js';
import { type Check, pass, skip, warn } from './check.js';
import { CAP_IPC_LOCK, hasCapability, ownProcess } from './process.js';

/** What a buffer or two of a device may take: less than this is worth a word. */
const COMFORTABLE = 64 * 2 ** 20;

/** How much memory may be pinned for a device. */
export const lockedCheck: Check = {
  name: 'locked memory',
  about: 'machine',
  looksAt: ({ roots }) => [join(roots.proc, 'self/limits'), join(roots.proc, 'self/status')],
  examine({ roots }) {
    const process = ownProcess(roots);
    if (process.lockable === Infinity) return pass('no limit (RLIMIT_MEMLOCK)');
    const limit = `${bytesText(process.lockable)} (RLIMIT_MEMLOCK)`;
    if (hasCapability(process, CAP_IPC_LOCK)) return pass(`${limit}, which CAP_IPC_LOCK lifts`);
    if (process.lockable >= COMFORTABLE) return pass(`${limit} for the buffers of a device`);
    return warn(
      `${limit} is all that may be mapped for devices: by group it is counted for this process, by iommufd for all of ${process.user}'s`,
      `${raiseLimit} (for good: memlock in /etc/security/limits.conf, LimitMEMLOCK= of a unit)`,
    );
  },
};

/** Huge pages, for `dma alloc --huge`. */
export const hugePagesCheck: Check = {
  name: 'huge pages',
  about: 'machine',
  looksAt: ({ roots }) => [join(roots.proc, 'meminfo')],
  examine({ roots }) {
    const text = attribute(join(roots.proc, 'meminfo')) ?? '';
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    const [total, free] = [field('HugePages_Total'), field('HugePages_Free')];
    if (total === 0) return skip('none are set aside: only dma alloc --huge needs them (vm.nr_hugepages)');
    return pass(`${free} of ${total} are free, of ${bytesText(field('Hugepagesize') * 1024)} each`);
  },
};
