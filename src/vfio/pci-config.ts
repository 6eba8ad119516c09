import * as abi from './abi/pci.js';
import { capabilityRegisters } from './pci-capabilities.js';
import { collectsErrors, portType } from './pci-express.js';
import { extendedRegisters } from './pci-extended-capabilities.js';
import { bits, ConfigBytes, field, hex, type PciRegister, wide } from './pci-registers.js';

export type { PciRegister } from './pci-registers.js';

/** A base address register, or the pair of them that a 64-bit one takes. */
export interface PciBar {
  /** Number of the (first) register, which is the number of VFIO's region. */
  readonly index: number;
  readonly kind: 'memory' | 'io';
  /** The address in it; 0 where nobody gave it one. */
  readonly address: bigint;
  /** Bits of the address: 16 for the old "below 1 MiB" type; undefined for I/O ports. */
  readonly bits?: 16 | 32 | 64;
  readonly prefetchable?: boolean;
  /** In bytes, where it is known: config space alone does not tell. */
  readonly size?: number;
}

export interface PciCapability {
  readonly offset: number;
  readonly id: number;
  /** Its short name ('MSIX'), or its id in hexadecimal where that is all there is. */
  readonly name: string;
  /** Its name in words. */
  readonly words: string;
  /** Of extended capabilities only. */
  readonly version?: number;
  /** What is in it; empty for a capability that is known by name only. */
  readonly registers: readonly PciRegister[];
}

export interface PciConfig {
  /** Bytes that were decoded. */
  readonly size: number;
  /** undefined wherever a number could not be read. */
  readonly vendorId: number | undefined;
  readonly deviceId: number | undefined;
  readonly subsystemVendorId: number | undefined;
  readonly subsystemId: number | undefined;
  readonly revision: number | undefined;
  /** Base class, subclass and programming interface, as 0x020000. */
  readonly classCode: number | undefined;
  /** 0 device, 1 bridge, 2 CardBus bridge. */
  readonly headerType: number | undefined;
  readonly multiFunction: boolean;
  /** Everything reads as ones: the device does not answer. Nothing else is decoded then. */
  readonly silent: boolean;
  readonly registers: readonly PciRegister[];
  readonly bars: readonly PciBar[];
  readonly capabilities: readonly PciCapability[];
  /** What is wrong with the space itself, such as a capability list that is a cycle. */
  readonly faults: readonly string[];
}

export interface PciConfigOptions {
  /** Offsets of the bytes that could not be read. */
  readonly unreadable?: Iterable<number>;
  /** Bytes of each region by BAR number, as VFIO tells them; 0 or undefined where there is none. */
  readonly barSizes?: readonly (number | undefined)[];
}

/** Takes a configuration space apart that was read before: 256 or 4096 bytes (fewer show less). Reads nothing itself. */
export function decodePciConfig(bytes: Uint8Array, options: PciConfigOptions = {}): PciConfig {
  const config = new ConfigBytes(bytes, options.unreadable);
  const vendorId = config.read(abi.PCI_VENDOR_ID, 16);
  const silent = vendorId === 0xffff && config.read(abi.PCI_HEADER_TYPE, 8) === 0xff;
  const header = config.read(abi.PCI_HEADER_TYPE, 8);
  const headerType = header === undefined ? undefined : header & abi.PCI_HEADER_TYPE_MASK;
  const classRevision = config.read(abi.PCI_CLASS_REVISION, 32);
  const device = headerType === 0;
  const faults: string[] = [];
  return {
    size: bytes.length,
    vendorId,
    deviceId: config.read(abi.PCI_DEVICE_ID, 16),
    subsystemVendorId: device ? config.read(abi.PCI_SUBSYSTEM_VENDOR_ID, 16) : undefined,
    subsystemId: device ? config.read(abi.PCI_SUBSYSTEM_ID, 16) : undefined,
    revision: config.read(abi.PCI_CLASS_REVISION, 8),
    classCode: classRevision === undefined ? undefined : classRevision >>> 8,
    headerType,
    multiFunction: header !== undefined && (header & abi.PCI_HEADER_TYPE_MFD) !== 0,
    silent,
    registers: silent ? [] : headerRegisters(config, headerType),
    bars: silent ? [] : baseAddresses(config, headerType, options.barSizes ?? []),
    capabilities: silent
      ? []
      : [...standardCapabilities(config, headerType, faults), ...extendedCapabilities(config, faults)],
    faults,
  };
}

const parityAndAborts = {
  '66MHz': 5,
  UDF: 6,
  FastB2B: 7,
  ParErr: 8,
  '>TAbort': 11,
  '<TAbort': 12,
  '<MAbort': 13,
} as const;
const selectTimings = ['fast', 'medium', 'slow', 'reserved'];

