import { fstatSync } from 'node:fs';
import { encodeIrqSet } from '../abi/irq-set.js';
import {
  Command,
  MAJOR,
  MINOR,
  REGION_ACCESS_SIZE,
  decodeRegionAccess,
  encodeDmaMap,
  encodeDmaUnmap,
  encodeRegionAccess,
  encodeRegionInfoRequest,
} from '../abi/vfio-user.js';
import { DEFAULT_CAPABILITIES, decodeVersion, encodeVersion } from '../abi/vfio-user-version.js';
import type { Capabilities } from '../abi/vfio-user-version.js';
import {
  answeredSize,
  decodeDeviceInfo,
  decodeIrqInfo,
  decodeRegionInfo,
  deviceInfoRequest,
  irqInfoRequest,
} from '../abi/vfio.js';
import { VfioError } from '../errors.js';
import type { FailureDetails } from '../errors.js';
import { close, errnoName } from '../sys/libc.js';
import { connect } from '../sys/socket.js';
import type {
  DeviceInfo,
  DmaLimits,
  DmaMapping,
  IrqAction,
  IrqData,
  IrqInfo,
  RegionInfo,
  Transport,
} from './transport.js';
import type { Message } from './vfio-user-channel.js';
import { unreachable } from './vfio-user-reach.js';
import { VfioUserSession } from './vfio-user-session.js';
import type { Place } from './vfio-user-session.js';

export interface VfioUserOptions {
  /** How long one call waits for the server, in milliseconds. Default 5000. */
  readonly timeoutMs?: number;
}

/** What this client announces. A region's sparse areas may each come with the region's descriptor (libvfio-user sends it so). */
const ANNOUNCED: Capabilities = { ...DEFAULT_CAPABILITIES, maxMsgFds: 32 };

const MAX_PAYLOAD = REGION_ACCESS_SIZE + ANNOUNCED.maxDataXferSize;

/** Room for a struct vfio_region_info with the capabilities of about 250 sparse areas; a server that needs more is asked again. */
const REGION_INFO_ROOM = 4096;

/** A server with more is not believed: vfio-pci has 9 regions and 5 interrupts, MSI-X at most 2048 vectors. */
const MOST_INDICES = 1024;
const MOST_VECTORS = 65536;

/**
 * A device served over a vfio-user socket (protocol 0.x, docs/interop/vfio-user.rst of QEMU).
 * One call is one message and its reply, but for eventfds beyond the server's `max_msg_fds`, which take several messages.
 */
export class VfioUserTransport implements Transport {
  readonly via = 'vfio-user';
  readonly accessPath = 'message';
  readonly name: string;
  readonly info: DeviceInfo;
  readonly maxTransfer: number;
  readonly #warnings: string[] = [];
  readonly #session: VfioUserSession;
  readonly #server: Capabilities;
  /** The descriptor that backs a region, by region index; undefined where it is none that can be mapped. */
  readonly #regionFds = new Map<number, number>();
  #closed = false;

