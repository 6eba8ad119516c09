import { Command, DMA_ACCESS_SIZE, decodeDmaAccess, encodeDmaAccess } from '../abi/vfio-user.js';
import { memoryAt } from '../sys/libc.js';
import type { DmaMapping } from './transport.js';
import type { Message } from './vfio-user-channel.js';

/** Errnos of the answers to a server's DMA requests. Source: asm-generic/errno-base.h, errno.h. */
const EACCES = 13;
const EFAULT = 14;
const EINVAL = 22;
const EOPNOTSUPP = 95;

/** What answers a command of the server: the length of the payload that was written, or the errno to refuse it with. */
export type Answer = { readonly length: number } | { readonly errno: number };

/** The memory that a vfio-user server may reach by messages: exactly what is mapped, with the permissions it is mapped with. */
export class DmaTable {
  /** In order of IOVA; mappings do not overlap. */
  readonly #mappings: DmaMapping[] = [];

  get size(): number {
    return this.#mappings.length;
  }

  add(mapping: DmaMapping): void {
    this.#mappings.splice(this.#after(mapping.iova), 0, mapping);
  }

  /** Forgets the mapping that begins at `iova`; its memory is not touched from here on. */
  remove(iova: bigint): void {
    const at = this.#after(iova) - 1;
    if (this.#mappings[at]?.iova === iova) this.#mappings.splice(at, 1);
  }

  clear(): void {
    this.#mappings.length = 0;
  }

  /** Carries out DMA_READ or DMA_WRITE, and writes the payload of its reply to `into`. An access lies within one mapping. */
  serve(message: Message, into: Buffer): Answer {
    const { command } = message.header;
    if (command !== Command.DMA_READ && command !== Command.DMA_WRITE) return { errno: EOPNOTSUPP };
    if (message.payload.length < DMA_ACCESS_SIZE) return { errno: EINVAL };
    const { address, count } = decodeDmaAccess(message.payload);
    const isRead = command === Command.DMA_READ;
    const room = BigInt((isRead ? into : message.payload).length - DMA_ACCESS_SIZE);
    if (isRead ? count > room : count !== room) return { errno: EINVAL };
    const mapping = this.#mappings[this.#after(address) - 1];
    if (mapping === undefined || address + count > mapping.iova + BigInt(mapping.size)) return { errno: EFAULT };
    if (!(isRead ? mapping.readable : mapping.writable)) return { errno: EACCES };
    encodeDmaAccess(into, 0, address, count);
    if (count === 0n) return { length: DMA_ACCESS_SIZE };
    // A view of just these bytes, and only now: none may outlive its mapping.
    const memory = Buffer.from(memoryAt(mapping.address + Number(address - mapping.iova), Number(count)));
    if (isRead) return { length: DMA_ACCESS_SIZE + memory.copy(into, DMA_ACCESS_SIZE) };
    message.payload.copy(memory, 0, DMA_ACCESS_SIZE);
    return { length: DMA_ACCESS_SIZE };
  }

  /** The index behind the last mapping that begins at or below `iova`. */
  #after(iova: bigint): number {
    let low = 0;
    let high = this.#mappings.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const mapping = this.#mappings[middle];
      if (mapping !== undefined && mapping.iova <= iova) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
