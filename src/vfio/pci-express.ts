import { bits, type ConfigBytes, field, type PciRegister } from './pci-registers.js';

/**
 * The PCI Express capability, as lspci decodes it. Source: PCI Express Base 5.0, 7.5.3; linux/pci_regs.h, PCI_EXP_*.
 */

/** Device/port types. */
const portTypes: Readonly<Record<number, string>> = {
  0: 'Endpoint',
  1: 'Legacy Endpoint',
  4: 'Root Port',
  5: 'Upstream Port',
  6: 'Downstream Port',
  7: 'PCI-Express to PCI/PCI-X Bridge',
  8: 'PCI/PCI-X to PCI-Express Bridge',
  9: 'Root Complex Integrated Endpoint',
  10: 'Root Complex Event Collector',
};
const rootPort = 4;
const downstreamPort = 6;
const expressToPciBridge = 7;
const integratedEndpoint = 9;
const eventCollector = 10;

const speeds = ['unknown', '2.5GT/s', '5GT/s', '8GT/s', '16GT/s', '32GT/s', '64GT/s'];
const l0sLatencies = ['<64ns', '<128ns', '<256ns', '<512ns', '<1us', '<2us', '<4us', 'unlimited'];
const l1Latencies = ['<1us', '<2us', '<4us', '<8us', '<16us', '<32us', '<64us', 'unlimited'];
const aspmSupport = ['not supported', 'L0s', 'L1', 'L0s L1'];
const aspmControl = ['Disabled', 'L0s Enabled', 'L1 Enabled', 'L0s L1 Enabled'];
const indicators = ['Unknown', 'On', 'Blink', 'Off'];
const obffSupport = ['Not Supported', 'Via message', 'Via WAKE#', 'Via message/WAKE#'];
const obffControl = ['Disabled', 'Via message A', 'Via message B', 'Via WAKE#'];
const powerScales = [1, 0.1, 0.01, 0.001];
const timeoutRanges: Readonly<Record<number, string>> = {
  0: 'Not Supported',
  1: 'Range A',
  2: 'Range B',
  3: 'Range AB',
  6: 'Range BC',
  7: 'Range ABC',
  14: 'Range BCD',
  15: 'Range ABCD',
};
const timeouts: Readonly<Record<number, string>> = {
  0: '50us to 50ms',
  1: '50us to 100us',
  2: '1ms to 10ms',
  5: '16ms to 55ms',
  6: '65ms to 210ms',
  9: '260ms to 900ms',
  10: '1s to 3.5s',
  13: '4s to 13s',
  14: '17s to 64s',
};

const errorReports = { CorrErr: 0, NonFatalErr: 1, FatalErr: 2, UnsupReq: 3 } as const;

/** Whether a device of this PCI Express type reports errors of others: it has AER's root registers. */
export function collectsErrors(type: number): boolean {
  return type === rootPort || type === eventCollector;
}

/** The device/port type in the capability at `base`. */
export function portType(config: ConfigBytes, base: number): number | undefined {
  const flags = config.read(base + 2, 16);
  return flags === undefined ? undefined : field(flags, 4, 4);
}

export function expressRegisters(config: ConfigBytes, base: number): PciRegister[] {
  const registers = [
    config.register('Type', base + 2, 16, (value) => ({
      flags: bits(value, { Slot: 8 }),
      values: {
        Version: field(value, 0, 4),
        Type: portTypes[field(value, 4, 4)] ?? `unknown type ${field(value, 4, 4)}`,
        'MSI vector': field(value, 9, 5),
      },
    })),
    ...deviceRegisters(config, base),
  ];
  const flags = config.read(base + 2, 16);
  if (flags === undefined) return registers;
  const type = field(flags, 4, 4);
  const linked = type !== integratedEndpoint && type !== eventCollector;
  if (linked) registers.push(...linkRegisters(config, base));
  if ((type === rootPort || type === downstreamPort) && field(flags, 8, 1) === 1) {
    registers.push(...slotRegisters(config, base));
  }
  if (collectsErrors(type)) registers.push(...rootRegisters(config, base));
  if (field(flags, 0, 4) < 2) return registers;
  registers.push(...secondDeviceRegisters(config, base));
  if (linked) registers.push(...secondLinkRegisters(config, base));
  return registers;
}

