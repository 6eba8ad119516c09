import { readdirSync, readlinkSync } from 'node:fs';

/** What this process has open of VFIO's, by the names that /proc gives: to see that a close closes all of it. */
export function vfioFds(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return [];
      }
    })
    .filter((name) => /^\/dev\/(vfio|iommu)|^anon_inode:.*vfio/.test(name));
}
