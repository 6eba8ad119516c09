import * as abi from './abi/pci.js';
import { bits, type ConfigBytes, field, hex, type PciRegister, wide } from './pci-registers.js';

/** What lspci would say of the extended capabilities. Sources: linux/pci_regs.h; PCI Express Base 5.0, 7.7 to 7.9. */

interface Context {
  /** A root port or an event collector: AER has root registers. */
  readonly root: boolean;
}

const decoders: Readonly<Record<number, (config: ConfigBytes, base: number, context: Context) => PciRegister[]>> = {
  [abi.PCI_EXT_CAP_ID_ERR]: advancedErrors,
  [abi.PCI_EXT_CAP_ID_DSN]: serialNumber,
  [abi.PCI_EXT_CAP_ID_VNDR]: (config, base) => [
    config.register('Header', base + 4, 32, (value) => ({
      values: { ID: hex(field(value, 0, 16), 4), Rev: field(value, 16, 4), Len: hex(field(value, 20, 12), 3) },
    })),
  ],
  [abi.PCI_EXT_CAP_ID_DVSEC]: (config, base) => [
    config.register('Header', base + 4, 32, (value) => ({
      values: { Vendor: hex(field(value, 0, 16), 4), Rev: field(value, 16, 4), Len: hex(field(value, 20, 12), 3) },
    })),
    config.register('ID', base + 8, 16, (value) => ({ values: { ID: hex(value, 4) } })),
  ],
  [abi.PCI_EXT_CAP_ID_ACS]: (config, base) => [
    config.register('ACSCap', base + 4, 16, (value) => ({ flags: bits(value, acsBits) })),
    config.register('ACSCtl', base + 6, 16, (value) => ({ flags: bits(value, acsBits) })),
  ],
  [abi.PCI_EXT_CAP_ID_ARI]: (config, base) => [
    config.register('ARICap', base + 4, 16, (value) => ({
      flags: bits(value, { MFVC: 0, ACS: 1 }),
      values: { 'Next Function': field(value, 8, 8) },
    })),
    config.register('ARICtl', base + 6, 16, (value) => ({
      flags: bits(value, { MFVC: 0, ACS: 1 }),
      values: { 'Function Group': field(value, 4, 3) },
    })),
  ],
  [abi.PCI_EXT_CAP_ID_ATS]: (config, base) => [
    config.register('ATSCap', base + 4, 16, (value) => ({
      // 0 stands for 32.
      values: { 'Invalidate Queue Depth': field(value, 0, 5) || 32 },
    })),
    config.register('ATSCtl', base + 6, 16, (value) => ({
      flags: bits(value, { Enable: 15 }),
      values: { 'Smallest Translation Unit': field(value, 0, 5) },
    })),
  ],
  [abi.PCI_EXT_CAP_ID_SRIOV]: virtualFunctions,
  [abi.PCI_EXT_CAP_ID_PRI]: (config, base) => [
    config.register('PRICtl', base + 4, 16, (value) => ({ flags: bits(value, { Enable: 0, Reset: 1 }) })),
    config.register('PRISta', base + 6, 16, (value) => ({
      flags: bits(value, { RF: 0, UPRGI: 1, Stopped: 8, PASID: 15 }),
    })),
    config.register('Capacity', base + 8, 32, (value) => ({ values: { 'Page Request Capacity': hex(value, 8) } })),
    config.register('Allocation', base + 12, 32, (value) => ({ values: { 'Page Request Allocation': hex(value, 8) } })),
  ],
  [abi.PCI_EXT_CAP_ID_PASID]: (config, base) => [
    config.register('PASIDCap', base + 4, 16, (value) => ({
      flags: bits(value, { Exec: 1, Priv: 2 }),
      values: { 'Max PASID Width': hex(field(value, 8, 5), 2) },
    })),
    config.register('PASIDCtl', base + 6, 16, (value) => ({ flags: bits(value, { Enable: 0, Exec: 1, Priv: 2 }) })),
  ],
  [abi.PCI_EXT_CAP_ID_LTR]: (config, base) => [
    config.register('Max snoop latency', base + 4, 16, (value) => ({ values: { latency: latency(value) } })),
    config.register('Max no snoop latency', base + 6, 16, (value) => ({ values: { latency: latency(value) } })),
  ],
  [abi.PCI_EXT_CAP_ID_REBAR]: resizableBars,
  [abi.PCI_EXT_CAP_ID_PTM]: (config, base) => [
    config.register('PTMCap', base + 4, 32, (value) => ({
      flags: bits(value, { Requester: 0, Responder: 1, Root: 2 }),
      values: { 'Clock Granularity': granularity(field(value, 8, 8)) },
    })),
    config.register('PTMControl', base + 8, 32, (value) => ({
      flags: bits(value, { Enabled: 0, RootSelected: 1 }),
      values: { 'Effective Granularity': granularity(field(value, 8, 8)) },
    })),
  ],
};

/** The registers of the extended capability `id` at `base`; none where only its place is known. */
export function extendedRegisters(config: ConfigBytes, id: number, base: number, context: Context): PciRegister[] {
  return decoders[id]?.(config, base, context) ?? [];
}

