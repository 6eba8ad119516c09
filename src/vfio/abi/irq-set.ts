import type { IrqAction, IrqData } from '../transport/transport.js';
import { fixedPart, malformed } from './vfio.js';

/** struct vfio_irq_set of linux/vfio.h: what VFIO_DEVICE_SET_IRQS is given. */

export const VFIO_IRQ_SET_DATA_NONE = 1;
export const VFIO_IRQ_SET_DATA_BOOL = 2;
export const VFIO_IRQ_SET_DATA_EVENTFD = 4;
export const VFIO_IRQ_SET_ACTION_MASK = 8;
export const VFIO_IRQ_SET_ACTION_UNMASK = 16;
export const VFIO_IRQ_SET_ACTION_TRIGGER = 32;

/** argsz, flags, index, start, count. */
export const IRQ_SET_BYTES = 20;

const actionFlags: Readonly<Record<IrqAction, number>> = {
  mask: VFIO_IRQ_SET_ACTION_MASK,
  unmask: VFIO_IRQ_SET_ACTION_UNMASK,
  trigger: VFIO_IRQ_SET_ACTION_TRIGGER,
};

/**
 * Encodes struct vfio_irq_set. `fds` says where eventfds travel: 'inline' as s32 behind the struct (the kernel), 'beside'
 * as ancillary data of the message (vfio-user), where the struct then carries none.
 */
export function encodeIrqSet(
  index: number,
  action: IrqAction,
  start: number,
  count: number,
  data: IrqData,
  fds: 'inline' | 'beside' = 'inline',
): Buffer {
  let payload = Buffer.alloc(0);
  let dataFlag = VFIO_IRQ_SET_DATA_NONE;
  if (data.type === 'bool') {
    dataFlag = VFIO_IRQ_SET_DATA_BOOL;
    payload = Buffer.from(data.values.map((value) => (value ? 1 : 0)));
  } else if (data.type === 'eventfds') {
    dataFlag = VFIO_IRQ_SET_DATA_EVENTFD;
    if (fds === 'inline') {
      payload = Buffer.alloc(4 * data.fds.length);
      for (const [i, fd] of data.fds.entries()) payload.writeInt32LE(fd, 4 * i);
    }
  }
  const bytes = Buffer.alloc(IRQ_SET_BYTES + payload.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt32LE(dataFlag | actionFlags[action], 4);
  bytes.writeUInt32LE(index, 8);
  bytes.writeUInt32LE(start, 12);
  bytes.writeUInt32LE(count, 16);
  payload.copy(bytes, IRQ_SET_BYTES);
  return bytes;
}

/** What a struct vfio_irq_set asks for, as a server reads it. */
export interface IrqSet {
  readonly index: number;
  readonly action: IrqAction;
  readonly start: number;
  readonly count: number;
  readonly data: 'none' | 'bool' | 'eventfds';
  /** For 'bool', `count` values; else empty. Eventfds come beside the struct. */
  readonly values: readonly boolean[];
}

const dataTypes = new Map<number, IrqSet['data']>([
  [VFIO_IRQ_SET_DATA_NONE, 'none'],
  [VFIO_IRQ_SET_DATA_BOOL, 'bool'],
  [VFIO_IRQ_SET_DATA_EVENTFD, 'eventfds'],
]);
const actions = new Map<number, IrqAction>([
  [VFIO_IRQ_SET_ACTION_MASK, 'mask'],
  [VFIO_IRQ_SET_ACTION_UNMASK, 'unmask'],
  [VFIO_IRQ_SET_ACTION_TRIGGER, 'trigger'],
]);

/** Reads struct vfio_irq_set. Throws a VfioError of kind 'protocol' unless there is exactly one action and one data type. */
export function decodeIrqSet(bytes: Uint8Array): IrqSet {
  const operation = 'VFIO_DEVICE_SET_IRQS';
  const set = fixedPart(bytes, IRQ_SET_BYTES, operation);
  const flags = set.readUInt32LE(4);
  const data = dataTypes.get(flags & 7);
  const action = actions.get(flags & 0x38);
  if (data === undefined || action === undefined || flags > 0x3f) {
    throw malformed(operation, `flags 0x${flags.toString(16)} are not one action and one kind of data`);
  }
  const count = set.readUInt32LE(16);
  const payload = set.subarray(IRQ_SET_BYTES);
  if (data === 'bool' && payload.length < count) {
    throw malformed(operation, `${count} values are announced and ${payload.length} are there`);
  }
  return {
    index: set.readUInt32LE(8),
    action,
    start: set.readUInt32LE(12),
    count,
    data,
    values: data === 'bool' ? Array.from(payload.subarray(0, count), (value) => value !== 0) : [],
  };
}
