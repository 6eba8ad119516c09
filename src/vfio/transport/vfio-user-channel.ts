import { HEADER_SIZE, TYPE_COMMAND, TYPE_MASK, TYPE_REPLY, decodeHeader, encodeHeader } from '../abi/vfio-user.js';
import type { Header } from '../abi/vfio-user.js';
import { VfioError } from '../errors.js';
import { close, errnoName } from '../sys/libc.js';
import { ETIMEDOUT, NativeBuffer, receive, send } from '../sys/socket.js';
import type { Deadline } from '../sys/socket.js';

export interface ChannelOptions {
  /** The most payload that a message may have, in bytes, in either direction. */
  readonly maxPayload: number;
  /** The most descriptors that a message from the other side may carry. */
  readonly maxFds: number;
  /** What the other side is called in messages. */
  readonly peer: 'server' | 'client';
}

/** A whole message. Its payload is good until the next `receive`; its descriptors are the receiver's to close. */
export interface Message {
  readonly header: Header;
  readonly isReply: boolean;
  readonly payload: Buffer;
  readonly fds: readonly number[];
  /** Descriptors were sent that this process could not take (too many are open). */
  readonly fdsLost: boolean;
}

const OPERATION = 'talk over the vfio-user socket';

/**
 * Messages over a connected socket, framed and bounded: no message takes more memory than `maxPayload`, whatever its header says.
 * Throws VfioError: 'timeout' where nothing of a message could be sent in time, 'lost' where the other side has hung up, 'protocol' where
 * it broke the framing. After 'lost' or 'protocol' the stream means nothing any more; the owner closes the channel.
 */
export class VfioUserChannel {
  readonly fd: number;
  /** Where the payload of the next message to send is written. */
  readonly outgoing: Buffer;
  readonly #options: ChannelOptions;
  readonly #tx: NativeBuffer;
  readonly #rx: NativeBuffer;
  /** What has come of the message that is coming. */
  #got = 0;
  #fds: number[] = [];
  #fdsLost = false;
  #closed = false;

  /** Takes over `fd`. */
  constructor(fd: number, options: ChannelOptions) {
    this.fd = fd;
    this.#options = options;
    this.#tx = new NativeBuffer(HEADER_SIZE + options.maxPayload);
    this.#rx = new NativeBuffer(HEADER_SIZE + options.maxPayload);
    this.outgoing = this.#tx.bytes.subarray(HEADER_SIZE);
  }

  /** Sends a message whose payload is the first `length` bytes of `outgoing`. */
  send(header: Omit<Header, 'size'>, length: number, fds: readonly number[], deadline: Deadline): void {
    const size = HEADER_SIZE + length;
    encodeHeader(this.#tx.bytes, { ...header, size });
    const sent = send(this.fd, this.#tx, 0, size, fds, deadline);
    if (sent.errno === 0) return;
    const { peer } = this.#options;
    const errno = errnoName(sent.errno);
    if (errno === 'EPIPE' || errno === 'ECONNRESET') throw this.#broken('lost', `the ${peer} has hung up`, errno);
    if (sent.value > 0)
      throw this.#broken('lost', `the ${peer} took ${sent.value} bytes of a message of ${size}`, errno);
    if (sent.errno === ETIMEDOUT) throw this.#broken('timeout', `the ${peer} takes no messages`, errno);
    throw this.#broken('kernel', 'the message could not be sent', errno);
  }

  /** The next message, or undefined where it has not come whole by `deadline`; what has come of it is kept for the next call. */
  receive(deadline: Deadline): Message | undefined {
    let size = this.#expectedSize();
    while (this.#got < size) {
      const came = receive(this.fd, this.#rx, this.#got, size - this.#got, deadline);
      if (came.errno === ETIMEDOUT) return undefined;
      if (came.value <= 0) throw this.#hangup(size, came.errno);
      this.#got += came.value;
      this.#fds.push(...came.fds);
      this.#fdsLost ||= came.truncated;
      if (this.#got === HEADER_SIZE) size = this.#expectedSize();
    }
    return this.#take(size);
  }

  #expectedSize(): number {
    if (this.#got < HEADER_SIZE) return HEADER_SIZE;
    const size = this.#rx.bytes.readUInt32LE(4);
    const { peer } = this.#options;
    if (size < HEADER_SIZE) {
      throw this.#broken('protocol', `the ${peer} sent a message of ${size} bytes, less than its own header`);
    }
    if (size > this.#rx.bytes.length) {
      throw this.#broken('protocol', `the ${peer} sent a message of ${size} bytes, ${this.#rx.bytes.length} at most`);
    }
    return size;
  }

  #take(size: number): Message {
    const header = decodeHeader(this.#rx.bytes);
    const fds = this.#fds;
    const fdsLost = this.#fdsLost;
    const { peer, maxFds } = this.#options;
    if (fds.length > maxFds) {
      throw this.#broken(
        'protocol',
        `the ${peer} sent ${fds.length} file descriptors in one message, ${maxFds} at most`,
      );
    }
    const type = header.flags & TYPE_MASK;
    if (type !== TYPE_COMMAND && type !== TYPE_REPLY) {
      throw this.#broken('protocol', `the ${peer} sent a message that is neither command nor reply (type ${type})`);
    }
    this.#got = 0;
    this.#fds = [];
    this.#fdsLost = false;
    return { header, isReply: type === TYPE_REPLY, payload: this.#rx.bytes.subarray(HEADER_SIZE, size), fds, fdsLost };
  }

  #hangup(size: number, errno: number): VfioError {
    const where = this.#got === 0 ? '' : ` in the middle of a message (${this.#got} bytes of ${size})`;
    return this.#broken(
      'lost',
      `the ${this.#options.peer} has hung up${where}`,
      errno === 0 ? undefined : errnoName(errno),
    );
  }

  #broken(kind: 'lost' | 'protocol' | 'timeout' | 'kernel', why: string, errno?: string): VfioError {
    return new VfioError({ kind, operation: OPERATION, why, ...(errno !== undefined && { errno }) });
  }

  /** Closes the socket and what descriptors came with an unfinished message. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const fd of this.#fds) close(fd);
    this.#fds = [];
    close(this.fd);
  }
}
