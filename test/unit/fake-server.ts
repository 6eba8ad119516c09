import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import {
  Command,
  FLAG_NO_REPLY,
  HEADER_SIZE,
  REGION_ACCESS_SIZE,
  TYPE_REPLY,
  decodeHeader,
  decodeInfoRequest,
  decodeRegionAccess,
  encodeHeader,
  encodeRegionAccess,
} from '../../src/vfio/abi/vfio-user.js';
import type { Header } from '../../src/vfio/abi/vfio-user.js';
import { DEFAULT_CAPABILITIES, encodeVersion } from '../../src/vfio/abi/vfio-user-version.js';
import {
  IRQ_INFO_BYTES,
  REGION_INFO_BYTES,
  encodeDeviceInfo,
  encodeIrqInfo,
  encodeRegionInfo,
} from '../../src/vfio/abi/vfio.js';
import { type FailureDetails, type FailureKind, VfioError } from '../../src/vfio/errors.js';
import { close, memfd } from '../../src/vfio/sys/libc.js';
import { NativeBuffer, receive, send, socketpair } from '../../src/vfio/sys/socket.js';
import { VfioUserTransport } from '../../src/vfio/transport/vfio-user.js';

/** One thing that the fake server sends: by default the header of a reply to the request, with no payload. */
export interface Chunk {
  readonly afterMs?: number;
  /** The reply that a well-behaved server gives. */
  readonly good?: true;
  readonly id?: number;
  readonly command?: number;
  readonly flags?: number;
  readonly errno?: number;
  /** What the header claims as size, whatever is sent. */
  readonly size?: number;
  readonly payload?: Uint8Array;
  /** How many descriptors (of one memfd of `fdSize` bytes) go with it. */
  readonly fds?: number;
  readonly fdSize?: number;
  /** Only so many bytes of the message. */
  readonly cut?: number;
  readonly repeat?: number;
  /** So many copies of it in one send, which fill the socket faster than anyone can empty it. */
  readonly batch?: number;
  readonly hangUp?: true;
}

/** What is sent for the first, second, ... request of a command; a command that is not named, or has no turn left, gets the good reply. */
export type Script = Partial<Record<keyof typeof Command, readonly (readonly Chunk[])[]>>;

/** A message that the fake server received. */
export interface Received {
  readonly header: Header;
  readonly payload: Uint8Array;
  readonly fds: number;
}

interface Task {
  readonly fd: number;
  readonly script: Script;
}

export interface Attached {
  readonly device: VfioUserTransport;
  readonly end: () => Promise<readonly Received[]>;
}