function headerRegisters(config: ConfigBytes, headerType: number | undefined): PciRegister[] {
  const registers = [
    config.register('Control', abi.PCI_COMMAND, 16, (value) => ({
      flags: bits(value, {
        'I/O': 0,
        Mem: 1,
        BusMaster: 2,
        SpecCycle: 3,
        MemWINV: 4,
        VGASnoop: 5,
        ParErr: 6,
        Stepping: 7,
        SERR: 8,
        FastB2B: 9,
        DisINTx: 10,
      }),
    })),
    config.register('Status', abi.PCI_STATUS, 16, (value) => ({
      flags: bits(value, { Cap: 4, ...parityAndAborts, '>SERR': 14, '<PERR': 15, INTx: 3 }),
      values: { DEVSEL: selectTimings[field(value, 9, 2)] ?? '' },
    })),
    config.register('Latency', abi.PCI_LATENCY_TIMER, 8, (value) => ({ values: { Latency: value } })),
    config.register('Cache line', abi.PCI_CACHE_LINE_SIZE, 8, (value) => ({ values: { Size: `${value * 4} bytes` } })),
    config.register('Interrupt', abi.PCI_INTERRUPT_LINE, 16, (value) => ({
      values: { Pin: interruptPin(value >>> 8), Line: value & 0xff },
    })),
  ];
  if (headerType === 0) registers.push(rom(config, abi.PCI_ROM_ADDRESS));
  if (headerType === 1) registers.push(...bridgeRegisters(config), rom(config, abi.PCI_ROM_ADDRESS1));
  return registers;
}

function interruptPin(pin: number): string {
  if (pin === 0) return 'none';
  return pin <= 4 ? String.fromCharCode(0x40 + pin) : `invalid (${pin})`;
}

function rom(config: ConfigBytes, offset: number): PciRegister {
  return config.register('Expansion ROM', offset, 32, (value) => ({
    flags: bits(value, { Enabled: 0 }),
    values: { Address: hex((value & 0xffff_f800) >>> 0, 8) },
  }));
}

/** Source: PCI-to-PCI Bridge Architecture 1.2, 3.2.5. A base above its limit means that nothing is forwarded. */
function bridgeRegisters(config: ConfigBytes): PciRegister[] {
  return [
    config.register('Bus', abi.PCI_PRIMARY_BUS, 32, (value) => ({
      values: {
        primary: hex(value & 0xff, 2),
        secondary: hex(field(value, 8, 8), 2),
        subordinate: hex(field(value, 16, 8), 2),
        'sec-latency': value >>> 24,
      },
    })),
    config.register('I/O behind bridge', abi.PCI_IO_BASE, 16, (value) => {
      const upper = (value & 0x0f) === 1 ? (config.read(abi.PCI_IO_BASE_UPPER16, 32) ?? 0) : 0;
      const base = (field(upper, 0, 16) << 16) | (field(value, 4, 4) << 12);
      const limit = (field(upper, 16, 16) << 16) | (field(value, 12, 4) << 12) | 0xfff;
      return { values: { Window: window(BigInt(base >>> 0), BigInt(limit >>> 0), 4) } };
    }),
    config.register('Memory behind bridge', abi.PCI_MEMORY_BASE, 32, (value) => ({
      values: { Window: window(memoryBase(value), memoryLimit(value), 8) },
    })),
    config.register('Prefetchable memory behind bridge', abi.PCI_PREF_MEMORY_BASE, 32, (value) => {
      const is64 = (value & 0x0f) === 1;
      const high = is64 ? (config.read(abi.PCI_PREF_BASE_UPPER32, 32) ?? 0) : 0;
      const limitHigh = is64 ? (config.read(abi.PCI_PREF_LIMIT_UPPER32, 32) ?? 0) : 0;
      const base = wide(high, 0) | memoryBase(value);
      const limit = wide(limitHigh, 0) | memoryLimit(value);
      return { values: { Window: window(base, limit, is64 ? 16 : 8) } };
    }),
    config.register('Secondary status', abi.PCI_SEC_STATUS, 16, (value) => ({
      flags: bits(value, { ...parityAndAborts, '<SERR': 14, '<PERR': 15 }),
      values: { DEVSEL: selectTimings[field(value, 9, 2)] ?? '' },
    })),
    config.register('BridgeCtl', abi.PCI_BRIDGE_CONTROL, 16, (value) => ({
      flags: bits(value, {
        Parity: 0,
        SERR: 1,
        NoISA: 2,
        VGA: 3,
        VGA16: 4,
        MAbort: 5,
        '>Reset': 6,
        FastB2B: 7,
        PriDiscTmr: 8,
        SecDiscTmr: 9,
        DiscTmrStat: 10,
        DiscTmrSERREn: 11,
      }),
    })),
  ];
}

function memoryBase(value: number): bigint {
  return BigInt(((value & 0xfff0) << 16) >>> 0);
}

function memoryLimit(value: number): bigint {
  return BigInt((value & 0xfff0_0000) >>> 0) | 0xf_ffffn;
}

function window(base: bigint, limit: bigint, digits: number): string {
  return base > limit ? 'disabled' : `${hex(base, digits)}..${hex(limit + 1n, digits)}`;
}

