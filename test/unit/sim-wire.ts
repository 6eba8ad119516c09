import assert from 'node:assert/strict';
import {
  HEADER_SIZE,
  TYPE_COMMAND,
  TYPE_MASK,
  TYPE_REPLY,
  decodeHeader,
  encodeHeader,
  type Header,
} from '../../src/vfio/abi/vfio-user.js';
import { DEFAULT_CAPABILITIES, encodeVersion } from '../../src/vfio/abi/vfio-user-version.js';
import { Command } from '../../src/vfio/abi/vfio-user.js';
import { startSimulator, type Simulator } from '../../src/vfio/sim/host.js';
import { close } from '../../src/vfio/sys/libc.js';
import { NativeBuffer, receive, send } from '../../src/vfio/sys/socket.js';

export interface WireMessage {
  readonly header: Header;
  readonly payload: Buffer;
  readonly fds: readonly number[];
}

/** A client that says exactly what it is told to, for what no proper client would send. */
export class Wire {
  readonly simulator: Simulator;
  readonly fd: number;
  #nextId = 1;

  constructor(model: string) {
    this.simulator = startSimulator(model);
    this.simulator.awaitService();
    this.fd = this.simulator.fd;
  }

  /** One that has agreed on a version. */
  static ready(model: string): Wire {
    const wire = new Wire(model);
    assert.equal(
      wire.ask(Command.VERSION, encodeVersion({ major: 0, minor: 0, capabilities: DEFAULT_CAPABILITIES })).header.errno,
      0,
    );
    return wire;
  }

  sendBytes(bytes: Uint8Array, fds: readonly number[] = []): void {
    const buffer = new NativeBuffer(bytes.length);
    buffer.bytes.set(bytes);
    send(this.fd, buffer, 0, bytes.length, fds, performance.now() + 5000);
  }

  /** Sends a message; `size` is what its header claims. */
  send(
    command: number,
    payload: Uint8Array,
    options: { fds?: readonly number[]; flags?: number; id?: number; size?: number } = {},
  ): number {
    const id = options.id ?? this.#nextId;
    this.#nextId = (id + 1) & 0xffff;
    const message = Buffer.alloc(HEADER_SIZE + payload.length);
    const size = options.size ?? message.length;
    encodeHeader(message, { id, command, size, flags: options.flags ?? TYPE_COMMAND, errno: 0 });
    message.set(payload, HEADER_SIZE);
    this.sendBytes(message, options.fds);
    return id;
  }

  /** The next message from the server, or undefined where it has hung up. */
  next(): WireMessage | undefined {
    const fds: number[] = [];
    const take = (size: number): Buffer | undefined => {
      const buffer = new NativeBuffer(Math.max(1, size));
      for (let got = 0; got < size;) {
        const came = receive(this.fd, buffer, got, size - got, performance.now() + 5000);
        if (came.value <= 0) return undefined;
        got += came.value;
        fds.push(...came.fds);
      }
      return buffer.bytes.subarray(0, size);
    };
    const head = take(HEADER_SIZE);
    if (head === undefined) return undefined;
    const header = decodeHeader(head);
    const payload = take(header.size - HEADER_SIZE);
    return payload && { header, payload, fds };
  }

  /** Sends a command and takes its reply. */
  ask(command: number, payload: Uint8Array, fds: readonly number[] = []): WireMessage {
    const id = this.send(command, payload, { fds });
    const reply = this.next();
    assert.ok(reply, 'the server has hung up');
    assert.equal(reply.header.id, id);
    assert.equal(reply.header.command, command);
    assert.equal(reply.header.flags & TYPE_MASK, TYPE_REPLY);
    return reply;
  }

  /** The errno that a command is refused with, 0 where it is not. */
  errno(command: number, payload: Uint8Array, fds: readonly number[] = []): number {
    const reply = this.ask(command, payload, fds);
    for (const fd of reply.fds) close(fd);
    return reply.header.errno;
  }

  /** Hangs up, and waits until the simulator is gone; a simulator that failed is a failed test. */
  async close(): Promise<void> {
    close(this.fd);
    await gone(this.simulator);
  }
}

/** Waits until a simulator is gone. */
export async function gone(simulator: Simulator): Promise<void> {
  assert.equal(await held(simulator.closed), undefined);
}

/** Waits for what does not hold the process by itself. */
export async function held<Result>(promise: Promise<Result>): Promise<Result> {
  const hold = setInterval(() => undefined, 1000);
  try {
    return await promise;
  } finally {
    clearInterval(hold);
  }
}
