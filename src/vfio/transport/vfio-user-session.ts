import { FLAG_ERROR, FLAG_NO_REPLY, TYPE_REPLY, commandName } from '../abi/vfio-user.js';
import { VfioError } from '../errors.js';
import type { FailureDetails, FailureKind } from '../errors.js';
import { close, errnoName, onReadable } from '../sys/libc.js';
import type { Readiness } from '../sys/libc.js';
import type { Deadline } from '../sys/socket.js';
import { widths } from '../width.js';
import { VfioUserChannel } from './vfio-user-channel.js';
import type { Message } from './vfio-user-channel.js';
import { DmaTable } from './vfio-user-dma.js';

/** What a call does, for its error. `region`, `offset` and `bytes` where it is an access. */
export interface Place {
  readonly operation: string;
  readonly region?: number;
  readonly offset?: number;
  readonly bytes?: number;
  /** The kind of failure that an error reply means, whatever its errno; by default the errno decides. */
  readonly refusal?: FailureKind;
  /** One thing to try where this fails, before all general advice. */
  readonly hint?: string;
}

export interface SessionOptions {
  readonly timeoutMs: number;
  /** The most payload of a message in either direction, in bytes. */
  readonly maxPayload: number;
  readonly maxFds: number;
}

/** Messages handled in one turn of the event loop, so that a server that floods does not starve the prompt. */
const MESSAGES_PER_TURN = 64;

/** How long a reply to the server may block the event loop while nothing else goes on, in milliseconds. */
const IDLE_REPLY_MS = 250;

/** Requests without an answer before the server is given up. */
const MOST_ABANDONED = 256;

const kinds = new Map<string, FailureKind>([
  ['EPERM', 'permission'],
  ['EACCES', 'permission'],
  ['EBUSY', 'busy'],
  ['EEXIST', 'busy'],
  ['ENOTSUP', 'unsupported'],
  ['EOPNOTSUPP', 'unsupported'],
  ['ENOSYS', 'unsupported'],
  ['ENOTTY', 'unsupported'],
  ['ENOMEM', 'limit'],
  ['ENOSPC', 'limit'],
  ['EMFILE', 'limit'],
  ['ENFILE', 'limit'],
]);

/**
 * The client's side of a vfio-user connection: one request at a time, each with its deadline, and the server's own requests (DMA_READ and
 * DMA_WRITE) served whenever they come, also while the program idles. It never keeps the process alive by itself.
 * The late reply to a request that timed out is dropped when it comes. A server that hangs up or breaks the protocol ends the session:
 * everything after that fails with kind 'lost' and says why.
 */
export class VfioUserSession {
  readonly name: string;
  readonly dma = new DmaTable();
  readonly #channel: VfioUserChannel;
  readonly #timeoutMs: number;
  readonly #watch: Readiness;
  readonly #listeners = new Set<(reason: FailureDetails) => void>();
  /** Ids of requests that timed out. */
  readonly #abandoned = new Set<number>();
  #nextId = 0;
  /** Why the session is over. */
  #over: FailureDetails | undefined;

  /** Takes over `fd`. */
  constructor(fd: number, name: string, options: SessionOptions) {
    this.name = name;
    this.#timeoutMs = options.timeoutMs;
    this.#channel = new VfioUserChannel(fd, { maxPayload: options.maxPayload, maxFds: options.maxFds, peer: 'server' });
    this.#watch = onReadable(fd, () => this.#idle());
    this.#watch.unref();
  }

  /** Where the payload of the next call is written. */
  get outgoing(): Buffer {
    return this.#channel.outgoing;
  }