function deviceRegisters(config: ConfigBytes, base: number): PciRegister[] {
  const resets = field(config.read(base + 4, 32) ?? 0, 28, 1) === 1;
  // The control register's highest bit has two meanings: one for bridges, one for what can be reset by function.
  const topBit = portType(config, base) === expressToPciBridge ? 'BrConfRtry' : resets ? 'FLReset' : undefined;
  return [
    config.register('DevCap', base + 4, 32, (value) => ({
      flags: bits(value, { ExtTag: 5, AttnBtn: 12, AttnInd: 13, PwrInd: 14, RBE: 15, FLReset: 28 }),
      values: {
        MaxPayload: `${128 << field(value, 0, 3)} bytes`,
        PhantFunc: 2 ** field(value, 3, 2) - 1,
        'Latency L0s': l0sLatencies[field(value, 6, 3)] ?? '',
        'Latency L1': l1Latencies[field(value, 9, 3)] ?? '',
        SlotPowerLimit: power(field(value, 18, 8), field(value, 26, 2)),
      },
    })),
    config.register('DevCtl', base + 8, 16, (value) => ({
      flags: bits(value, {
        ...errorReports,
        RlxdOrd: 4,
        ExtTag: 8,
        PhantFunc: 9,
        AuxPwr: 10,
        NoSnoop: 11,
        ...(topBit === undefined ? {} : { [topBit]: 15 }),
      }),
      values: {
        MaxPayload: `${128 << field(value, 5, 3)} bytes`,
        MaxReadReq: `${128 << field(value, 12, 3)} bytes`,
      },
    })),
    config.register('DevSta', base + 10, 16, (value) => ({
      flags: bits(value, { ...errorReports, AuxPwr: 4, TransPend: 5 }),
    })),
  ];
}

function linkRegisters(config: ConfigBytes, base: number): PciRegister[] {
  return [
    config.register('LnkCap', base + 12, 32, (value) => ({
      flags: bits(value, { ClockPM: 18, Surprise: 19, LLActRep: 20, BwNot: 21, ASPMOptComp: 22 }),
      values: {
        Port: `#${field(value, 24, 8)}`,
        Speed: speed(field(value, 0, 4)),
        Width: `x${field(value, 4, 6)}`,
        ASPM: aspmSupport[field(value, 10, 2)] ?? '',
        'Exit Latency L0s': l0sLatencies[field(value, 12, 3)] ?? '',
        'Exit Latency L1': l1Latencies[field(value, 15, 3)] ?? '',
      },
    })),
    config.register('LnkCtl', base + 16, 16, (value) => ({
      flags: bits(value, { Disabled: 4, CommClk: 6, ExtSynch: 7, ClockPM: 8, AutWidDis: 9, BWInt: 10, AutBWInt: 11 }),
      values: { ASPM: aspmControl[field(value, 0, 2)] ?? '', RCB: field(value, 3, 1) === 1 ? '128 bytes' : '64 bytes' },
    })),
    config.register('LnkSta', base + 18, 16, (value) => ({
      flags: bits(value, { TrErr: 10, Train: 11, SlotClk: 12, DLActive: 13, BWMgmt: 14, ABWMgmt: 15 }),
      values: { Speed: speed(field(value, 0, 4)), Width: `x${field(value, 4, 6)}` },
    })),
  ];
}

function slotRegisters(config: ConfigBytes, base: number): PciRegister[] {
  return [
    config.register('SltCap', base + 20, 32, (value) => ({
      flags: bits(value, {
        AttnBtn: 0,
        PwrCtrl: 1,
        MRL: 2,
        AttnInd: 3,
        PwrInd: 4,
        HotPlug: 6,
        Surprise: 5,
        Interlock: 17,
        NoCompl: 18,
      }),
      values: { Slot: `#${field(value, 19, 13)}`, PowerLimit: power(field(value, 7, 8), field(value, 15, 2)) },
    })),
    config.register('SltCtl', base + 24, 16, (value) => ({
      flags: bits(value, {
        AttnBtn: 0,
        PwrFlt: 1,
        MRL: 2,
        PresDet: 3,
        CmdCplt: 4,
        HPIrq: 5,
        LinkChg: 12,
        Power: 10,
        Interlock: 11,
      }),
      values: { AttnInd: indicators[field(value, 6, 2)] ?? '', PwrInd: indicators[field(value, 8, 2)] ?? '' },
    })),
    config.register('SltSta', base + 26, 16, (value) => ({
      flags: bits(value, {
        AttnBtn: 0,
        PowerFlt: 1,
        MRL: 5,
        CmdCplt: 4,
        PresDet: 6,
        Interlock: 7,
        'MRL changed': 2,
        'PresDet changed': 3,
        'LinkState changed': 8,
      }),
    })),
  ];
}