const uncorrectable = {
  DLP: 4,
  SDES: 5,
  TLP: 12,
  FCP: 13,
  CmpltTO: 14,
  CmpltAbrt: 15,
  UnxCmplt: 16,
  RxOF: 17,
  MalfTLP: 18,
  ECRC: 19,
  UnsupReq: 20,
  ACSViol: 21,
} as const;
const correctable = { RxErr: 0, BadTLP: 6, BadDLLP: 7, Rollover: 8, Timeout: 12, AdvNonFatalErr: 13 } as const;
const acsBits = {
  SrcValid: 0,
  TransBlk: 1,
  ReqRedir: 2,
  CmpltRedir: 3,
  UpstreamFwd: 4,
  EgressCtrl: 5,
  DirectTrans: 6,
} as const;

function advancedErrors(config: ConfigBytes, base: number, { root }: Context): PciRegister[] {
  const of = (name: string, offset: number, positions: Readonly<Record<string, number>>): PciRegister =>
    config.register(name, base + offset, 32, (value) => ({ flags: bits(value, positions) }));
  const registers = [
    of('UESta', 4, uncorrectable),
    of('UEMsk', 8, uncorrectable),
    of('UESvrt', 12, uncorrectable),
    of('CESta', 16, correctable),
    of('CEMsk', 20, correctable),
    config.register('AERCap', base + 24, 32, (value) => ({
      flags: bits(value, {
        ECRCGenCap: 5,
        ECRCGenEn: 6,
        ECRCChkCap: 7,
        ECRCChkEn: 8,
        MultHdrRecCap: 9,
        MultHdrRecEn: 10,
        TLPPfxPres: 11,
        HdrLogCap: 12,
      }),
      values: { 'First Error Pointer': hex(field(value, 0, 5), 2) },
    })),
    ...[0, 1, 2, 3].map((index) =>
      config.register(`HeaderLog${index}`, base + 28 + index * 4, 32, (value) => ({ values: { TLP: hex(value, 8) } })),
    ),
  ];
  if (!root) return registers;
  registers.push(
    of('RootCmd', 0x2c, { CERptEn: 0, NFERptEn: 1, FERptEn: 2 }),
    config.register('RootSta', base + 0x30, 32, (value) => ({
      flags: bits(value, {
        CERcvd: 0,
        MultCERcvd: 1,
        UERcvd: 2,
        MultUERcvd: 3,
        FirstFatal: 4,
        NonFatalMsg: 5,
        FatalMsg: 6,
      }),
      values: { IntMsg: field(value, 27, 5) },
    })),
    config.register('ErrorSrc', base + 0x34, 32, (value) => ({
      values: { ERR_COR: hex(value & 0xffff, 4), 'ERR_FATAL/NONFATAL': hex(value >>> 16, 4) },
    })),
  );
  return registers;
}

/** The EUI-64, its first byte in the highest bits: '52-54-00-ff-ff-12-34-57'. */
function serialNumber(config: ConfigBytes, base: number): PciRegister[] {
  const high = config.read(base + 8, 32);
  return [
    config.register('Serial', high === undefined ? base + 8 : base + 4, 32, (low) => {
      const digits = wide(high ?? 0, low)
        .toString(16)
        .padStart(16, '0');
      return { values: { Serial: (digits.match(/../g) ?? []).join('-') } };
    }),
  ];
}

function virtualFunctions(config: ConfigBytes, base: number): PciRegister[] {
  const count = (name: string, offset: number): PciRegister =>
    config.register(name, base + offset, 16, (value) => ({ values: { [name]: value } }));
  return [
    config.register('IOVCap', base + 4, 32, (value) => ({
      flags: bits(value, { Migration: 0, '10BitTagReq': 2 }),
      values: { 'Interrupt Message Number': field(value, 21, 11) },
    })),
    config.register('IOVCtl', base + 8, 16, (value) => ({
      flags: bits(value, { Enable: 0, Migration: 1, Interrupt: 2, MSE: 3, ARIHierarchy: 4, '10BitTagReq': 5 }),
    })),
    config.register('IOVSta', base + 10, 16, (value) => ({ flags: bits(value, { Migration: 0 }) })),
    count('Initial VFs', 12),
    count('Total VFs', 14),
    count('Number of VFs', 16),
    count('VF offset', 20),
    count('VF stride', 22),
    config.register('VF device', base + 26, 16, (value) => ({ values: { 'Device ID': hex(value, 4) } })),
    config.register('Supported Page Size', base + 28, 32, (value) => ({ values: { sizes: hex(value, 8) } })),
    config.register('System Page Size', base + 32, 32, (value) => ({ values: { size: hex(value, 8) } })),
  ];
}

function resizableBars(config: ConfigBytes, base: number): PciRegister[] {
  const first = config.read(base + 8, 32);
  // The number of BARs is in the first control register; there are at most six.
  const count = first === undefined ? 1 : Math.min(field(first, 5, 3), 6);
  return Array.from({ length: count }, (_, index) =>
    config.register(`BAR entry ${index}`, base + 8 + index * 8, 32, (value) => ({
      values: { BAR: field(value, 0, 3), 'current size': `2^${field(value, 8, 6) + 20} bytes` },
    })),
  );
}

/** Nanoseconds: a value times 32 to the power of a scale (PCI Express Base 5.0, 7.8.2). */
function latency(value: number): string {
  return `${field(value, 0, 10) * 32 ** field(value, 10, 3)}ns`;
}

function granularity(value: number): string {
  if (value === 0) return 'Unknown';
  return value === 255 ? '>254ns' : `${value}ns`;
}
