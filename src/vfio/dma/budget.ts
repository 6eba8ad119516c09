import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { VfioError } from '../errors.js';
import { memlockLimit } from '../sys/libc.js';
import type { Via } from '../transport/transport.js';
import { bytesText } from './mapping.js';
import type { Place } from './request.js';

/** Locked memory of this process, in bytes. Source: getrlimit(2), proc_pid_status(5). */
export interface LockedMemory {
  /** RLIMIT_MEMLOCK, or Infinity. */
  readonly limit: number;
  /** What counts against it: VmLck for a container, VmPin for iommufd. */
  readonly used: number;
  /** CAP_IPC_LOCK lifts the limit. */
  readonly exempt: boolean;
}

const CAP_IPC_LOCK = 14n;

/** What to do about RLIMIT_MEMLOCK. */
export const raiseLimit = 'raise it before starting, with `ulimit -l unlimited`';

/** Buffers from this size on are compared with the memory that the machine has left; smaller ones are not worth the question. */
const LARGE = 64 * 2 ** 20;

/** What this process may lock, and has locked. */
export function lockedMemory(via: Via): LockedMemory {
  const status = readFileSync('/proc/self/status', 'latin1');
  const field = (name: string): string => new RegExp(`^${name}:\\s*(\\w+)`, 'm').exec(status)?.[1] ?? '0';
  const capabilities = BigInt(`0x${field('CapEff')}`);
  return {
    limit: memlockLimit(),
    used: Number(field(via === 'cdev' ? 'VmPin' : 'VmLck')) * 1024,
    exempt: ((capabilities >> CAP_IPC_LOCK) & 1n) === 1n,
  };
}

let exempt: boolean | undefined;

/** Throws VfioError 'limit' where the kernel would not let this process pin `size` bytes more. vfio-user pins nothing. */
export function checkLocked(size: number, via: Via, place: Place): void {
  if (via !== 'group' && via !== 'cdev') return;
  if (exempt === true || memlockLimit() === Infinity) return;
  const locked = lockedMemory(via);
  exempt = locked.exempt;
  if (locked.exempt || locked.used + size <= locked.limit) return;
  throw new VfioError({
    kind: 'limit',
    ...place,
    why:
      `${bytesText(size)} would be pinned for the device: the limit (RLIMIT_MEMLOCK) is ${bytesText(locked.limit)} ` +
      `and ${bytesText(locked.used)} are in use`,
    hint: `${raiseLimit}, or map less`,
  });
}

/** Throws VfioError 'limit' where the machine has not that much memory left: running out of it ends processes. */
export function checkMemory(size: number, place: Place): void {
  if (size < LARGE) return;
  const left = freemem();
  if (size <= left) return;
  throw new VfioError({
    kind: 'limit',
    ...place,
    why: `${bytesText(size)} are asked for and the machine has ${Math.floor(left / 2 ** 20)} MiB left`,
    hint: 'ask for less',
  });
}

/** Throws VfioError 'limit' where the container, or the server, has no mapping left. `made` are there already. */
export function checkEntries(left: number | undefined, made: number, via: Via, place: Place): void {
  if (left === undefined || left > 0) return;
  throw new VfioError({
    kind: 'limit',
    ...place,
    why: `all ${made} mappings that ${via === 'vfio-user' ? 'the server takes' : 'a container can have'} are in use`,
    hint:
      via === 'vfio-user'
        ? 'unmap some, or map larger pieces'
        : 'unmap some, map larger pieces, or raise vfio_iommu_type1.dma_entry_limit',
  });
}
