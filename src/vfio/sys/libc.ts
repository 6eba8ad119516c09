import koffi from 'koffi';

/**
 * What a libc call gave back: `value` is its return value and `errno` is 0 where the call succeeded, else the errno
 * (always positive). Calls never throw for what the kernel says; the layers above decide what an errno means.
 */
export interface Result {
  readonly value: number;
  readonly errno: number;
}

const lib = koffi.load(null);

const c = {
  open: lib.func('int open(const char *path, int flags, unsigned int mode)'),
  close: lib.func('int close(int fd)'),
  ioctl: lib.func('ioctl', 'int', ['int', 'unsigned long', 'void *']),
  ioctlValue: lib.func('ioctl', 'int', ['int', 'unsigned long', 'unsigned long']),
  pread: lib.func('intptr_t pread64(int fd, void *buffer, size_t count, int64_t offset)'),
  pwrite: lib.func('intptr_t pwrite64(int fd, const void *buffer, size_t count, int64_t offset)'),
  mmap: lib.func('mmap64', 'intptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']),
  munmap: lib.func('int munmap(uintptr_t address, size_t length)'),
  memfdCreate: lib.func('int memfd_create(const char *name, unsigned int flags)'),
  ftruncate: lib.func('int ftruncate64(int fd, int64_t length)'),
  eventfd: lib.func('int eventfd(unsigned int initial, int flags)'),
  read: lib.func('read', 'intptr_t', ['int', 'void *', 'size_t']),
  write: lib.func('intptr_t write(int fd, const void *buffer, size_t count)'),
  poll: lib.func('int poll(void *fds, unsigned long count, int timeout)'),
  fcntl: lib.func('fcntl', 'int', ['int', 'int', 'long']),
  getrlimit: lib.func('int getrlimit(int resource, void *limit)'),
  sysconf: lib.func('long sysconf(int name)'),
};

function result(value: number): Result {
  return value < 0 ? { value, errno: koffi.errno() } : { value, errno: 0 };
}

/** Flags of open(2), mmap(2), memfd_create(2), eventfd(2), poll(2) and fcntl(2), from asm-generic headers. */
export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;
export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_HUGETLB = 0x40000;
export const MFD_CLOEXEC = 1;
export const MFD_HUGETLB = 4;
export const EFD_CLOEXEC = 0o2000000;
export const EFD_NONBLOCK = 0o4000;
export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;
export const POLLNVAL = 32;

/** open(2) with O_CLOEXEC added. */
export function open(path: string, flags: number): Result {
  return result(c.open(path, flags | O_CLOEXEC, 0) as number);
}

export function close(fd: number): Result {
  return result(c.close(fd) as number);
}

/** ioctl(2) whose argument is a pointer to `argument`, which the kernel may fill. */
export function ioctl(fd: number, request: number, argument: Uint8Array | null): Result {
  return result(c.ioctl(fd, request, argument) as number);
}

/** ioctl(2) whose argument is the number itself (VFIO_SET_IOMMU, VFIO_CHECK_EXTENSION). */
export function ioctlValue(fd: number, request: number, argument: number): Result {
  return result(c.ioctlValue(fd, request, argument) as number);
}

/** One pread(2) of the whole of `into`; `value` is the number of bytes that came. */
export function pread(fd: number, into: Uint8Array, offset: number | bigint): Result {
  return result(c.pread(fd, into, into.byteLength, offset) as number);
}

/** One pwrite(2) of the whole of `from`; `value` is the number of bytes that went. */
export function pwrite(fd: number, from: Uint8Array, offset: number | bigint): Result {
  return result(c.pwrite(fd, from, from.byteLength, offset) as number);
}

/**
 * mmap(2) at an address of the kernel's choosing (or at `at` with MAP_FIXED).
 * `value` is the address: user addresses are below 2^47 (2^52 with LVA), so a number holds them.
 */
export function mmap(length: number, prot: number, flags: number, fd: number, offset: number | bigint, at = 0): Result {
  return result(Number(c.mmap(at, length, prot, flags, fd, offset)));
}

export function munmap(address: number, length: number): Result {
  return result(c.munmap(address, length) as number);
}

/** memfd_create(2) with MFD_CLOEXEC, sized to `size` bytes. */
export function memfd(name: string, size: number): Result {
  const made = result(c.memfdCreate(name, MFD_CLOEXEC) as number);
  if (made.errno !== 0) return made;
  const sized = ftruncate(made.value, size);
  if (sized.errno === 0) return made;
  close(made.value);
  return sized;
}

const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_SEAL_SEAL_SHRINK_GROW = 1 | 2 | 4;

/**
 * memfd_create(2), sized to `size` bytes and sealed there: whoever else gets the descriptor cannot shorten the file under its mappings.
 * With `huge` it is made of huge pages of the default size.
 */
export function sealedMemfd(name: string, size: number, huge = false): Result {
  const made = result(c.memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB : 0)) as number);
  if (made.errno !== 0) return made;
  const sized = ftruncate(made.value, size);
  const sealed =
    sized.errno === 0 ? result(c.fcntl(made.value, F_ADD_SEALS, F_SEAL_SEAL_SHRINK_GROW) as number) : sized;
  if (sealed.errno === 0) return made;
  close(made.value);
  return sealed;
}