  /**
   * Sends a command whose payload is the first `length` bytes of `outgoing`, and waits for its reply, which must not carry more than
   * `takesFds` descriptors. The reply's payload is good until the next call; its descriptors are the caller's.
   */
  call(command: number, length: number, place: Place, fds: readonly number[] = [], takesFds = 0): Message {
    if (this.#over !== undefined) throw this.failure(place, this.#over);
    const deadline = performance.now() + this.#timeoutMs;
    const id = this.#takeId();
    try {
      this.#channel.send({ id, command, flags: 0, errno: 0 }, length, fds, deadline);
      for (;;) {
        const message = this.#channel.receive(deadline);
        if (message === undefined) throw this.#timeout(id, place);
        if (!this.#handled(message, deadline)) return this.#checked(message, id, command, place, takesFds);
        if (performance.now() > deadline) throw this.#timeout(id, place);
      }
    } catch (error) {
      throw this.#noted(error, place);
    }
  }

  /** A VfioError at `place`. */
  failure(place: Place, details: Pick<FailureDetails, 'kind' | 'why' | 'errno' | 'hint'>): VfioError {
    const { kind, why, errno } = details;
    const hint = place.hint ?? details.hint;
    const width = widths.find((bits) => bits === (place.bytes ?? 0) * 8);
    return new VfioError({
      kind,
      operation: place.operation,
      why,
      device: this.name,
      ...(hint !== undefined && { hint }),
      ...(errno !== undefined && { errno }),
      ...(place.region !== undefined && { space: `region${place.region}` }),
      ...(place.offset !== undefined && { offset: place.offset }),
      ...(width !== undefined && { width }),
    });
  }

  /** The server broke the protocol with what it answered at `place`: ends the session. */
  violation(place: Place, why: string): VfioError {
    return this.#noted(this.failure(place, { kind: 'protocol', why }), place);
  }

  /** Calls back once when the session ends other than by `close`, on the event loop. */
  onLost(listener: (reason: FailureDetails) => void): void {
    this.#listeners.add(listener);
    if (this.#over !== undefined) this.#tell(this.#over);
  }

  /** Ends the session from this side. */
  close(): void {
    this.#listeners.clear();
    this.#end('the device was closed', 'open it again');
  }

  #takeId(): number {
    do this.#nextId = (this.#nextId + 1) & 0xffff;
    while (this.#abandoned.has(this.#nextId));
    return this.#nextId;
  }

  #timeout(id: number, place: Place): VfioError {
    this.#abandoned.add(id);
    if (this.#abandoned.size > MOST_ABANDONED) {
      return this.failure(place, { kind: 'lost', why: `the server left ${MOST_ABANDONED} requests without an answer` });
    }
    return this.failure(place, {
      kind: 'timeout',
      why: `the server gave no answer in ${this.#timeoutMs} ms`,
      hint: 'the server may be busy or stopped; its answer is dropped when it comes',
    });
  }

  /** Serves a command of the server, or drops a late reply; false for any other reply. */
  #handled(message: Message, deadline: Deadline): boolean {
    if (message.isReply) {
      if (!this.#abandoned.delete(message.header.id)) return false;
      closeAll(message.fds);
      return true;
    }
    closeAll(message.fds);
    const { id, command, flags } = message.header;
    const answer = this.dma.serve(message, this.#channel.outgoing);
    if ((flags & FLAG_NO_REPLY) !== 0) return true;
    const { errno, length } = 'errno' in answer ? { ...answer, length: 0 } : { ...answer, errno: 0 };
    const reply = { id, command, flags: errno === 0 ? TYPE_REPLY : TYPE_REPLY | FLAG_ERROR, errno };
    try {
      this.#channel.send(reply, length, [], deadline);
    } catch (error) {
      // A server that takes no reply will not get better by being asked again.
      if (error instanceof VfioError) throw new VfioError({ ...error.details, kind: 'lost' });
      throw error;
    }
    return true;
  }

  #checked(message: Message, id: number, command: number, place: Place, takesFds: number): Message {
    const { header, fds } = message;
    const fault = this.#fault(message, id, command, takesFds);
    if (fault !== undefined) {
      closeAll(fds);
      throw this.failure(place, { kind: 'protocol', why: fault });
    }
    if ((header.flags & FLAG_ERROR) !== 0) {
      closeAll(fds);
      throw this.#refused(header.errno, place);
    }
    if (message.fdsLost) {
      closeAll(fds);
      throw this.failure(place, {
        kind: 'limit',
        why: 'the server sent file descriptors, and this process cannot open any more',
        hint: 'raise the limit with ulimit -n',
      });
    }
    return message;
  }

  #fault(message: Message, id: number, command: number, takesFds: number): string | undefined {
    const { header, fds } = message;
    if (header.id !== id) return strayReply(message);
    if (header.command !== command)
      return `the server answered ${commandName(command)} with ${commandName(header.command)}`;
    if (fds.length > takesFds) {
      return `the server sent ${fds.length} file descriptors with ${commandName(command)}, ${takesFds} at most`;
    }
    return undefined;
  }

  #refused(number: number, place: Place): VfioError {
    const errno = number === 0 ? undefined : errnoName(number);
    const kind = place.refusal ?? kinds.get(errno ?? '') ?? 'kernel';
    const why = errno === undefined ? 'the server refused it and gave no reason' : 'the server refused it';
    return this.failure(place, { kind, why, ...(errno !== undefined && { errno }) });
  }

  /** What the server says while no call waits. */
  #idle(): void {
    if (this.#over !== undefined) return;
    const place = { operation: 'serve the server' };
    try {
      for (let i = 0; i < MESSAGES_PER_TURN; i += 1) {
        const message = this.#channel.receive(0);
        if (message === undefined) return;
        if (this.#handled(message, performance.now() + IDLE_REPLY_MS)) continue;
        closeAll(message.fds);
        throw this.failure(place, { kind: 'protocol', why: strayReply(message) });
      }
    } catch (error) {
      this.#noted(error, place);
    }
  }

  /** The error at its place; one after which the stream means nothing ends the session. */
  #noted(error: unknown, place: Place): VfioError {
    if (!(error instanceof VfioError)) throw error;
    const placed = error.details.device === undefined ? this.failure(place, error.details) : error;
    const { kind, why } = placed.details;
    const hint = 'see what the server says, start it again, and open the device again';
    if (kind === 'lost') this.#end(why, hint);
    else if (kind === 'protocol') this.#end(`the connection was closed because ${why}`, hint);
    return placed;
  }

  #end(why: string, hint: string): void {
    if (this.#over !== undefined) return;
    this.#over = { kind: 'lost', operation: 'talk to the server', device: this.name, why, hint };
    this.#watch.close();
    this.#channel.close();
    this.dma.clear();
    this.#tell(this.#over);
  }

  #tell(reason: FailureDetails): void {
    if (this.#listeners.size === 0) return;
    setImmediate(() => {
      for (const listener of this.#listeners) listener(reason);
      this.#listeners.clear();
    });
  }
}

function closeAll(fds: readonly number[]): void {
  for (const fd of fds) close(fd);
}

function strayReply({ header }: Message): string {
  return `the server sent a reply to a request that was not made (${commandName(header.command)}, id ${header.id})`;
}
