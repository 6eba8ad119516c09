import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import { close, errnoName, MAP_PRIVATE, MFD_CLOEXEC, mmap, PROT_EXEC, PROT_READ, pwrite } from '../libc.js';
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
const memcmp: (address: number, bytes: Buffer, length: number) => number = lib.func(
  'int memcmp(uintptr_t one, const void *other, size_t length)',
);

/** linux/memfd.h and linux/fcntl.h. */
const MFD_ALLOW_SEALING = 2;
const MFD_NOEXEC_SEAL = 8;
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
 * The page is written through a memfd, sealed, and only then mapped, so it is at no time writable and executable; the
 * kernel makes the instruction cache see it when it maps the page. It stays for the life of the process: a signal
 * handler must not go away. Threads share it: whoever finds it behind SIGBUS uses it.
 */
export function installCode(code: MachineCode): { readonly base: number } | { readonly unavailable: string } {
  const bytes = Buffer.from(code.hex, 'hex');
  let before = Buffer.alloc(action.size);
  if (sigaction(SIGBUS, null, before) !== 0) return refused('sigaction', koffi.errno());
  const shared = sharedPage(handlerOf(before), code, bytes);
  if (shared !== undefined) return { base: shared };

  let expected = handlerOf(before);
  for (;;) {
    bytes.writeBigUInt64LE(handlerOf(before), code.previous);
    const page = mapCode(bytes);
    if ('unavailable' in page) return page;
    const handler = BigInt(page.base + code.handler);
    const found = Buffer.alloc(action.size);
    if (sigaction(SIGBUS, ourAction(handler, before), found) !== 0) return refused('sigaction', koffi.errno());
    if (handlerOf(found) === expected) return page;
    // Another thread put its handler in place meanwhile. Its page may still be in use, so a new page of ours goes
    // before it, and the one just made stays behind unused.
    before = found;
    expected = handler;
  }
}

function handlerOf(found: Buffer): bigint {
  return found.readBigUInt64LE(action.handler);
}

/** The mask of the action before is kept: its handler may rely on it when a foreign signal is passed on. */
function ourAction(handler: bigint, before: Buffer): Buffer {
  const ours = Buffer.from(before);
  ours.writeBigUInt64LE(handler, action.handler);
  const kept = before.readUInt32LE(action.flags) & SA_NODEFER;
  ours.writeUInt32LE(SA_SIGINFO | SA_ONSTACK | SA_RESTART | kept, action.flags);
  return ours;
}

/** The page that SIGBUS's handler lies in, if it is one of these and holds the very same code. */
function sharedPage(handler: bigint, code: MachineCode, bytes: Buffer): number | undefined {
  const base = Number(handler) - code.handler;
  if (base <= 0) return undefined;
  const start = base.toString(16).padStart(8, '0');
  const line = readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .find((text) => text.startsWith(`${start}-`));
  if (!line?.includes(' r-xp ') || !line.includes(`/memfd:${pageName}`)) return undefined;
  return memcmp(base, bytes, code.previous) === 0 ? base : undefined;
}

function mapCode(bytes: Buffer): { base: number } | { unavailable: string } {
  // Nobody execs this file, and kernels with vm.memfd_noexec=2 only grant such; before Linux 6.3 the flag is unknown.
  let fd = memfdCreate(pageName, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  if (fd < 0) fd = memfdCreate(pageName, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return refused('memfd_create', koffi.errno());
  try {
    const written = pwrite(fd, bytes, 0);
    if (written.errno !== 0) return refused('pwrite to a memfd', written.errno);
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_EVERYTHING) !== 0) return refused('sealing a memfd', koffi.errno());
    const mapped = mmap(pageBytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (mapped.errno !== 0) return refused('mmap of executable memory', mapped.errno);
    return { base: mapped.value };
  } finally {
    close(fd);
  }
}

function refused(what: string, errno: number): { unavailable: string } {
  return { unavailable: `${what} is refused: ${errnoName(errno)}` };
}
