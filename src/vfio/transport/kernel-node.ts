import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { holderList, holdersOf, ownerOf } from '../bus/device-node.js';
import type { Roots } from '../bus/roots.js';
import { exists } from '../bus/sysfs.js';
import { O_RDWR, open } from '../sys/libc.js';
import { checked, plainMeaning, type Meaning } from './kernel-call.js';
import type { Departure } from './kernel-device.js';

/** What there is to say of a node whose opening is refused. */
export interface NodeFacts {
  /** Why it is not there, or not served. */
  readonly absent: { readonly why: string; readonly hint: string };
  /** Other nodes whose users keep this one from being opened. */
  readonly rivals?: readonly string[];
}

/** Opens a device node for reading and writing; throws a VfioError that says who may, or who has it. */
export function openNode(node: string, device: string, roots: Roots, facts: NodeFacts): number {
  return checked(`open ${node}`, device, open(node, O_RDWR), (errno) => nodeMeaning(errno, node, roots, facts));
}

function nodeMeaning(errno: string, node: string, roots: Roots, facts: NodeFacts): Meaning {
  switch (errno) {
    case 'ENOENT':
      return { kind: 'absent', ...facts.absent };
    case 'ENODEV':
    case 'ENXIO':
      return exists(node) ? { kind: 'absent', ...facts.absent } : plainMeaning(errno);
    case 'EACCES':
    case 'EPERM':
      return notAllowed(node, roots);
    case 'EBUSY':
      return {
        kind: 'busy',
        why: `${heldBy([node, ...(facts.rivals ?? [])], roots)} has it, or a device of it, open: only one process at a time can`,
        hint: `end that one first; \`fuser -v ${[node, ...(facts.rivals ?? [])].join(' ')}\` as root tells who it is`,
      };
    default:
      return plainMeaning(errno);
  }
}

function notAllowed(node: string, roots: Roots): Meaning {
  const owned = ownerOf(node, roots);
  const raw = basename(node).startsWith('noiommu-') ? ', and a no-IOMMU group needs CAP_SYS_RAWIO as well' : '';
  return {
    kind: 'permission',
    why: `you may not: it belongs to ${owned?.owner ?? 'somebody else'}${raw}`,
    hint:
      owned === undefined || owned.group === 'root' || raw !== ''
        ? `run as root${raw === '' ? `, or once as root: chown $USER ${node}` : ''}`
        : `join the group ${owned.group}, or run as root`,
  };
}

/** 'qemu-system-x86 (process 4711)', or who it may be where nobody can be seen. */
export function heldBy(nodes: readonly string[], roots: Roots): string {
  return holderList(holdersOf(nodes, roots)) ?? 'another process';
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
