/**
 * The vfio-user protocol, version 0.x: message header, payloads and negotiated capabilities, for both sides.
 *
 * Source: docs/interop/vfio-user.rst of QEMU (10.1 and later). All numbers are little endian here: the protocol uses the host's order, and
 * every processor this program runs on is little endian. Info payloads and SET_IRQS are the structures of linux/vfio.h: ./vfio.js, ./irq-set.js.
 * Decoders never read past what they were given: a payload that is too short or contradicts itself is a VfioError of kind 'protocol'.
 */
import { fixedPart, regionInfoRequest } from './vfio.js';

export const MAJOR = 0;
export const MINOR = 0;

/** Command numbers ("Commands"). 14 was VFIO_USER_DIRTY_PAGES and is gone from the specification. */
export const Command = {
  VERSION: 1,
  DMA_MAP: 2,
  DMA_UNMAP: 3,
  DEVICE_GET_INFO: 4,
  DEVICE_GET_REGION_INFO: 5,
  DEVICE_GET_REGION_IO_FDS: 6,
  DEVICE_GET_IRQ_INFO: 7,
  DEVICE_SET_IRQS: 8,
  REGION_READ: 9,
  REGION_WRITE: 10,
  DMA_READ: 11,
  DMA_WRITE: 12,
  DEVICE_RESET: 13,
  REGION_WRITE_MULTI: 15,
  DEVICE_FEATURE: 16,
  MIG_DATA_READ: 17,
  MIG_DATA_WRITE: 18,
} as const;

const commandNames = new Map<number, string>(Object.entries(Command).map(([name, number]) => [number, name]));

/** 'VFIO_USER_REGION_READ' for 9; 'command 99' for a number without a name. */
export function commandName(command: number): string {
  const name = commandNames.get(command);
  return name === undefined ? `command ${command}` : `VFIO_USER_${name}`;
}

/** Bytes of the header that begins every message ("Header"). */
export const HEADER_SIZE = 16;

export const TYPE_MASK = 0xf;
export const TYPE_COMMAND = 0;
export const TYPE_REPLY = 1;
export const FLAG_NO_REPLY = 1 << 4;
export const FLAG_ERROR = 1 << 5;

/** One message's header. `size` counts the header itself; `errno` means something only in a reply with FLAG_ERROR, and may be 0 there. */
export interface Header {
  readonly id: number;
  readonly command: number;
  readonly size: number;
  readonly flags: number;
  readonly errno: number;
}

/** Writes a header at the start of `into`. */
export function encodeHeader(into: Buffer, header: Header): void {
  into.writeUInt16LE(header.id, 0);
  into.writeUInt16LE(header.command, 2);
  into.writeUInt32LE(header.size, 4);
  into.writeUInt32LE(header.flags, 8);
  into.writeUInt32LE(header.errno, 12);
}

/** Reads the header at the start of `from`, which holds at least HEADER_SIZE bytes. Its values are the sender's, unchecked. */
export function decodeHeader(from: Buffer): Header {
  fixedPart(from, HEADER_SIZE, 'decode message header');
  return {
    id: from.readUInt16LE(0),
    command: from.readUInt16LE(2),
    size: from.readUInt32LE(4),
    flags: from.readUInt32LE(8),
    errno: from.readUInt32LE(12),
  };
}

/** What VFIO_USER_DMA_MAP and VFIO_USER_DMA_UNMAP name: `offset` is that of the memory in the fd that goes with the message. */
export interface DmaMapRequest {
  readonly readable: boolean;
  readonly writable: boolean;
  readonly offset: bigint;
  readonly address: bigint;
  readonly size: bigint;
}

export const DMA_MAP_SIZE = 32;
export const DMA_MAP_READABLE = 1;
export const DMA_MAP_WRITABLE = 2;

export function encodeDmaMap(map: DmaMapRequest): Buffer {
  const payload = Buffer.alloc(DMA_MAP_SIZE);
  payload.writeUInt32LE(DMA_MAP_SIZE, 0);
  payload.writeUInt32LE((map.readable ? DMA_MAP_READABLE : 0) | (map.writable ? DMA_MAP_WRITABLE : 0), 4);
  payload.writeBigUInt64LE(map.offset, 8);
  payload.writeBigUInt64LE(map.address, 16);
  payload.writeBigUInt64LE(map.size, 24);
  return payload;
}

