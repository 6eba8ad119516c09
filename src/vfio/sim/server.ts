import { decodeIrqSet } from '../abi/irq-set.js';
import {
  Command,
  DMA_ACCESS_SIZE,
  FLAG_ERROR,
  FLAG_NO_REPLY,
  MAJOR,
  MINOR,
  REGION_ACCESS_SIZE,
  TYPE_COMMAND,
  TYPE_REPLY,
  decodeDmaAccess,
  decodeDmaMap,
  decodeDmaUnmap,
  decodeInfoRequest,
  decodeRegionAccess,
  encodeDmaAccess,
  encodeRegionAccess,
} from '../abi/vfio-user.js';
import { DEFAULT_CAPABILITIES, decodeVersion, encodeVersion, type Capabilities } from '../abi/vfio-user-version.js';
import {
  DEVICE_INFO_BYTES,
  IRQ_INFO_BYTES,
  REGION_INFO_BYTES,
  encodeDeviceInfo,
  encodeIrqInfo,
  encodeRegionInfo,
} from '../abi/vfio.js';
import { VfioError } from '../errors.js';
import * as libc from '../sys/libc.js';
import { SCM_MAX_FD } from '../sys/socket.js';
import { VfioUserChannel, type Message } from '../transport/vfio-user-channel.js';
import { SimulatedDevice } from './device.js';
import { DmaSpace } from './dma-space.js';
import { EINVAL, EIO, EOPNOTSUPP, EPROTO, Refusal, type ModelFactory } from './model.js';

/** What this side announces. */
const OURS: Capabilities = {
  ...DEFAULT_CAPABILITIES,
  maxMsgFds: SCM_MAX_FD,
  maxDataXferSize: 1 << 20,
  writeMultiple: false,
};

/** Room for the fixed parts of any message beside its data. */
const FIXED_PARTS = 64;

/** How long a client may leave an answer lying before it is dropped: nothing else is served meanwhile. */
const SEND_TIMEOUT_MS = 1000;

/** How long a client may take to answer a DMA request. */
const DMA_TIMEOUT_MS = 5000;

/** Messages answered before timers and other descriptors get their turn. */
const BATCH = 64;

/** What a command is answered with: the length of the payload that was written to the channel's buffer, and descriptors. */
interface Answer {
  readonly length: number;
  readonly fds?: readonly number[];
}

const nothing: Answer = { length: 0 };

interface PendingDma {
  readonly id: number;
  readonly command: number;
  readonly settle: (reply: Message | Refusal) => void;
  readonly timeout: NodeJS.Timeout;
}

/**
 * The server's side of the vfio-user protocol (docs/interop/vfio-user.rst of QEMU) for one client and one simulated device. A client
 * that breaks the protocol is answered with an errno, or dropped where the stream has lost its meaning; it cannot make the server throw, block for
 * more than a second, or take memory without bound. When it leaves, the device is gone with all that was the client's.
 */
export class VfioUserServer {
  readonly #channel: VfioUserChannel;
  readonly #device: SimulatedDevice;
  readonly #dma: DmaSpace;
  readonly #ready: libc.Readiness;
  readonly #closed: () => void;
  readonly #pending = new Map<number, PendingDma>();
  #peer: Capabilities | undefined;
  #nextId = 0;
  #open = true;