  private constructor(session: VfioUserSession) {
    this.#session = session;
    this.name = session.name;
    this.#server = this.#negotiate();
    this.maxTransfer = Math.min(this.#server.maxDataXferSize, ANNOUNCED.maxDataXferSize);
    this.info = this.#deviceInfo();
  }

  /** Connects to the server that listens at `path`. Throws VfioError; blocks no longer than the time-out for each step. */
  static connect(path: string, options: VfioUserOptions = {}): VfioUserTransport {
    const connected = connect(path, options.timeoutMs ?? 5000);
    if (connected.errno !== 0) throw unreachable(path, errnoName(connected.errno));
    return VfioUserTransport.fromFd(connected.value, path, options);
  }

  /** Speaks over a connected socket, which it takes over: it is closed with the transport, and where this throws. */
  static fromFd(fd: number, name: string, options: VfioUserOptions = {}): VfioUserTransport {
    const { timeoutMs = 5000 } = options;
    const session = new VfioUserSession(fd, name, { timeoutMs, maxPayload: MAX_PAYLOAD, maxFds: ANNOUNCED.maxMsgFds });
    try {
      return new VfioUserTransport(session);
    } catch (error) {
      session.close();
      throw error;
    }
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  #negotiate(): Capabilities {
    const place: Place = {
      operation: 'agree on a version with the server',
      hint: 'see that it is a vfio-user server, and that it serves no other client',
    };
    const reply = this.#send(
      Command.VERSION,
      encodeVersion({ major: MAJOR, minor: MINOR, capabilities: ANNOUNCED }),
      place,
    );
    const version = this.#decoded(place, () => decodeVersion(reply.payload));
    if (version.major !== MAJOR || version.minor > MINOR) {
      throw this.#session.violation(
        place,
        `the server speaks version ${version.major}.${version.minor} of the protocol, this program ${MAJOR}.${MINOR}`,
      );
    }
    return version.capabilities;
  }

  #deviceInfo(): DeviceInfo {
    const place: Place = { operation: 'ask for the info' };
    const reply = this.#send(Command.DEVICE_GET_INFO, deviceInfoRequest(), place);
    const info = this.#decoded(place, () => decodeDeviceInfo(reply.payload));
    if (info.regionCount > MOST_INDICES || info.irqCount > MOST_INDICES) {
      throw this.#session.violation(
        place,
        `the server claims ${info.regionCount} regions and ${info.irqCount} interrupts, ${MOST_INDICES} of each at most`,
      );
    }
    return info;
  }

  regionInfo(index: number): RegionInfo {
    const place: Place = { operation: 'ask for the info of', region: index };
    let payload = this.#askRegion(index, REGION_INFO_ROOM, place);
    const needed = this.#decoded(place, () => answeredSize(payload));
    if (needed > REGION_INFO_ROOM) {
      if (needed > MAX_PAYLOAD) throw this.#session.violation(place, `the region's info would take ${needed} bytes`);
      payload = this.#askRegion(index, needed, place);
    }
    const info = this.#decoded(place, () => decodeRegionInfo(payload));
    if (info.index !== index) throw this.#session.violation(place, `the server answered for region ${info.index}`);
    const outside = info.sparse?.find((area) => area.offset + area.size > info.size);
    if (outside !== undefined) {
      const area = `0x${outside.offset.toString(16)} + 0x${outside.size.toString(16)}`;
      throw this.#session.violation(
        place,
        `a sparse area (${area}) ends outside the region of 0x${info.size.toString(16)} bytes`,
      );
    }
    this.#judgeRegionFd(info);
    return info;
  }

  /** The payload of the reply; its descriptor is kept, and copies of it (libvfio-user sends one for each sparse area) are closed. */
  #askRegion(index: number, room: number, place: Place): Buffer {
    const request = encodeRegionInfoRequest(index, room);
    const { payload, fds } = this.#send(Command.DEVICE_GET_REGION_INFO, request, place, [], ANNOUNCED.maxMsgFds);
    this.#dropRegionFd(index);
    for (const [i, fd] of fds.entries()) {
      if (i === 0) this.#regionFds.set(index, fd);
      else close(fd);
    }
    return payload;
  }

  /** Keeps a region's descriptor only where it can back what the region's info promises. */
  #judgeRegionFd(info: RegionInfo): void {
    const fd = this.#regionFds.get(info.index);
    const why = info.mappable ? unfit(fd, info) : undefined;
    if (why !== undefined) this.#warnings.push(`region${info.index} is accessed by messages and not mapped: ${why}`);
    if (why !== undefined || !info.mappable) this.#dropRegionFd(info.index);
  }

  #dropRegionFd(index: number): void {
    const fd = this.#regionFds.get(index);
    if (fd === undefined) return;
    this.#regionFds.delete(index);
    close(fd);
  }

  mappingFd(region: RegionInfo): number | undefined {
    return this.#regionFds.get(region.index);
  }

  irqInfo(index: number): IrqInfo {
    const place: Place = { operation: `ask for the info of interrupt ${index}` };
    const reply = this.#send(Command.DEVICE_GET_IRQ_INFO, irqInfoRequest(index), place);
    const info = this.#decoded(place, () => decodeIrqInfo(reply.payload));
    if (info.index !== index) throw this.#session.violation(place, `the server answered for interrupt ${info.index}`);
    if (info.count > MOST_VECTORS) throw this.#session.violation(place, `the server claims ${info.count} vectors`);
    return info;
  }

  read(region: RegionInfo, offset: number, into: Uint8Array): void {
    const bytes = into.byteLength;
    const place: Place = { operation: 'read', region: region.index, offset, bytes, refusal: 'access' };
    this.#fits(place, bytes);
    encodeRegionAccess(this.#session.outgoing, 0, region.index, offset, bytes);
    const { payload } = this.#session.call(Command.REGION_READ, REGION_ACCESS_SIZE, place);
    this.#accessed(place, payload, REGION_ACCESS_SIZE + bytes);
    into.set(payload.subarray(REGION_ACCESS_SIZE));
  }

  write(region: RegionInfo, offset: number, from: Uint8Array): void {
    const bytes = from.byteLength;
    const place: Place = { operation: 'write', region: region.index, offset, bytes, refusal: 'access' };
    this.#fits(place, bytes);
    const { outgoing } = this.#session;
    encodeRegionAccess(outgoing, 0, region.index, offset, bytes);
    outgoing.set(from, REGION_ACCESS_SIZE);
    const { payload } = this.#session.call(Command.REGION_WRITE, REGION_ACCESS_SIZE + bytes, place);
    this.#accessed(place, payload, REGION_ACCESS_SIZE);
  }

  #fits(place: Place, bytes: number): void {
    if (bytes <= this.maxTransfer) return;
    const why = `${bytes} bytes in one message, ${this.maxTransfer} at most`;
    throw this.#session.failure(place, { kind: 'limit', why });
  }

  /** The reply to a read or write is `size` bytes and names the access that was asked for. */
  #accessed(place: Place, payload: Buffer, size: number): void {
    if (payload.length !== size) {
      throw this.#session.violation(
        place,
        `the server's reply has ${payload.length} bytes of payload instead of ${size}`,
      );
    }
    const { region, offset, count } = decodeRegionAccess(payload);
    if (region !== place.region || offset !== BigInt(place.offset ?? 0) || count !== place.bytes) {
      throw this.#session.violation(
        place,
        `the server answered for ${count} bytes at region${region}+0x${offset.toString(16)}`,
      );
    }
  }

  /** Messages carry their width, and whether the server keeps it is the server's. */
  splits(): undefined {
    return undefined;
  }

  setIrqs(index: number, action: IrqAction, start: number, count: number, data: IrqData): void {
    const vectors = count === 1 ? `vector ${start}` : `${count} vectors from ${start}`;
    const place: Place = { operation: `${action} interrupt ${index} (${vectors})` };
    if (data.type !== 'eventfds') {
      this.#send(Command.DEVICE_SET_IRQS, encodeIrqSet(index, action, start, count, data, 'beside'), place);
      return;
    }
    for (const { first, fds, length } of this.#batches(data.fds)) {
      const set = encodeIrqSet(index, action, start + first, length, { type: 'eventfds', fds }, 'beside');
      this.#send(Command.DEVICE_SET_IRQS, set, place, fds);
    }
  }

  /**
   * The runs of eventfds that fit one message each: no more than the server takes, and not mixed with -1, which a message says by
   * carrying no descriptor at all ("If no file descriptors are provided, this de-assigns").
   */
  *#batches(fds: readonly number[]): Generator<{ first: number; length: number; fds: readonly number[] }> {
    for (let first = 0; first < fds.length;) {
      const installs = fds[first] !== -1;
      const most = installs ? first + Math.max(1, this.#server.maxMsgFds) : fds.length;
      let end = first + 1;
      while (end < fds.length && end < most && (fds[end] !== -1) === installs) end += 1;
      yield { first, length: end - first, fds: installs ? fds.slice(first, end) : [] };
      first = end;
    }
  }

  reset(): void {
    this.#session.call(Command.DEVICE_RESET, 0, { operation: 'reset' });
  }

  dmaLimits(): DmaLimits {
    return {
      ranges: [],
      pageSizes: BigInt(this.#server.pageSizes),
      entriesLeft: Math.max(0, this.#server.maxDmaMaps - this.#session.dma.size),
    };
  }

  dmaMap(mapping: DmaMapping): void {
    const { iova, size, readable, writable, fd, fdOffset } = mapping;
    const place: Place = { operation: `map 0x${size.toString(16)} bytes at IOVA 0x${iova.toString(16)}` };
    const request = { readable, writable, offset: BigInt(fdOffset), address: iova, size: BigInt(size) };
    // Without a file the server reaches the memory by messages.
    const fds = this.#server.maxMsgFds > 0 && fd >= 0 ? [fd] : [];
    // Known before the server is told: its first DMA request may come ahead of its reply.
    this.#session.dma.add(mapping);
    try {
      this.#send(Command.DMA_MAP, encodeDmaMap(request), place, fds);
    } catch (error) {
      this.#session.dma.remove(iova);
      throw error;
    }
  }

  dmaUnmap(iova: bigint, size: number): void {
    const place: Place = { operation: `unmap 0x${size.toString(16)} bytes at IOVA 0x${iova.toString(16)}` };
    try {
      this.#send(Command.DMA_UNMAP, encodeDmaUnmap(iova, BigInt(size)), place);
    } finally {
      // Whatever the server says: the caller takes the memory away next.
      this.#session.dma.remove(iova);
    }
  }

  onLost(listener: (reason: FailureDetails) => void): void {
    this.#session.onLost(listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#session.close();
    for (const fd of this.#regionFds.values()) close(fd);
    this.#regionFds.clear();
  }

  #send(command: number, payload: Buffer, place: Place, fds: readonly number[] = [], takesFds = 0): Message {
    this.#session.outgoing.set(payload);
    return this.#session.call(command, payload.length, place, fds, takesFds);
  }

  /** What `decode` gives; where the server's payload makes no sense the session ends. */
  #decoded<T>(place: Place, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      if (error instanceof VfioError) throw this.#session.violation(place, error.details.why);
      throw error;
    }
  }
}

/** Why `fd` cannot back the parts of a region that are offered for mapping, or undefined where it can. */
function unfit(fd: number | undefined, info: RegionInfo): string | undefined {
  if (fd === undefined) return 'the server sent no file descriptor for it';
  const areas = info.sparse ?? [{ offset: 0, size: info.size }];
  const end = info.fileOffset + BigInt(Math.max(0, ...areas.map((area) => area.offset + area.size)));
  const stat = fstatSync(fd, { bigint: true });
  // Only a regular file (a memfd is one) has a size that says anything.
  if (!stat.isFile() || stat.size >= end) return undefined;
  return `the file behind it has 0x${stat.size.toString(16)} bytes, 0x${end.toString(16)} are needed`;
}
