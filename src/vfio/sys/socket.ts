import koffi from 'koffi';
import { POLLIN, POLLOUT, close, poll } from './libc.js';
import type { Result } from './libc.js';

/**
 * AF_UNIX stream sockets that carry file descriptors (SCM_RIGHTS), which node:net cannot. Every descriptor made or received here is
 * close-on-exec; nothing raises SIGPIPE. The structures are those of LP64 Linux, the same on x86-64 and aarch64.
 */

const lib = koffi.load(null);

const c = {
  socket: lib.func('int socket(int domain, int type, int protocol)'),
  socketpair: lib.func('int socketpair(int domain, int type, int protocol, void *fds)'),
  connect: lib.func('int connect(int fd, const void *address, unsigned int length)'),
  bind: lib.func('int bind(int fd, const void *address, unsigned int length)'),
  listen: lib.func('int listen(int fd, int backlog)'),
  accept4: lib.func('int accept4(int fd, void *address, void *length, int flags)'),
  setsockopt: lib.func('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)'),
  sendmsg: lib.func('sendmsg', 'intptr_t', ['int', 'uintptr_t', 'int']),
  recvmsg: lib.func('recvmsg', 'intptr_t', ['int', 'uintptr_t', 'int']),
  shutdown: lib.func('int shutdown(int fd, int how)'),
};

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;
const SCM_RIGHTS = 1;
const SHUT_RDWR = 2;
const MSG_CTRUNC = 0x8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

export const EINTR = 4;
export const EAGAIN = 11;
export const EINVAL = 22;
export const ENAMETOOLONG = 36;
export const ETIMEDOUT = 110;

/** Bytes of sun_path, its NUL included: 107 bytes of path are the most. Source: linux/un.h. */
export const SUN_PATH_SIZE = 108;

/** The most descriptors that the kernel passes in one message. Source: include/net/scm.h. */
export const SCM_MAX_FD = 253;

function result(value: number): Result {
  return value < 0 ? { value, errno: koffi.errno() } : { value, errno: 0 };
}

/** Bytes outside V8's heap, which stay at one address, for `send` and `receive`. */
export class NativeBuffer {
  readonly bytes: Buffer;
  readonly address: number;

  constructor(size: number) {
    // An ArrayBuffer made by itself never lies in the moving heap, as a small typed array may.
    this.bytes = Buffer.from(new ArrayBuffer(size));
    this.address = Number(koffi.address(this.bytes));
  }
}

/** struct msghdr (56 bytes), one struct iovec (16) and room for one struct cmsghdr (16) with SCM_MAX_FD descriptors; one a thread will do. */
const MSGHDR = { iov: 16, iovlen: 24, control: 32, controllen: 40, flags: 48 };
const IOVEC = 64;
const CONTROL = 80;
const CMSG_HEADER = 16;
const CONTROL_SIZE = CMSG_HEADER + Math.ceil((4 * SCM_MAX_FD) / 8) * 8;
const message = new NativeBuffer(CONTROL + CONTROL_SIZE);
const words = new DataView(message.bytes.buffer);
putWord(MSGHDR.iov, message.address + IOVEC);
putWord(MSGHDR.iovlen, 1);