  /**
   * Serves the client at the other end of `fd`, a connected socket that is the server's from now on; calls `closed` once when that is over.
   * Throws a Refusal, with `fd` closed, where there is no memory or no descriptor for the device.
   */
  constructor(name: string, factory: ModelFactory, fd: number, closed: () => void) {
    this.#closed = closed;
    this.#channel = new VfioUserChannel(fd, {
      maxPayload: OURS.maxDataXferSize + FIXED_PARTS,
      maxFds: SCM_MAX_FD,
      peer: 'client',
    });
    this.#dma = new DmaSpace(
      {
        maxMappings: OURS.maxDmaMaps,
        maxTransfer: () => Math.min(this.#capabilities.maxDataXferSize, OURS.maxDataXferSize),
      },
      { read: (iova, length) => this.#dmaRead(iova, length), write: (iova, bytes) => this.#dmaWrite(iova, bytes) },
    );
    try {
      this.#device = new SimulatedDevice(name, factory, this.#dma);
    } catch (error) {
      this.#channel.close();
      throw error;
    }
    this.#ready = libc.onReadable(fd, () => this.#serve());
  }

  /** Ends the connection and the device; safe to call twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#ready.close();
    for (const { settle } of this.#pending.values()) settle(new Refusal(EIO, 'the client is gone'));
    this.#device.close();
    this.#channel.close();
    this.#closed();
  }

  get #capabilities(): Capabilities {
    return this.#peer ?? DEFAULT_CAPABILITIES;
  }

  #serve(): void {
    try {
      for (let i = 0; i < BATCH && this.#open; i++) {
        const message = this.#channel.receive(0);
        if (message === undefined) return;
        if (message.isReply) this.#replied(message);
        else this.#command(message);
      }
    } catch (error) {
      // The channel throws where the client has left or the stream means nothing any more.
      if (!(error instanceof VfioError)) throw error;
      this.close();
    }
  }

  #command(message: Message): void {
    const { id, command, flags } = message.header;
    // Descriptors that no command has taken over by the time it is answered are closed.
    const fds = new Set(message.fds);
    let answer: Answer | undefined;
    let errno = 0;
    try {
      if (message.fdsLost) throw new Refusal(EPROTO, 'file descriptors were lost');
      answer = this.#carryOut(command, message.payload, fds);
    } catch (error) {
      errno = errnoOf(error);
    }
    for (const fd of fds) libc.close(fd);
    if ((flags & FLAG_NO_REPLY) === 0) {
      const reply = errno === 0 ? TYPE_REPLY : TYPE_REPLY | FLAG_ERROR;
      this.#channel.send({ id, command, flags: reply, errno }, answer?.length ?? 0, answer?.fds ?? [], soon());
    }
    // A client whose version cannot be spoken has nothing more to say.
    if (command === Command.VERSION && errno !== 0) this.close();
  }

  /** Carries out a command and writes the payload of its answer; takes descriptors that it keeps out of `fds`. */
  #carryOut(command: number, payload: Buffer, fds: Set<number>): Answer {
    if (command === Command.VERSION) return this.#version(payload);
    if (this.#peer === undefined) throw new Refusal(EINVAL, 'the first message is VFIO_USER_VERSION');
    switch (command) {
      case Command.DEVICE_GET_INFO: {
        const { argsz } = decodeInfoRequest(payload, DEVICE_INFO_BYTES);
        return this.#info(encodeDeviceInfo(this.#device.info), argsz);
      }
      case Command.DEVICE_GET_REGION_INFO: {
        const { argsz, index } = decodeInfoRequest(payload, REGION_INFO_BYTES);
        const { info, fd } = this.#device.regionInfo(index);
        return { ...this.#info(encodeRegionInfo(info), argsz), fds: fd === undefined ? [] : [fd] };
      }
      case Command.DEVICE_GET_IRQ_INFO: {
        const { argsz, index } = decodeInfoRequest(payload, IRQ_INFO_BYTES);
        return this.#info(encodeIrqInfo(this.#device.irqInfo(index)), argsz);
      }
      case Command.DEVICE_SET_IRQS:
        this.#device.setIrqs(decodeIrqSet(payload), [...fds]);
        fds.clear();
        return nothing;
      case Command.REGION_READ:
        return this.#regionRead(payload);
      case Command.REGION_WRITE:
        return this.#regionWrite(payload);
      case Command.DMA_MAP:
        return this.#dmaMap(payload, fds);
      case Command.DMA_UNMAP:
        return this.#dmaUnmap(payload);
      case Command.DEVICE_RESET:
        this.#device.reset();
        return nothing;
      default:
        throw new Refusal(EOPNOTSUPP, 'that command is not served');
    }
  }

  #version(payload: Buffer): Answer {
    if (this.#peer !== undefined) throw new Refusal(EINVAL, 'the version has been agreed on');
    const theirs = decodeVersion(payload);
    if (theirs.major !== MAJOR) throw new Refusal(EINVAL, `major version ${theirs.major} is not spoken here`);
    this.#peer = theirs.capabilities;
    const minor = Math.min(theirs.minor, MINOR);
    return this.#payload(encodeVersion({ major: MAJOR, minor, capabilities: OURS }));
  }

  /** An answer with an `argsz` of its own, in full if the client has room for it, else only its fixed part. */
  #info(answer: Buffer, argsz: number): Answer {
    return this.#payload(argsz >= answer.length ? answer : withoutCapabilities(answer));
  }

  #payload(bytes: Buffer): Answer {
    bytes.copy(this.#channel.outgoing);
    return { length: bytes.length };
  }

  #regionRead(payload: Buffer): Answer {
    const { offset, region, count } = decodeRegionAccess(payload);
    if (count === 0 || count > OURS.maxDataXferSize) throw new Refusal(EINVAL, 'that many bytes are not read at once');
    const out = this.#channel.outgoing;
    const length = REGION_ACCESS_SIZE + count;
    this.#device.read(region, offset, out.subarray(REGION_ACCESS_SIZE, length));
    encodeRegionAccess(out, 0, region, offset, count);
    return { length };
  }

  #regionWrite(payload: Buffer): Answer {
    const { offset, region, count } = decodeRegionAccess(payload);
    const data = payload.subarray(REGION_ACCESS_SIZE);
    if (count === 0 || count !== data.length) throw new Refusal(EINVAL, 'count and data do not agree');
    this.#device.write(region, offset, data);
    encodeRegionAccess(this.#channel.outgoing, 0, region, offset, count);
    return { length: REGION_ACCESS_SIZE };
  }

  #dmaMap(payload: Buffer, fds: Set<number>): Answer {
    const request = decodeDmaMap(payload);
    const [fd, ...more] = fds;
    if (more.length > 0) throw new Refusal(EINVAL, 'one mapping has one file descriptor');
    this.#dma.map(request, fd);
    fds.clear();
    return nothing;
  }

  #dmaUnmap(payload: Buffer): Answer {
    const { flags, address, size } = decodeDmaUnmap(payload);
    if (flags !== 0) throw new Refusal(EINVAL, 'unmapping takes no flags');
    this.#dma.unmap(address, size);
    return this.#payload(payload);
  }

  async #dmaRead(iova: bigint, length: number): Promise<Uint8Array> {
    encodeDmaAccess(this.#channel.outgoing, 0, iova, length);
    return this.#ask(Command.DMA_READ, DMA_ACCESS_SIZE, (payload) => {
      const { address, count } = decodeDmaAccess(payload);
      const data = payload.subarray(DMA_ACCESS_SIZE);
      if (address !== iova || count !== BigInt(length) || data.length !== length)
        throw new Refusal(EPROTO, 'not what was asked for');
      return Uint8Array.from(data);
    });
  }

  async #dmaWrite(iova: bigint, bytes: Uint8Array): Promise<void> {
    const out = this.#channel.outgoing;
    encodeDmaAccess(out, 0, iova, bytes.length);
    out.set(bytes, DMA_ACCESS_SIZE);
    await this.#ask(Command.DMA_WRITE, DMA_ACCESS_SIZE + bytes.length, () => undefined);
  }

  /** Sends the client a command, whose payload of `length` bytes has been written, and takes its answer. Rejects with a Refusal. */
  #ask<Result>(command: number, length: number, take: (payload: Buffer) => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId;
      this.#nextId = (id + 1) & 0xffff;
      const settle = (reply: Message | Refusal): void => {
        this.#pending.delete(id);
        clearTimeout(timeout);
        try {
          if (reply instanceof Refusal) throw reply;
          const { flags, errno } = reply.header;
          if ((flags & FLAG_ERROR) !== 0) throw new Refusal(errno === 0 ? EIO : errno, 'the client refused');
          resolve(take(reply.payload));
        } catch (error) {
          reject(error instanceof Refusal ? error : new Refusal(errnoOf(error), 'the answer is malformed'));
        }
      };
      const timeout = setTimeout(() => settle(new Refusal(EIO, 'the client did not answer')), DMA_TIMEOUT_MS);
      this.#pending.set(id, { id, command, settle, timeout });
      try {
        this.#channel.send({ id, command, flags: TYPE_COMMAND, errno: 0 }, length, [], soon());
      } catch (error) {
        if (!(error instanceof VfioError)) throw error;
        this.close();
      }
    });
  }

  #replied(message: Message): void {
    for (const fd of message.fds) libc.close(fd);
    const pending = this.#pending.get(message.header.id);
    if (pending?.command === message.header.command) pending.settle(message);
  }
}

/** A point in time by which a client has to have taken what is sent now. */
function soon(): number {
  return performance.now() + SEND_TIMEOUT_MS;
}

/** The errno to answer with; a malformed request is EINVAL. What is neither is a bug and thrown on. */
function errnoOf(error: unknown): number {
  if (error instanceof Refusal) return error.errno;
  if (error instanceof VfioError) return EINVAL;
  throw error;
}

/** struct vfio_region_info alone: its argsz still says how much there is, and there is no chain. */
function withoutCapabilities(answer: Buffer): Buffer {
  const fixed = Buffer.from(answer.subarray(0, Math.min(answer.length, REGION_INFO_BYTES)));
  if (answer.length > REGION_INFO_BYTES) fixed.writeUInt32LE(0, 12);
  return fixed;
}