export function ftruncate(fd: number, size: number): Result {
  return result(c.ftruncate(fd, size) as number);
}

/** eventfd(2), close-on-exec and non-blocking, counter 0. */
export function eventfd(): Result {
  return result(c.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) as number);
}

const counter = Buffer.alloc(8);

/** Reads and clears an eventfd's counter: the count as bigint, 0n where it is empty (EAGAIN). */
export function eventfdTake(fd: number): bigint {
  return (c.read(fd, counter, 8) as number) === 8 ? counter.readBigUInt64LE() : 0n;
}

/** Adds `count` to an eventfd's counter. */
export function eventfdAdd(fd: number, count = 1n): Result {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(count);
  return result(c.write(fd, bytes, 8) as number);
}

/** read(2) into the whole of `into`. */
export function read(fd: number, into: Uint8Array): Result {
  return result(c.read(fd, into, into.byteLength) as number);
}

/** write(2) of the whole of `from`. */
export function write(fd: number, from: Uint8Array): Result {
  return result(c.write(fd, from, from.byteLength) as number);
}

/** poll(2) on one descriptor; `value` is its revents, 0 after `timeoutMs` (-1 waits for ever). */
export function poll(fd: number, events: number, timeoutMs: number): Result {
  const entry = Buffer.alloc(8);
  entry.writeInt32LE(fd, 0);
  entry.writeInt16LE(events, 4);
  const polled = result(c.poll(entry, 1, timeoutMs) as number);
  return polled.value > 0 ? { value: entry.readInt16LE(6), errno: 0 } : polled;
}

const F_GETFL = 3;
const F_SETFL = 4;

/** Sets or clears O_NONBLOCK. */
export function setNonBlocking(fd: number, on: boolean): Result {
  const flags = result(c.fcntl(fd, F_GETFL, 0) as number);
  if (flags.errno !== 0) return flags;
  return result(c.fcntl(fd, F_SETFL, on ? flags.value | O_NONBLOCK : flags.value & ~O_NONBLOCK) as number);
}

/** RLIMIT_MEMLOCK of this process in bytes, or Infinity. */
export function memlockLimit(): number {
  const RLIMIT_MEMLOCK = 8;
  const RLIM_INFINITY = 0xffffffffffffffffn;
  const limit = Buffer.alloc(16);
  if (result(c.getrlimit(RLIMIT_MEMLOCK, limit) as number).errno !== 0) return 0;
  const soft = limit.readBigUInt64LE(0);
  return soft === RLIM_INFINITY ? Infinity : Number(soft);
}

let page = 0;

/** The MMU's page size in bytes. */
export function pageSize(): number {
  const SC_PAGESIZE = 30;
  if (page === 0) page = Number(c.sysconf(SC_PAGESIZE));
  return page;
}

/**
 * Plain memory (a memfd, anonymous memory, a DMA buffer) as an ArrayBuffer over its own bytes.
 * Never for device registers: V8 may merge, split or drop typed-array accesses.
 */
export function memoryAt(address: number, length: number): ArrayBuffer {
  return koffi.view(BigInt(address), length);
}

/** Where the bytes of an array of JavaScript are in this process. They stay there as long as its ArrayBuffer is reachable. */
export function addressOf(bytes: Uint8Array): number {
  return Number(koffi.address(bytes.buffer)) + bytes.byteOffset;
}

/** The name of an errno, such as 'EIO'; 'errno 12345' for one that libc does not name here. */
export function errnoName(errno: number): string {
  if (names.size === 0) {
    for (const [name, number] of Object.entries(koffi.os.errno)) if (!aliases.has(name)) names.set(number, name);
  }
  return names.get(errno) ?? `errno ${errno}`;
}
const names = new Map<number, string>();
const aliases = new Set(['EWOULDBLOCK', 'ENOTSUP', 'EDEADLOCK']);

/** A handle that calls back on libuv's loop; close() it, unref() keeps it from holding the process. Nothing happens once it is closed. */
export interface Readiness {
  close(): void;
  ref(): void;
  unref(): void;
}

/**
 * The handles that are open. One that calls back while its thread is being torn down makes koffi end the process with a fatal error
 * ("napi_throw"), so none is left open by then.
 */
const watched = new Set<Readiness>();
process.on('exit', () => {
  for (const readiness of watched) readiness.close();
});

/** Calls `ready` on the event loop whenever `fd` is readable or hung up. What it throws is an uncaught exception. */
export function onReadable(fd: number, ready: () => void): Readiness {
  const handle = koffi.node.poll(fd, { readable: true, disconnect: true }, () => {
    try {
      ready();
    } catch (error) {
      // koffi would swallow it and call again for ever.
      if (watched.has(readiness)) handle.stop();
      setImmediate(() => {
        throw error;
      });
    }
  });
  const readiness: Readiness = {
    // koffi reaches into freed memory where a closed handle is used again.
    close: () => {
      if (watched.delete(readiness)) handle.close();
    },
    ref: () => {
      if (watched.has(readiness)) handle.ref();
    },
    unref: () => {
      if (watched.has(readiness)) handle.unref();
    },
  };
  watched.add(readiness);
  return readiness;
}
