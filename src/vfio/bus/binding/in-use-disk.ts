import { basename, join } from 'node:path';
import type { Roots } from '../roots.js';
import { attribute, entries, exists } from '../sysfs.js';
import { realPath } from './sysfs-path.js';

/** A line of /proc/self/mountinfo, as far as it matters here. */
interface Mount {
  /** 'major:minor' */
  readonly device: string;
  readonly point: string;
  readonly type: string;
  /** '/dev/sda1', or what the file system calls itself. */
  readonly source: string;
}

/** What is mounted from, or swapped to, the disks in the sysfs directory `device`, through partitions, RAID, LVM and encryption. */
export function disksOf(device: string, roots: Roots): string[] {
  const mounts = mountList(roots);
  const uses: string[] = [];
  for (const [name, chain] of blockDevices(device, roots)) {
    const what = chain === '' ? name : `${name} (on ${chain})`;
    const number = attribute(join(roots.sys, 'class/block', name, 'dev'));
    const points = mounts.filter((mount) => mount.device === number || sourceName(mount.source, roots) === name);
    uses.push(...mounted(what, points));
    if (swapNames(roots).includes(name)) uses.push(`${what} is swap space`);
    if (points.length === 0) uses.push(...poolsOf(name, roots).map((pool) => `${what} belongs to the ${pool}`));
  }
  return [...new Set([...uses, ...sharesOf(device, mounts)])];
}

/** Block devices in the directory, and those that are made of them; each with the name of the one below it. */
function blockDevices(device: string, roots: Roots): Map<string, string> {
  const found = new Map<string, string>();
  const add = (name: string, below: string): void => {
    if (found.has(name)) return;
    found.set(name, below);
    for (const holder of entries(join(roots.sys, 'class/block', name, 'holders'))) add(holder, name);
    // A disk's partitions are directories in its own, each with a file `partition`.
    for (const part of entries(join(roots.sys, 'class/block', name))) {
      if (exists(join(roots.sys, 'class/block', name, part, 'partition'))) add(part, below);
    }
  };
  const heads = multipathHeads(device, roots);
  for (const name of entries(join(roots.sys, 'class/block'))) {
    const path = realPath(join(roots.sys, 'class/block', name));
    if (path === undefined) continue;
    if (path.startsWith(`${device}/`) || heads.some((head) => path.startsWith(`${head}/`))) add(name, '');
  }
  return found;
}

/** NVMe with multipath: the disk belongs to a subsystem beside the controllers that it is reached by. */
function multipathHeads(device: string, roots: Roots): string[] {
  const folder = join(roots.sys, 'class/nvme-subsystem');
  return entries(folder).flatMap((name) => {
    const head = realPath(join(folder, name));
    if (head === undefined) return [];
    const ours = entries(head).some((entry) => realPath(join(head, entry))?.startsWith(`${device}/`) === true);
    return ours ? [head] : [];
  });
}

/** btrfs counts as mounted on one of its disks only. */
function poolsOf(name: string, roots: Roots): string[] {
  const folder = join(roots.sys, 'fs/btrfs');
  return entries(folder)
    .filter((id) => exists(join(folder, id, 'devices', name)))
    .map((id) => `btrfs ${attribute(join(folder, id, 'label')) || id}`);
}

/** Folders of the host that a virtual machine gets through the device (9p). */
function sharesOf(device: string, mounts: readonly Mount[]): string[] {
  const tags = entries(device).flatMap(
    (entry) => attribute(join(device, entry, 'mount_tag'))?.replace(/\0+$/, '') ?? [],
  );
  return [...new Set(tags)].flatMap((tag) =>
    mounted(
      `the share ${tag}`,
      mounts.filter(({ type, source }) => type === '9p' && source === tag),
    ),
  );
}

/** Containers and bind mounts put one file system in dozens of places. */
const MOST_PLACES = 4;

/** 'sda1 is mounted on / and /home'; nothing where it is not. */
function mounted(what: string, mounts: readonly Mount[]): string[] {
  const points = [...new Set(mounts.map(({ point }) => point))];
  if (points.length === 0) return [];
  const shown = points.slice(0, points.length > MOST_PLACES ? MOST_PLACES - 1 : MOST_PLACES);
  const rest = points.length - shown.length;
  const last = rest > 0 ? `${rest} other places` : shown.pop();
  return [`${what} is mounted on ${shown.length > 0 ? `${shown.join(', ')} and ` : ''}${last}`];
}

function mountList(roots: Roots): Mount[] {
  const text = attribute(join(roots.proc, 'self/mountinfo')) ?? '';
  return text.split('\n').flatMap((line) => {
    // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    const [before = '', after = ''] = line.split(' - ');
    const [, , device, , point] = before.split(' ');
    const [type, source] = after.split(' ');
    if (device === undefined || point === undefined || type === undefined || source === undefined) return [];
    return [{ device, point: unescaped(point), type, source: unescaped(source) }];
  });
}

/** Blanks are written as \040. Source: fs/proc_namespace.c, mangle. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function swapNames(roots: Roots): (string | undefined)[] {
  const lines = (attribute(join(roots.proc, 'swaps')) ?? '').split('\n').slice(1);
  return lines.map((line) => sourceName(unescaped(line.split(/\s/)[0] ?? ''), roots));
}

/** The kernel's name of a block device's node: /dev/mapper/root is dm-0. */
function sourceName(node: string, roots: Roots): string | undefined {
  if (!node.startsWith('/dev/')) return undefined;
  const inOurs = join(roots.dev, node.slice('/dev/'.length));
  return basename(realPath(inOurs) ?? inOurs);
}
