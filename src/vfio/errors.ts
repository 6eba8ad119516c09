import type { Width } from './width.js';

/**
 * What sort of failure it is:
 * - `access`      one read or write was refused (bus fault, EIO, out of range, unaligned, not writable)
 * - `unsupported` the way in cannot do it as asked (no single access of that width, no reset, no such interrupt)
 * - `absent`      no such device, region, file or way in
 * - `permission`  the system refused the right to do it
 * - `busy`        somebody else holds it
 * - `lost`        the device or its server is gone; nothing more will work
 * - `protocol`    the other side broke the vfio-user protocol, or the kernel gave a malformed answer
 * - `timeout`     no answer in time
 * - `limit`       it would not fit (locked memory, entries, address range)
 * - `readonly`    writes are switched off
 * - `kernel`      any other errno
 */
export type FailureKind =
  | 'access'
  | 'unsupported'
  | 'absent'
  | 'permission'
  | 'busy'
  | 'lost'
  | 'protocol'
  | 'timeout'
  | 'limit'
  | 'readonly'
  | 'kernel';

export interface FailureDetails {
  readonly kind: FailureKind;
  /** What was being done, as a verb with its object: 'read', 'open /dev/vfio/12', 'VFIO_SET_IOMMU'. */
  readonly operation: string;
  /** Why it failed, in words, without the errno's name. */
  readonly why: string;
  /** One thing to try, as a sentence or a command. */
  readonly hint?: string;
  /** The errno's name, such as 'EIO' or 'SIGBUS'. */
  readonly errno?: string;
  readonly device?: string;
  /** The space ('region0', 'config', a buffer's name), with the byte offset and the width in bits of the access. */
  readonly space?: string;
  readonly offset?: number | bigint;
  readonly width?: Width;
}

/** What a refused call means: the kind of failure, why in words, and one thing to try. */
export type Meaning = Pick<FailureDetails, 'kind' | 'why' | 'hint'>;

/** Everything that a device, the kernel or a server refuses. A bug in this program is never one of these. */
export class VfioError extends Error {
  readonly details: FailureDetails;

  constructor(details: FailureDetails, options?: ErrorOptions) {
    super(sentence(details), options);
    this.name = 'VfioError';
    this.details = details;
  }

  get kind(): FailureKind {
    return this.details.kind;
  }
}

/** 'read region0+0x100 (32 bits) of 0000:00:04.0: EIO: memory decode is off'. */
function sentence(d: FailureDetails): string {
  let place = d.operation;
  if (d.space !== undefined) place += ` ${d.space}`;
  if (d.offset !== undefined) place += `+0x${d.offset.toString(16)}`;
  if (d.width !== undefined) place += ` (${d.width} bits)`;
  // 'reset 0000:00:04.0', but 'read region0+0x0 of 0000:00:04.0' and 'enable interrupt msi of 0000:00:04.0'.
  if (d.device !== undefined) place += /^\w+$/.test(place) ? ` ${d.device}` : ` of ${d.device}`;
  return d.errno === undefined ? `${place}: ${d.why}` : `${place}: ${d.errno}: ${d.why}`;
}
