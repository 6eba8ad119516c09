import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Meaning } from '../errors.js';
import type { Roots } from './roots.js';
import { attribute } from './sysfs.js';

/** A process that has a device node open. */
export interface Holder {
  readonly pid: number;
  readonly command: string;
}

/** The processes, other than this one, that have one of `nodes` open, as far as this user may look into /proc. */
export function holdersOf(nodes: readonly string[], roots: Roots): Holder[] {
  const held = new Set(nodes);
  const holders: Holder[] = [];
  for (const pid of directory(roots.proc)) {
    if (!/^\d+$/.test(pid)) continue;
    const fds = join(roots.proc, pid, 'fd');
    if (!directory(fds).some((fd) => held.has(link(join(fds, fd)) ?? ''))) continue;
    holders.push({ pid: Number(pid), command: attribute(join(roots.proc, pid, 'comm')) ?? '?' });
  }
  return holders;
}

/** 'qemu-system-x86 (process 4711)', this process as 'this session'; undefined where nobody was seen. */
export function holderList(holders: readonly Holder[]): string | undefined {
  if (holders.length === 0) return undefined;
  return holders
    .map(({ pid, command }) => (pid === process.pid ? 'this session itself' : `${command} (process ${pid})`))
    .join(', ');
}

/** Who owns a device node: 'root:vfio, mode 0660'; undefined where it cannot be looked at. */
export function ownerOf(node: string, roots: Roots): { owner: string; user: string; group: string } | undefined {
  try {
    const { uid, gid, mode } = statSync(node);
    const user = nameOf(uid, join(roots.etc, 'passwd'));
    const group = nameOf(gid, join(roots.etc, 'group'));
    const bits = (mode & 0o7777).toString(8).padStart(4, '0');
    return { owner: `${user}:${group}, mode ${bits}`, user, group };
  } catch {
    return undefined;
  }
}

/** Why this user cannot open `node`, and who could. */
export function notAllowed(node: string, roots: Roots): Meaning {
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

/** Somebody has one of `nodes` open, where only one process can: whoever was seen, or another process. */
export function taken(nodes: readonly string[], roots: Roots): Meaning {
  return {
    kind: 'busy',
    why: `${heldBy(nodes, roots)} has it, or a device of it, open: only one process at a time can`,
    hint: endThatOne(nodes),
  };
}

/** What to do about who has `nodes` open. */
export function endThatOne(nodes: readonly string[]): string {
  return `end that one first; \`fuser -v ${nodes.join(' ')}\` as root tells who it is`;
}

/** 'qemu-system-x86 (process 4711)', or who it may be where nobody can be seen. */
export function heldBy(nodes: readonly string[], roots: Roots): string {
  return holderList(holdersOf(nodes, roots)) ?? 'another process';
}

/** The name of user or group `id` in /etc/passwd or /etc/group, else its number. */
function nameOf(id: number, file: string): string {
  const line = (attribute(file) ?? '').split('\n').find((one) => one.split(':')[2] === String(id));
  return line?.split(':')[0] ?? String(id);
}

function directory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
