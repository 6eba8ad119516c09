import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { canonicalAddress } from './bus/bus-device.js';
import { Device, type DeviceOptions } from './device.js';
import { VfioError } from './errors.js';
import type { Transport } from './transport/transport.js';

export interface OpenOptions extends DeviceOptions {
  /** Forces the kernel's way in; by default cdev where there is /dev/iommu, else group. */
  readonly via?: 'group' | 'cdev';
  /** How long a vfio-user server may take to answer, in milliseconds. Default 5000. */
  readonly timeoutMs?: number;
  /** The profile: a name, a file, or 'none'; by default the one that fits the device best. */
  readonly profile?: string;
}

/** What DEVICE names: a kernel device, a vfio-user socket, a simulated device or a snapshot file. */
export type DeviceSpec =
  | { readonly kind: 'kernel'; readonly address: string }
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'sim'; readonly model: string }
  | { readonly kind: 'snapshot'; readonly file: string };

/**
 * Reads a DEVICE: '0000:01:00.0', '01:00.0', 'fe101300.dma', '/path/to.sock', 'unix:PATH', 'sim:edu', 'snapshot:FILE'.
 * What holds a slash is a socket; anything else without a prefix is a kernel device.
 */
export function parseDeviceSpec(text: string): DeviceSpec {
  if (text.startsWith('sim:')) return { kind: 'sim', model: text.slice(4) };
  if (text.startsWith('snapshot:')) return { kind: 'snapshot', file: text.slice(9) };
  if (text.startsWith('unix:')) return { kind: 'socket', path: text.slice(5) };
  return text.includes('/') ? { kind: 'socket', path: text } : { kind: 'kernel', address: text };
}

/** The same text for every way to write one DEVICE: '1:0.0' and '0000:01:00.0', 'unix:x.sock' and '/tmp/x.sock'. */
export function deviceKey(text: string): string {
  const spec = parseDeviceSpec(text);
  switch (spec.kind) {
    case 'kernel':
      return canonicalAddress(spec.address).toLowerCase();
    case 'socket':
      return `unix:${wherever(spec.path)}`;
    case 'snapshot':
      return `snapshot:${wherever(spec.file)}`;
    case 'sim':
      return text;
  }
}

/** Where a path leads, whatever folder it is seen from. */
function wherever(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/**
 * Opens a device by the way in that its name asks for. Nothing on it is touched.
 * Rejects with VfioError that says what is in the way and what to try.
 */
export async function openDevice(text: string, options: OpenOptions = {}): Promise<Device> {
  // It loads while the device is being opened.
  const profiles = options.profile === 'none' ? undefined : import('./profile/use.js');
  const transport = await openTransport(parseDeviceSpec(text), options);
  let device: Device | undefined;
  try {
    device = new Device(transport, options);
    await (await profiles)?.useProfile(device, options.profile);
    if (options.profile !== 'none') addOwnMaps(device, options.profile === undefined);
    return device;
  } catch (error) {
    if (device === undefined) transport.close();
    else device.close();
    throw error;
  }
}

/** The maps that a snapshot brings along: in the place of those that the fitting profile has, or beside those of the one that was named. */
function addOwnMaps({ transport, registers }: Device, instead: boolean): void {
  const known = new Set(instead ? [] : registers.maps.map(({ name }) => name));
  for (const map of transport.registerMaps ?? []) if (!known.has(map.name)) registers.add(map);
}

async function openTransport(spec: DeviceSpec, options: OpenOptions): Promise<Transport> {
  if (options.via !== undefined && spec.kind !== 'kernel') {
    throw new VfioError({
      kind: 'unsupported',
      operation: 'open',
      why: `--via ${options.via} is for devices of the kernel`,
      hint: 'leave --via out',
    });
  }
  const timeout = options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs };
  switch (spec.kind) {
    case 'kernel': {
      const { openKernelDevice } = await import('./bus/open.js');
      try {
        return openKernelDevice(spec.address, options.via === undefined ? {} : { via: options.via });
      } catch (error) {
        throw meantAsFile(spec.address, error);
      }
    }
    case 'socket': {
      const { VfioUserTransport } = await import('./transport/vfio-user.js');
      return VfioUserTransport.connect(spec.path, timeout);
    }
    case 'sim': {
      const { openSimulated } = await import('./sim/open.js');
      return openSimulated(spec.model, timeout);
    }
    case 'snapshot': {
      const { SnapshotTransport } = await import('./transport/snapshot.js');
      return SnapshotTransport.open(spec.file);
    }
  }
}

/** `error`, with what to type where there is no such device but a file of that name: a socket without its folder, or a snapshot. */
function meantAsFile(address: string, error: unknown): unknown {
  if (!(error instanceof VfioError) || error.kind !== 'absent') return error;
  const name = fileNamed(address);
  if (name === undefined) return error;
  return new VfioError({ ...error.details, hint: `a file of that name is here: ${name}` }, { cause: error });
}

function fileNamed(address: string): string | undefined {
  try {
    const found = statSync(address);
    return found.isSocket() ? `./${address}` : found.isFile() ? `snapshot:${address}` : undefined;
  } catch {
    return undefined;
  }
}