export function decodeDmaMap(payload: Buffer): DmaMapRequest {
  fixedPart(payload, DMA_MAP_SIZE, 'decode VFIO_USER_DMA_MAP');
  const flags = payload.readUInt32LE(4);
  return {
    readable: (flags & DMA_MAP_READABLE) !== 0,
    writable: (flags & DMA_MAP_WRITABLE) !== 0,
    offset: payload.readBigUInt64LE(8),
    address: payload.readBigUInt64LE(16),
    size: payload.readBigUInt64LE(24),
  };
}

export const DMA_UNMAP_SIZE = 24;

/** The request, and the reply too: the server answers with the entry it removed. */
export function encodeDmaUnmap(address: bigint, size: bigint): Buffer {
  const payload = Buffer.alloc(DMA_UNMAP_SIZE);
  payload.writeUInt32LE(DMA_UNMAP_SIZE, 0);
  payload.writeBigUInt64LE(address, 8);
  payload.writeBigUInt64LE(size, 16);
  return payload;
}

export function decodeDmaUnmap(payload: Buffer): {
  readonly flags: number;
  readonly address: bigint;
  readonly size: bigint;
} {
  fixedPart(payload, DMA_UNMAP_SIZE, 'decode VFIO_USER_DMA_UNMAP');
  return { flags: payload.readUInt32LE(4), address: payload.readBigUInt64LE(8), size: payload.readBigUInt64LE(16) };
}

/**
 * The request of DEVICE_GET_REGION_INFO: a struct vfio_region_info whose `argsz` is the largest reply payload that the client takes, not
 * the size of the request ("Message sizes"). Device and interrupt info requests are deviceInfoRequest() and irqInfoRequest() of ./vfio.js.
 */
export function encodeRegionInfoRequest(index: number, argsz: number): Buffer {
  const payload = regionInfoRequest(index);
  payload.writeUInt32LE(argsz, 0);
  return payload;
}

/** What the server needs of an info request: `size` is the least payload of its structure, `index` 0 for the device's own. */
export function decodeInfoRequest(payload: Buffer, size: number): { readonly argsz: number; readonly index: number } {
  fixedPart(payload, size, 'decode an info request');
  return { argsz: payload.readUInt32LE(0), index: payload.readUInt32LE(8) };
}

/** Bytes before the data of REGION_READ and REGION_WRITE: offset u64, region u32, count u32. */
export const REGION_ACCESS_SIZE = 16;

export interface RegionAccess {
  readonly offset: bigint;
  readonly region: number;
  readonly count: number;
}

/** Writes the fixed part at `at` in `into`; data of a write or of a read's reply follows it. */
export function encodeRegionAccess(
  into: Buffer,
  at: number,
  region: number,
  offset: number | bigint,
  count: number,
): void {
  into.writeBigUInt64LE(BigInt(offset), at);
  into.writeUInt32LE(region, at + 8);
  into.writeUInt32LE(count, at + 12);
}

export function decodeRegionAccess(payload: Buffer): RegionAccess {
  fixedPart(payload, REGION_ACCESS_SIZE, 'decode region access');
  return { offset: payload.readBigUInt64LE(0), region: payload.readUInt32LE(8), count: payload.readUInt32LE(12) };
}

/** Bytes before the data of DMA_READ and DMA_WRITE: address u64, count u64. */
export const DMA_ACCESS_SIZE = 16;

export interface DmaAccess {
  readonly address: bigint;
  readonly count: bigint;
}

export function encodeDmaAccess(into: Buffer, at: number, address: bigint, count: number | bigint): void {
  into.writeBigUInt64LE(address, at);
  into.writeBigUInt64LE(BigInt(count), at + 8);
}

/**
 * The fixed part of DMA_READ and DMA_WRITE, request or reply. The specification's table of the DMA_WRITE reply gives `count` only 4 bytes,
 * libvfio-user sends 8: both are taken.
 */
export function decodeDmaAccess(payload: Buffer): DmaAccess {
  fixedPart(payload, DMA_ACCESS_SIZE - 4, 'decode DMA access');
  const count = payload.length < DMA_ACCESS_SIZE ? BigInt(payload.readUInt32LE(8)) : payload.readBigUInt64LE(8);
  return { address: payload.readBigUInt64LE(0), count };
}