/** One 64-bit word; addresses and sizes are below 2^53. */
function putWord(at: number, value: number): void {
  words.setUint32(at, value % 2 ** 32, true);
  words.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** Two connected sockets, or an errno. */
export function socketpair(): { readonly fds: readonly [number, number]; readonly errno: number } {
  const fds = Buffer.alloc(8);
  const made = result(c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  return made.errno === 0
    ? { fds: [fds.readInt32LE(0), fds.readInt32LE(4)], errno: 0 }
    : { fds: [-1, -1], errno: made.errno };
}

/**
 * A socket connected to the one at `path`. A listener whose queue is full is waited for no longer than `timeoutMs` (then ETIMEDOUT).
 * ENAMETOOLONG where the path does not fit sun_path.
 */
export function connect(path: string, timeoutMs: number): Result {
  return opened(path, (fd, address) => {
    const limit = Buffer.alloc(16);
    limit.writeBigInt64LE(BigInt(Math.floor(timeoutMs / 1000)), 0);
    limit.writeBigInt64LE(BigInt(Math.max(1, Math.floor((timeoutMs % 1000) * 1000))), 8);
    const set = result(c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, limit, limit.length));
    if (set.errno !== 0) return set;
    const connected = result(c.connect(fd, address, address.length));
    return connected.errno === EAGAIN ? { value: -1, errno: ETIMEDOUT } : connected;
  });
}

/** A socket that listens at `path`, which must not exist yet (EADDRINUSE); removing it afterwards is the caller's. */
export function listen(path: string, backlog = 1): Result {
  return opened(path, (fd, address) => {
    const bound = result(c.bind(fd, address, address.length));
    return bound.errno === 0 ? result(c.listen(fd, backlog)) : bound;
  });
}

function opened(path: string, use: (fd: number, address: Buffer) => Result): Result {
  const name = Buffer.from(path);
  if (name.length >= SUN_PATH_SIZE) return { value: -1, errno: ENAMETOOLONG };
  // An empty path would be an autobound or abstract socket, a NUL would cut the name short.
  if (name.length === 0 || name.includes(0)) return { value: -1, errno: EINVAL };
  const address = Buffer.alloc(2 + name.length + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  const fd = result(c.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.errno !== 0) return fd;
  const used = use(fd.value, address);
  if (used.errno === 0) return fd;
  close(fd.value);
  return used;
}

/** The next connection of a listening socket; blocks unless the socket is non-blocking (then EAGAIN). */
export function accept(fd: number): Result {
  return result(c.accept4(fd, null, null, SOCK_CLOEXEC));
}

/** Ends the connection in both directions for every holder of the socket; the descriptor stays open. */
export function shutdown(fd: number): Result {
  return result(c.shutdown(fd, SHUT_RDWR));
}

/** A point in time on performance.now()'s scale, in milliseconds; Infinity waits for ever. */
export type Deadline = number;

/**
 * Sends `length` bytes at `start` of `from`, all of them, with `fds` on the first. `value` is the number of bytes that went, also where an
 * errno says why the rest did not: ETIMEDOUT, EPIPE, ECONNRESET.
 */
export function send(
  fd: number,
  from: NativeBuffer,
  start: number,
  length: number,
  fds: readonly number[],
  deadline: Deadline,
): Result {
  let sent = 0;
  while (sent < length) {
    pointAt(from, start + sent, length - sent);
    if (fds.length > 0 && sent === 0) attach(fds);
    else putWord(MSGHDR.controllen, 0);
    const went = result(c.sendmsg(fd, message.address, MSG_NOSIGNAL | MSG_DONTWAIT));
    if (went.errno === 0) {
      sent += went.value;
      continue;
    }
    const errno = went.errno === EAGAIN || went.errno === EINTR ? wait(fd, POLLOUT, deadline) : went.errno;
    if (errno !== 0) return { value: sent, errno };
  }
  return { value: sent, errno: 0 };
}

function pointAt(buffer: NativeBuffer, start: number, length: number): void {
  if (start < 0 || length < 0 || start + length > buffer.bytes.length) {
    throw new RangeError(`${length} bytes at ${start} are outside a buffer of ${buffer.bytes.length}`);
  }
  putWord(IOVEC, buffer.address + start);
  putWord(IOVEC + 8, length);
}

function attach(fds: readonly number[]): void {
  if (fds.length > SCM_MAX_FD) throw new RangeError(`${fds.length} descriptors in one message, ${SCM_MAX_FD} at most`);
  const length = CMSG_HEADER + 4 * fds.length;
  putWord(MSGHDR.control, message.address + CONTROL);
  putWord(MSGHDR.controllen, Math.ceil(length / 8) * 8);
  putWord(CONTROL, length);
  words.setInt32(CONTROL + 8, SOL_SOCKET, true);
  words.setInt32(CONTROL + 12, SCM_RIGHTS, true);
  for (const [i, fd] of fds.entries()) words.setInt32(CONTROL + CMSG_HEADER + 4 * i, fd, true);
}

/** Waits until `fd` is ready, and says 0 or ETIMEDOUT or another errno. A hang-up counts as ready: the next call tells. */
function wait(fd: number, events: number, deadline: Deadline): number {
  for (;;) {
    // One look even past the deadline: what is already there is not late.
    const polled = poll(fd, events, deadline === Infinity ? -1 : Math.max(0, Math.ceil(deadline - performance.now())));
    if (polled.errno === EINTR) continue;
    if (polled.errno !== 0) return polled.errno;
    return polled.value === 0 ? ETIMEDOUT : 0;
  }
}

/** What one recvmsg(2) brought. The descriptors are the caller's to close. */
export interface Received {
  /** Bytes; 0 with errno 0 where the other side has hung up. */
  readonly value: number;
  readonly errno: number;
  readonly fds: readonly number[];
  /** MSG_CTRUNC: descriptors were sent that could not be received (this process may have too many open), and are lost. */
  readonly truncated: boolean;
}

const none: readonly number[] = [];

/** Receives what is there, at least 1 byte and at most `length`, to `start` of `into`; waits for it until `deadline` (then ETIMEDOUT). */
export function receive(fd: number, into: NativeBuffer, start: number, length: number, deadline: Deadline): Received {
  for (;;) {
    pointAt(into, start, length);
    putWord(MSGHDR.control, message.address + CONTROL);
    putWord(MSGHDR.controllen, CONTROL_SIZE);
    const came = result(c.recvmsg(fd, message.address, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
    if (came.errno === 0) {
      return {
        value: came.value,
        errno: 0,
        fds: detach(),
        truncated: (words.getInt32(MSGHDR.flags, true) & MSG_CTRUNC) !== 0,
      };
    }
    const errno = came.errno === EAGAIN || came.errno === EINTR ? wait(fd, POLLIN, deadline) : came.errno;
    if (errno !== 0) return { value: -1, errno, fds: none, truncated: false };
  }
}

/** The descriptors in the control buffer. Without SO_PASSCRED, SCM_RIGHTS is all that an AF_UNIX socket brings, and it comes once. */
function detach(): readonly number[] {
  if (words.getUint32(MSGHDR.controllen, true) < CMSG_HEADER) return none;
  if (words.getInt32(CONTROL + 8, true) !== SOL_SOCKET || words.getInt32(CONTROL + 12, true) !== SCM_RIGHTS)
    return none;
  const count = (words.getUint32(CONTROL, true) - CMSG_HEADER) >> 2;
  return Array.from({ length: count }, (_, i) => words.getInt32(CONTROL + CMSG_HEADER + 4 * i, true));
}