/** Source: PCI Local Bus 3.0, 6.2.5.1. */
function baseAddresses(
  config: ConfigBytes,
  headerType: number | undefined,
  sizes: readonly (number | undefined)[],
): PciBar[] {
  const count = headerType === 0 ? 6 : headerType === 1 ? 2 : 0;
  const bars: PciBar[] = [];
  for (let index = 0; index < count; index++) {
    const offset = abi.PCI_BASE_ADDRESS_0 + index * 4;
    const low = config.read(offset, 32);
    const size = sizes[index];
    // A register that reads 0 is an absent BAR unless VFIO says otherwise.
    if (low === undefined || (low === 0 && (size ?? 0) === 0)) continue;
    const known = size === undefined ? {} : { size };
    if ((low & 1) === 1) {
      bars.push({ index, kind: 'io', address: BigInt((low & ~3) >>> 0), ...known });
      continue;
    }
    const type = field(low, 1, 2);
    const address = BigInt((low & ~15) >>> 0);
    const prefetchable = field(low, 3, 1) === 1;
    if (type === 2) {
      const high = index + 1 < count ? config.read(offset + 4, 32) : undefined;
      if (high !== undefined) {
        bars.push({ index, kind: 'memory', address: wide(high, 0) | address, bits: 64, prefetchable, ...known });
      }
      index++;
    } else {
      bars.push({ index, kind: 'memory', address, bits: type === 1 ? 16 : 32, prefetchable, ...known });
    }
  }
  return bars;
}

function standardCapabilities(config: ConfigBytes, headerType: number | undefined, faults: string[]): PciCapability[] {
  const status = config.read(abi.PCI_STATUS, 16);
  if (status === undefined || (status & abi.PCI_STATUS_CAP_LIST) === 0) return [];
  const seen = new Set<number>();
  const list: PciCapability[] = [];
  let at = config.read(headerType === 2 ? abi.PCI_CB_CAPABILITY_LIST : abi.PCI_CAPABILITY_LIST, 8);
  while (at !== 0) {
    if (at === undefined) {
      faults.push('the capability list goes on in bytes that could not be read');
      break;
    }
    // The low two bits are reserved: they are to be ignored.
    at &= ~3;
    if (at === 0) break;
    if (at < headerSize || at + 2 > abi.PCI_CFG_SPACE_SIZE) {
      faults.push(`the capability list points to ${hex(at, 2)}, where no capability can be`);
      break;
    }
    if (seen.has(at)) {
      faults.push(`the capability list is a cycle: it comes back to ${hex(at, 2)}`);
      break;
    }
    seen.add(at);
    const id = config.read(at, 8);
    if (id === undefined) {
      faults.push(`the capability at ${hex(at, 2)} could not be read`);
      break;
    }
    if (id === 0xff) {
      faults.push(`the capability list ends in all ones at ${hex(at, 2)}`);
      break;
    }
    const known = abi.capabilityNames.get(id);
    list.push({
      offset: at,
      id,
      name: known?.name ?? hex(id, 2),
      words: known?.words ?? 'unknown capability',
      registers: capabilityRegisters(config, id, at),
    });
    at = config.read(at + abi.PCI_CAP_LIST_NEXT, 8);
  }
  return list;
}

/** The standard header ends here; capabilities come behind it. */
const headerSize = 0x40;
const extendedStart = abi.PCI_CFG_SPACE_SIZE;

function extendedCapabilities(config: ConfigBytes, faults: string[]): PciCapability[] {
  if (config.size <= extendedStart) return [];
  const express = expressAt(config);
  const type = express === undefined ? undefined : portType(config, express);
  const context = { root: type !== undefined && collectsErrors(type) };
  const seen = new Set<number>();
  const list: PciCapability[] = [];
  let at = extendedStart;
  while (at !== 0) {
    if (at < extendedStart || at + 4 > config.size) {
      faults.push(`the extended capability list points to ${hex(at, 3)}, where no capability can be`);
      break;
    }
    if (seen.has(at)) {
      faults.push(`the extended capability list is a cycle: it comes back to ${hex(at, 3)}`);
      break;
    }
    seen.add(at);
    const head = config.read(at, 32);
    if (head === undefined) {
      faults.push(`the extended capability at ${hex(at, 3)} could not be read`);
      break;
    }
    // Zeros or ones at the start: there are none. (An empty entry that leads on is one that was hidden.)
    if (head === 0 || head === 0xffff_ffff) break;
    const id = field(head, 0, 16);
    const known = abi.extendedCapabilityNames.get(id);
    if (id !== 0) {
      list.push({
        offset: at,
        id,
        name: known?.name ?? hex(id, 4),
        words: known?.words ?? 'unknown extended capability',
        version: field(head, 16, 4),
        registers: extendedRegisters(config, id, at, context),
      });
    }
    at = field(head, 20, 12) & ~3;
  }
  return list;
}

/** Where the PCI Express capability is, if the list leads to one. */
function expressAt(config: ConfigBytes): number | undefined {
  let at = config.read(abi.PCI_CAPABILITY_LIST, 8);
  // The longest list that can be: every capability takes at least four bytes.
  for (let steps = 0; at !== undefined && at >= headerSize && steps < 48; steps++) {
    if (config.read(at & ~3, 8) === abi.PCI_CAP_ID_EXP) return at & ~3;
    at = config.read((at & ~3) + abi.PCI_CAP_LIST_NEXT, 8);
  }
  return undefined;
}
