import { join } from 'node:path';
import type { Roots } from '../bus/roots.js';
import { attribute } from '../bus/sysfs.js';

/** What /proc says of this process. */
export interface OwnProcess {
  /** Effective user id. */
  readonly uid: number;
  /** Its name, or its number. */
  readonly user: string;
  /** Bit mask of effective capabilities. */
  readonly capabilities: bigint;
  /** RLIMIT_MEMLOCK in bytes, or Infinity. */
  readonly lockable: number;
  /** In a user namespace of its own, where root is not the machine's. */
  readonly contained: boolean;
}

/** Source: linux/capability.h. */
export const CAP_IPC_LOCK = 14n;

export function ownProcess(roots: Roots): OwnProcess {
  const status = attribute(join(roots.proc, 'self/status')) ?? '';
  const field = (name: string): string[] =>
    (new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1] ?? '').split(/\s+/);
  const uid = Number(field('Uid')[1] ?? process.geteuid?.() ?? 0);
  const users = (attribute(join(roots.etc, 'passwd')) ?? '').split('\n').map((line) => line.split(':'));
  const limit = /^Max locked memory\s+(\S+)/m.exec(attribute(join(roots.proc, 'self/limits')) ?? '')?.[1];
  const map = (attribute(join(roots.proc, 'self/uid_map')) ?? '').trim().split(/\s+/);
  return {
    uid,
    user: users.find((entry) => entry[2] === String(uid))?.[0] ?? String(uid),
    capabilities: BigInt(`0x${field('CapEff')[0] || '0'}`),
    lockable: limit === undefined || limit === 'unlimited' ? Infinity : Number(limit),
    contained: map.length === 3 && map[2] !== '4294967295',
  };
}

export function hasCapability({ capabilities }: OwnProcess, capability: bigint): boolean {
  return ((capabilities >> capability) & 1n) === 1n;
}