function rootRegisters(config: ConfigBytes, base: number): PciRegister[] {
  return [
    config.register('RootCap', base + 30, 16, (value) => ({ flags: bits(value, { CRSVisible: 0 }) })),
    config.register('RootCtl', base + 28, 16, (value) => ({
      flags: bits(value, { ErrCorrectable: 0, 'ErrNon-Fatal': 1, ErrFatal: 2, PMEIntEna: 3, CRSVisible: 4 }),
    })),
    config.register('RootSta', base + 32, 32, (value) => ({
      flags: bits(value, { PMEStatus: 16, PMEPending: 17 }),
      values: { 'PME ReqID': field(value, 0, 16).toString(16).padStart(4, '0') },
    })),
  ];
}

function secondDeviceRegisters(config: ConfigBytes, base: number): PciRegister[] {
  return [
    config.register('DevCap2', base + 36, 32, (value) => ({
      flags: bits(value, {
        TimeoutDis: 4,
        ARIFwd: 5,
        AtomicRouting: 6,
        Atomic32bit: 7,
        Atomic64bit: 8,
        Atomic128bitCAS: 9,
        NROPrPrP: 10,
        LTR: 11,
        TPHComp: 12,
        ExtTPHComp: 13,
        '10BitTagComp': 16,
        '10BitTagReq': 17,
        ExtFmt: 20,
        EETLPPrefix: 21,
      }),
      values: {
        'Completion Timeout': timeoutRanges[field(value, 0, 4)] ?? 'Unknown',
        OBFF: obffSupport[field(value, 18, 2)] ?? '',
      },
    })),
    config.register('DevCtl2', base + 40, 16, (value) => ({
      flags: bits(value, {
        TimeoutDis: 4,
        ARIFwd: 5,
        AtomicReqEn: 6,
        AtomicEgressBlck: 7,
        LTR: 10,
        '10BitTagReq': 12,
      }),
      values: {
        'Completion Timeout': timeouts[field(value, 0, 4)] ?? 'Unknown',
        OBFF: obffControl[field(value, 13, 2)] ?? '',
      },
    })),
  ];
}

function secondLinkRegisters(config: ConfigBytes, base: number): PciRegister[] {
  return [
    config.register('LnkCap2', base + 44, 32, (value) => ({
      flags: bits(value, { Crosslink: 8, Retimer: 23, '2Retimers': 24, DRS: 31 }),
      values: { Speeds: supportedSpeeds(field(value, 1, 7)) },
    })),
    config.register('LnkCtl2', base + 48, 16, (value) => ({
      flags: bits(value, { EnterCompliance: 4, SpeedDis: 5, EnterModifiedCompliance: 10, ComplianceSOS: 11 }),
      // 0 stands for a device that knows no other speed than the first.
      values: { 'Target Link Speed': speed(field(value, 0, 4) || 1) },
    })),
    config.register('LnkSta2', base + 50, 16, (value) => ({
      flags: bits(value, {
        EqualizationComplete: 1,
        EqualizationPhase1: 2,
        EqualizationPhase2: 3,
        EqualizationPhase3: 4,
        LinkEqualizationRequest: 5,
        Retimer: 6,
        '2Retimers': 7,
      }),
      values: { 'Current De-emphasis Level': field(value, 0, 1) === 1 ? '-3.5dB' : '-6dB' },
    })),
  ];
}

function speed(code: number): string {
  return speeds[code] ?? 'unknown';
}

function supportedSpeeds(vector: number): string {
  const supported = speeds.slice(1).filter((_, index) => field(vector, index, 1) === 1);
  return supported.length === 0 ? 'none' : supported.join(' ');
}

/** Watts of a slot's power limit: from 0xf0 on, codes with a meaning of their own (PCI Express Base 5.0, 7.5.3.9). */
function power(value: number, scale: number): string {
  const beyond: Readonly<Record<number, string>> = { 0xf0: '>239W', 0xf1: '>250W', 0xf2: '>275W' };
  if (scale === 0 && value >= 0xf0) return beyond[value] ?? '>300W';
  return `${Number((value * (powerScales[scale] ?? 1)).toFixed(3))}W`;
}
