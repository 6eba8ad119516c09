import { execFile } from 'node:child_process';
import { chownSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { VfioError } from '../../errors.js';
import { memlockLimit } from '../../sys/libc.js';
import { describeDevice } from '../bus-device.js';
import { ownerOf } from '../device-node.js';
import type { Roots } from '../roots.js';
import { attribute, exists } from '../sysfs.js';
import { cdevNode, containerNode, groupNode, iommufdNode } from '../way-in.js';
import type { Place } from './binding-state.js';

/** The user who is to have a device's nodes. */
export interface HandOver {
  readonly user: string;
  readonly uid: number;
}

/** Finds a user by name or number in /etc/passwd, else where else this machine knows users from. Throws VfioError of kind 'absent'. */
export async function findUser(user: string, roots: Roots): Promise<HandOver> {
  const lines = (attribute(join(roots.etc, 'passwd')) ?? '').split('\n').map((line) => line.split(':'));
  const line = lines.find(([name, , uid]) => name === user || uid === user);
  if (line !== undefined) return { user: line[0] ?? user, uid: Number(line[2]) };
  const uid = /^\d+$/.test(user) ? user : await idOf(user);
  if (uid !== undefined && Number(uid) < 2 ** 32 - 1) return { user, uid: Number(uid) };
  throw new VfioError({
    kind: 'absent',
    operation: `find the user ${user}`,
    why: 'this machine knows no user of that name',
    hint: 'give the name or the number of a user',
  });
}

/** Users that come from a directory service stand in no file: id(1) asks it. */
function idOf(user: string): Promise<string | undefined> {
  if (!/^[\w.][\w.@\\-]*\$?$/.test(user)) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    execFile('id', ['-u', user], { timeout: 10_000 }, (error, stdout) => {
      const text = stdout.trim();
      resolve(error === null && /^\d+$/.test(text) ? text : undefined);
    });
  });
}

/** The nodes of a bound device that are there: /dev/vfio/12, /dev/vfio/devices/vfio0. */
export function nodesOf({ bus, name }: Place, roots: Roots): string[] {
  const device = describeDevice(bus, name, roots);
  const group = device.iommuGroup === undefined ? undefined : groupNode(device, roots);
  return [group, cdevNode(device, roots)].flatMap((node) => node?.path ?? []).filter(exists);
}

/** Waits until udev has done what it does to new nodes: it would undo a change of their owner. Nothing where there is no udev. */
export function udevSettled(): Promise<void> {
  return new Promise((resolve) => {
    execFile('udevadm', ['settle', '--timeout=10'], { timeout: 15_000 }, () => resolve());
  });
}

/** Gives `nodes` to the user. Throws VfioError. */
export function giveNodes({ user, uid }: HandOver, nodes: readonly string[]): void {
  for (const node of nodes) {
    try {
      const { gid } = statSync(node);
      chownSync(node, uid, gid);
    } catch (error) {
      const errno = error instanceof Error && 'code' in error ? String(error.code) : undefined;
      throw new VfioError({
        kind: 'permission',
        operation: `give ${node} to ${user}`,
        ...(errno !== undefined && { errno }),
        why: 'the system refuses it',
      });
    }
  }
}

/** What the user needs besides the device's own nodes, as far as it can be seen from here. */
export function furtherNeeds({ user, uid }: HandOver, roots: Roots): string[] {
  const needs: string[] = [];
  for (const [{ path: node }, way] of [
    [containerNode(roots), '--via group'],
    [iommufdNode(roots), '--via cdev'],
  ] as const) {
    if (!exists(node) || mayUse(node, uid)) continue;
    needs.push(
      `${user} needs ${node} for ${way} as well: it belongs to ${ownerOf(node, roots)?.owner ?? 'somebody else'}`,
    );
  }
  const limit = memlockLimit();
  if (limit !== Infinity) {
    needs.push(
      `memory for DMA is locked, and here at most ${Math.floor(limit / 1024)} KiB may be: ulimit -l shows what ${user} has, ` +
        `a line "${user} - memlock unlimited" in /etc/security/limits.d raises it from the next login on`,
    );
  }
  return needs;
}

/** By owner or by everybody's bits; a group that the user is in is not looked for. */
function mayUse(node: string, uid: number): boolean {
  try {
    const { mode, uid: owner } = statSync(node);
    return uid === 0 || (mode & 0o006) === 0o006 || (owner === uid && (mode & 0o600) === 0o600);
  } catch {
    return false;
  }
}
