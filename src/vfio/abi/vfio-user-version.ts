/**
 * VFIO_USER_VERSION: the first message on a connection, and its capabilities in JSON. Source: docs/interop/vfio-user.rst of QEMU.
 */
import { fixedPart, malformed } from './vfio.js';

/** What a side announced about itself; what it left out has the specification's default. */
export interface Capabilities {
  /** Most file descriptors that the side takes in one message. */
  readonly maxMsgFds: number;
  /** Most bytes of data in one REGION_ or DMA_ READ or WRITE. */
  readonly maxDataXferSize: number;
  /** Most DMA mappings at a time. */
  readonly maxDmaMaps: number;
  /** Bit mask of page sizes for DMA_MAP. */
  readonly pageSizes: number;
  /** REGION_WRITE_MULTI is understood. */
  readonly writeMultiple: boolean;
}

export const DEFAULT_CAPABILITIES: Capabilities = {
  maxMsgFds: 1,
  maxDataXferSize: 1024 * 1024,
  maxDmaMaps: 65535,
  pageSizes: 4096,
  writeMultiple: false,
};

export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly capabilities: Capabilities;
}

const VERSION_SIZE = 4;
const OPERATION = 'decode VFIO_USER_VERSION';

export function encodeVersion(version: Version): Buffer {
  const { capabilities: c } = version;
  const json = JSON.stringify({
    capabilities: {
      max_msg_fds: c.maxMsgFds,
      max_data_xfer_size: c.maxDataXferSize,
      max_dma_maps: c.maxDmaMaps,
      pgsizes: c.pageSizes,
      write_multiple: c.writeMultiple,
    },
  });
  const payload = Buffer.alloc(VERSION_SIZE + Buffer.byteLength(json) + 1);
  payload.writeUInt16LE(version.major, 0);
  payload.writeUInt16LE(version.minor, 2);
  payload.write(json, VERSION_SIZE);
  return payload;
}

/** The version data is optional, its NUL is not insisted on, and capabilities without a meaning here (migration, twin_socket) are passed over. */
export function decodeVersion(payload: Buffer): Version {
  fixedPart(payload, VERSION_SIZE, OPERATION);
  const end = payload.indexOf(0, VERSION_SIZE);
  const json = payload.subarray(VERSION_SIZE, end === -1 ? payload.length : end);
  return {
    major: payload.readUInt16LE(0),
    minor: payload.readUInt16LE(2),
    capabilities: json.length === 0 ? DEFAULT_CAPABILITIES : decodeCapabilities(json),
  };
}

function decodeCapabilities(json: Buffer): Capabilities {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch {
    throw malformed(OPERATION, 'its capabilities are not JSON');
  }
  if (!isObject(parsed)) throw malformed(OPERATION, 'its version data is not a JSON object');
  const caps = parsed['capabilities'];
  if (caps === undefined) return DEFAULT_CAPABILITIES;
  if (!isObject(caps)) throw malformed(OPERATION, '"capabilities" is not a JSON object');
  const writeMultiple = caps['write_multiple'] ?? false;
  if (typeof writeMultiple !== 'boolean') throw malformed(OPERATION, '"write_multiple" is not a boolean');
  return {
    maxMsgFds: integer(caps, 'max_msg_fds', DEFAULT_CAPABILITIES.maxMsgFds, 0),
    maxDataXferSize: integer(caps, 'max_data_xfer_size', DEFAULT_CAPABILITIES.maxDataXferSize, 1),
    maxDmaMaps: integer(caps, 'max_dma_maps', DEFAULT_CAPABILITIES.maxDmaMaps, 0),
    pageSizes: integer(caps, 'pgsizes', DEFAULT_CAPABILITIES.pageSizes, 1),
    writeMultiple,
  };
}

function integer(caps: Record<string, unknown>, name: string, absent: number, least: number): number {
  const value = caps[name];
  if (value === undefined) return absent;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw malformed(OPERATION, `"${name}" is not an integer of at least ${least}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
