import { watch } from 'node:fs';
import { dirname } from 'node:path';
import { notAllowed, taken } from '../bus/device-node.js';
import type { Roots } from '../bus/roots.js';
import { exists } from '../bus/sysfs.js';
import type { WayNode } from '../bus/way-in.js';
import { O_RDWR, open } from '../sys/libc.js';
import type { Meaning } from '../errors.js';
import { checked, plainMeaning } from './kernel-call.js';
import type { Departure } from './kernel-device.js';

/**
 * Opens a device node for reading and writing; throws a VfioError that says who may, or who has it. `rivals` are other nodes whose users keep
 * this one from being opened.
 */
export function openNode(node: WayNode, device: string, roots: Roots, rivals: readonly string[] = []): number {
  const { path } = node;
  return checked(`open ${path}`, device, open(path, O_RDWR), (errno) => nodeMeaning(errno, node, roots, rivals));
}

function nodeMeaning(errno: string, { path, absent }: WayNode, roots: Roots, rivals: readonly string[]): Meaning {
  switch (errno) {
    case 'ENOENT':
      return { kind: 'absent', ...absent };
    case 'ENODEV':
    case 'ENXIO':
      return exists(path) ? { kind: 'absent', ...absent } : plainMeaning(errno);
    case 'EACCES':
    case 'EPERM':
      return notAllowed(path, roots);
    case 'EBUSY':
      return taken([path, ...rivals], roots);
    default:
      return plainMeaning(errno);
  }
}

/**
 * The departure of a device, by its node in /dev/vfio/devices: the kernel removes it as soon as the device is to be unbound or unplugged, and
 * then waits for the last user. Watches nothing where there is no such node (Linux before 6.6).
 */
export function departureOf(node: string | undefined): Departure {
  return (departed) => {
    if (node === undefined || !exists(node)) return () => {};
    try {
      const watcher = watch(dirname(node), { persistent: false }, () => {
        if (!exists(node)) departed();
      });
      watcher.on('error', () => watcher.close());
      return () => watcher.close();
    } catch {
      // No inotify watch left. It costs the notice only: calls on a device that is gone still fail by themselves.
      return () => {};
    }
  };
}