/** The refusal of that kind that `body` ends in. */
export function refusal(kind: FailureKind, body: () => unknown): FailureDetails {
  let caught: unknown;
  try {
    body();
  } catch (error) {
    caught = error;
  }
  assert.ok(caught instanceof VfioError, String(caught));
  assert.equal(caught.kind, kind, caught.message);
  return caught.details;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A server in a worker that follows a script for one connection at a time. */
export class FakeServer {
  #attached: VfioUserTransport | undefined;
  readonly #worker = new Worker(fileURLToPath(import.meta.url), { workerData: 'fake vfio-user server' });

  /** Who waits for the end of a connection, in order. */
  readonly #ends: ((records: readonly Received[]) => void)[] = [];

  constructor() {
    this.#worker.on('message', (records: readonly Received[]) => this.#ends.shift()?.(records));
  }

  /** Resolves once the worker runs, so that its descriptors are all open. */
  async ready(): Promise<void> {
    const { fd, records } = this.serve({});
    close(fd);
    await records;
  }

  /** Serves one connection: `fd` is the client's end, `records` is what came until the connection ended. */
  serve(script: Script): { fd: number; records: Promise<readonly Received[]> } {
    const [client, server] = socketpair().fds;
    const records = new Promise<readonly Received[]>((resolve) => this.#ends.push(resolve));
    this.#worker.postMessage({ fd: server, script } satisfies Task);
    return { fd: client, records };
  }

  /** A device opened over a new connection; `end` closes it and gives what the server received. */
  attach(script: Script = {}, timeoutMs = 2000): Attached {
    const { fd, records } = this.serve(script);
    const device = VfioUserTransport.fromFd(fd, 'fake.sock', { timeoutMs });
    this.#attached = device;
    const end = (): Promise<readonly Received[]> => {
      device.close();
      return records;
    };
    return { device, end };
  }

  /** Ends the last attachment, so that a test that failed does not leave the server in its connection. */
  hangUp(): void {
    this.#attached?.close();
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** The device behind the good replies: a region 0 of 64 KiB by messages, whose byte at n reads n, and a region 1 of 64 KiB that is mapped. */
const REGION_SIZE = 0x10000;

class Connection {
  readonly #fd: number;
  readonly #script: Script;
  readonly #turns = new Map<number, number>();
  readonly #rx = new NativeBuffer(4 << 20);
  readonly #tx = new NativeBuffer(4 << 20);
  readonly records: Received[] = [];
  #open = true;

  constructor({ fd, script }: Task) {
    this.#fd = fd;
    this.#script = script;
  }

  run(): void {
    while (this.#open) {
      const record = this.#next();
      if (record === undefined) break;
      this.records.push(record);
      if ((record.header.flags & TYPE_REPLY) === 0) this.#answer(record);
    }
    close(this.#fd);
  }

  #next(): Received | undefined {
    let size = HEADER_SIZE;
    let fds = 0;
    for (let got = 0; got < size;) {
      const came = receive(this.#fd, this.#rx, got, size - got, performance.now() + 10_000);
      if (came.value <= 0) return undefined;
      for (const fd of came.fds) close(fd);
      fds += came.fds.length;
      got += came.value;
      if (got >= HEADER_SIZE) size = this.#rx.bytes.readUInt32LE(4);
    }
    const bytes = Buffer.from(this.#rx.bytes.subarray(0, size));
    return { header: decodeHeader(bytes), payload: bytes.subarray(HEADER_SIZE), fds };
  }

  #answer(request: Received): void {
    const { command, flags } = request.header;
    const turn = this.#turns.get(command) ?? 0;
    this.#turns.set(command, turn + 1);
    const name = Object.entries(Command).find(([, number]) => number === command)?.[0] as keyof typeof Command;
    const chunks = this.#script[name]?.[turn];
    if (chunks !== undefined) for (const chunk of chunks) this.#play(chunk, request);
    else if ((flags & FLAG_NO_REPLY) === 0) this.#play({ good: true }, request);
  }

  #play(chunk: Chunk, request: Received): void {
    if (chunk.afterMs !== undefined) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, chunk.afterMs);
    }
    const filled: Chunk = chunk.good === true ? { ...good(request), ...chunk } : chunk;
    const payload = filled.payload ?? new Uint8Array(0);
    const length = HEADER_SIZE + payload.length;
    encodeHeader(this.#tx.bytes, {
      id: filled.id ?? request.header.id,
      command: filled.command ?? request.header.command,
      size: filled.size ?? length,
      flags: filled.flags ?? TYPE_REPLY,
      errno: filled.errno ?? 0,
    });
    this.#tx.bytes.set(payload, HEADER_SIZE);
    const batch = filled.batch ?? 1;
    for (let i = 1; i < batch; i += 1) this.#tx.bytes.copy(this.#tx.bytes, i * length, 0, length);
    const file = filled.fds === undefined ? -1 : memfd('vfiodbg-fake', filled.fdSize ?? REGION_SIZE).value;
    const fds = Array.from({ length: filled.fds ?? 0 }, () => file);
    for (let i = 0; i < (filled.repeat ?? 1) && this.#open; i += 1) {
      const sent = send(this.#fd, this.#tx, 0, filled.cut ?? batch * length, fds, performance.now() + 3000);
      if (sent.errno !== 0) this.#open = false;
    }
    if (file !== -1) close(file);
    if (filled.hangUp === true) this.#open = false;
  }
}

function good({ header, payload }: Received): Chunk {
  const request = Buffer.from(payload);
  switch (header.command) {
    case Command.VERSION:
      return {
        payload: encodeVersion({ major: 0, minor: 0, capabilities: { ...DEFAULT_CAPABILITIES, maxMsgFds: 8 } }),
      };
    case Command.DEVICE_GET_INFO:
      return { payload: encodeDeviceInfo({ flags: 3, regionCount: 9, irqCount: 5 }) };
    case Command.DEVICE_GET_REGION_INFO: {
      const { index } = decodeInfoRequest(request, REGION_INFO_BYTES);
      const size = index < 2 ? REGION_SIZE : 0;
      const info = { index, size, fileOffset: 0n, flags: index === 1 ? 7 : 3, msixMappable: false };
      return { payload: encodeRegionInfo(info), ...(index === 1 && { fds: 1 }) };
    }
    case Command.DEVICE_GET_IRQ_INFO:
      return { payload: encodeIrqInfo({ ...decodeInfoRequest(request, IRQ_INFO_BYTES), flags: 1, count: 16 }) };
    case Command.REGION_READ: {
      const { region, offset, count } = decodeRegionAccess(request);
      const reply = Buffer.alloc(REGION_ACCESS_SIZE + count);
      encodeRegionAccess(reply, 0, region, offset, count);
      for (let i = 0; i < count; i += 1) reply[REGION_ACCESS_SIZE + i] = (Number(offset) + i) & 0xff;
      return { payload: reply };
    }
    case Command.REGION_WRITE:
      return { payload: payload.subarray(0, REGION_ACCESS_SIZE) };
    case Command.DMA_UNMAP:
      return { payload };
    default:
      return {};
  }
}

if (!isMainThread && workerData === 'fake vfio-user server') {
  parentPort?.on('message', (task: Task) => {
    const connection = new Connection(task);
    connection.run();
    parentPort?.postMessage(connection.records);
  });
}
