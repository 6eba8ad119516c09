import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import {
  close,
  errnoName,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  memoryAt,
  MFD_CLOEXEC,
  mmap,
  munmap,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  pwrite,
} from '../libc.js';
import type { MachineCode } from './machine-code.js';

const lib = koffi.load(null);
const sigaction: (signal: number, action: Buffer | null, old: Buffer) => number = lib.func(
  'int sigaction(int signal, const void *action, void *old)',
);
const memfdCreate: (name: string, flags: number) => number = lib.func(
  'int memfd_create(const char *name, unsigned int flags)',
);
const fcntl: (fd: number, command: number, argument: number) => number = lib.func('fcntl', 'int', [
  'int',
  'int',
  'long',
]);
const mprotect: (address: number, length: number, protection: number) => number = lib.func(
  'int mprotect(uintptr_t address, size_t length, int protection)',
);
const memcmp: (address: number, bytes: Buffer, length: number) => number = lib.func(
  'int memcmp(uintptr_t one, const void *other, size_t length)',
);

/** linux/memfd.h, linux/fcntl.h and asm-generic/mman-common.h. */
const MFD_ALLOW_SEALING = 2;
const MFD_NOEXEC_SEAL = 8;
const PROT_NONE = 0;
const F_ADD_SEALS = 1033;
const F_SEAL_EVERYTHING = 0xf; // SEAL, SHRINK, GROW, WRITE

/** asm-generic/signal.h; libc adds SA_RESTORER itself. */
const SIGBUS = 7;
const SA_SIGINFO = 4;
const SA_ONSTACK = 0x08000000;
const SA_RESTART = 0x10000000;
const SA_NODEFER = 0x40000000;

/** libc's struct sigaction, the same on x86-64 and aarch64, glibc and musl: handler, 128 bytes of mask, flags, restorer. */
const action = { size: 152, handler: 0, flags: 136 } as const;

const pageName = 'vfiodbg-stubs';
const pageBytes = 4096;

/**
 * Puts `code` into executable memory and its SIGBUS handler in place; gives the address of the code, or why not.
 * The code is written through a memfd, sealed, and only then mapped, so it is at no time writable and executable; the
 * kernel makes the instruction cache see it when it maps it. It stays for the life of the process: a signal handler
 * must not go away. Threads share it: whoever finds it behind SIGBUS uses it. Threads that come at once may each put
 * one in place; then each passes on to the one it replaced, so that every one of them gets its own faults.
 */
export function installCode(code: MachineCode): { readonly base: number } | { readonly unavailable: string } {
  const bytes = Buffer.from(code.hex, 'hex');
  const before = Buffer.alloc(action.size);
  if (sigaction(SIGBUS, null, before) !== 0) return refused('sigaction', koffi.errno());
  const shared = sharedCode(handlerOf(before), code, bytes);
  if (shared !== undefined) return { base: shared };

  const mapped = mapCode(bytes, code.previous);
  if ('unavailable' in mapped) return mapped;
  const previous = new BigUint64Array(memoryAt(mapped.base + code.previous, 8));
  previous[0] = handlerOf(before);
  const replaced = Buffer.alloc(action.size);
  if (sigaction(SIGBUS, ourAction(mapped.base + code.handler, before), replaced) !== 0) {
    return refused('sigaction', koffi.errno());
  }
  previous[0] = handlerOf(replaced);
  // Nothing writes it again. Where this fails nothing is lost but a precaution.
  mprotect(mapped.base + code.previous, pageBytes, PROT_READ);
  return mapped;
}

function handlerOf(found: Buffer): bigint {
  return found.readBigUInt64LE(action.handler);
}

/** The mask of the action before is kept: its handler may rely on it when a foreign signal is passed on. */
function ourAction(handler: number, before: Buffer): Buffer {
  const ours = Buffer.from(before);
  ours.writeBigUInt64LE(BigInt(handler), action.handler);
  const kept = before.readUInt32LE(action.flags) & SA_NODEFER;
  ours.writeUInt32LE(SA_SIGINFO | SA_ONSTACK | SA_RESTART | kept, action.flags);
  return ours;
}

/** Where the code of SIGBUS's handler starts, if it is the very same code in a page made here. */
function sharedCode(handler: bigint, code: MachineCode, bytes: Buffer): number | undefined {
  const base = Number(handler) - code.handler;
  if (base <= 0) return undefined;
  const start = base.toString(16).padStart(8, '0');
  const line = readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .find((text) => text.startsWith(`${start}-`));
  if (!line?.includes(' r-xp ') || !line.includes(`/memfd:${pageName}`)) return undefined;
  return memcmp(base, bytes, bytes.length) === 0 ? base : undefined;
}

/** Maps the code, and a writable page `dataOffset` bytes behind its start. */
function mapCode(bytes: Buffer, dataOffset: number): { base: number } | { unavailable: string } {
  // Nobody execs this file, and kernels with vm.memfd_noexec=2 only grant such; before Linux 6.3 the flag is unknown.
  let fd = memfdCreate(pageName, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  if (fd < 0) fd = memfdCreate(pageName, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return refused('memfd_create', koffi.errno());
  try {
    const written = pwrite(fd, bytes, 0);
    if (written.errno !== 0) return refused('pwrite to a memfd', written.errno);
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_EVERYTHING) !== 0) return refused('sealing a memfd', koffi.errno());
    // Both in one reservation, so that the code finds its data at a fixed distance.
    const length = dataOffset + pageBytes;
    const area = mmap(length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area.errno !== 0) return refused('mmap', area.errno);
    const code = mmap(pageBytes, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0, area.value);
    if (code.errno !== 0) {
      munmap(area.value, length);
      return refused('mmap of executable memory', code.errno);
    }
    if (mprotect(area.value + dataOffset, pageBytes, PROT_READ | PROT_WRITE) !== 0) {
      return refused('mprotect', koffi.errno());
    }
    return { base: area.value };
  } finally {
    close(fd);
  }
}

function refused(what: string, errno: number): { unavailable: string } {
  return { unavailable: `${what} is refused: ${errnoName(errno)}` };
}
