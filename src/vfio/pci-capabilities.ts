import * as abi from './abi/pci.js';
import { expressRegisters } from './pci-express.js';
import { bits, type ConfigBytes, field, hex, type PciRegister, wide } from './pci-registers.js';

/** What lspci would say of the capabilities in the list at 0x34. Sources: linux/pci_regs.h; PCI PM 1.2; PCI 3.0, 6.8. */

const decoders: Readonly<Record<number, (config: ConfigBytes, base: number) => PciRegister[]>> = {
  [abi.PCI_CAP_ID_PM]: powerManagement,
  [abi.PCI_CAP_ID_VPD]: (config, base) => [
    config.register('Address', base + 2, 16, (value) => ({
      flags: bits(value, { Done: 15 }),
      values: { Address: hex(field(value, 0, 15), 4) },
    })),
  ],
  [abi.PCI_CAP_ID_MSI]: msi,
  [abi.PCI_CAP_ID_VNDR]: vendorSpecific,
  [abi.PCI_CAP_ID_SSVID]: (config, base) => [
    config.register('Subsystem', base + 4, 32, (value) => ({
      values: { Vendor: hex(value & 0xffff, 4), Device: hex(value >>> 16, 4) },
    })),
  ],
  [abi.PCI_CAP_ID_EXP]: expressRegisters,
  [abi.PCI_CAP_ID_MSIX]: msix,
  [abi.PCI_CAP_ID_SATA]: (config, base) => [
    config.register('Revision', base + 2, 8, (value) => ({
      values: { Revision: `${field(value, 4, 4)}.${field(value, 0, 4)}` },
    })),
    config.register('Registers', base + 4, 32, (value) => ({
      values: { BAR: sataBar(field(value, 0, 4)), Offset: hex(field(value, 4, 20) * 4, 8) },
    })),
  ],
  [abi.PCI_CAP_ID_AF]: (config, base) => [
    config.register('AFCap', base + 3, 8, (value) => ({ flags: bits(value, { TP: 0, FLR: 1 }) })),
    config.register('AFCtrl', base + 4, 8, (value) => ({ flags: bits(value, { FLR: 0 }) })),
    config.register('AFStatus', base + 5, 8, (value) => ({ flags: bits(value, { TP: 0 }) })),
  ],
};

/** The registers of the capability `id` at `base`; none where only its place is known. */
export function capabilityRegisters(config: ConfigBytes, id: number, base: number): PciRegister[] {
  return decoders[id]?.(config, base) ?? [];
}

const auxCurrents = [0, 55, 100, 160, 220, 270, 320, 375];

function powerManagement(config: ConfigBytes, base: number): PciRegister[] {
  return [
    config.register('Flags', base + 2, 16, (value) => ({
      flags: bits(value, {
        PMEClk: 3,
        DSI: 5,
        D1: 9,
        D2: 10,
        'PME(D0)': 11,
        'PME(D1)': 12,
        'PME(D2)': 13,
        'PME(D3hot)': 14,
        'PME(D3cold)': 15,
      }),
      values: { Version: field(value, 0, 3), AuxCurrent: `${auxCurrents[field(value, 6, 3)] ?? 0}mA` },
    })),
    config.register('Status', base + 4, 16, (value) => ({
      flags: bits(value, { NoSoftRst: 3, 'PME-Enable': 8, PME: 15 }),
      values: { State: `D${field(value, 0, 2)}`, DSel: field(value, 9, 4), DScale: field(value, 13, 2) },
    })),
  ];
}

function msi(config: ConfigBytes, base: number): PciRegister[] {
  const registers = [
    config.register('Control', base + 2, 16, (value) => ({
      flags: bits(value, { Enable: 0, Maskable: 8, '64bit': 7 }),
      values: { Count: `${2 ** field(value, 4, 3)}/${2 ** field(value, 1, 3)}` },
    })),
  ];
  const control = config.read(base + 2, 16);
  // Without the control register nobody knows where the others are.
  if (control === undefined) return registers;
  const wideAddress = field(control, 7, 1) === 1;
  registers.push(
    config.register('Address', base + 4, 32, (low) => {
      const high = wideAddress ? config.read(base + 8, 32) : 0;
      if (high === undefined) return { values: { Low: hex(low, 8) } };
      return { values: { Address: wideAddress ? hex(wide(high, low), 16) : hex(low, 8) } };
    }),
  );
  const data = base + (wideAddress ? 12 : 8);
  registers.push(config.register('Data', data, 16, (value) => ({ values: { Data: hex(value, 4) } })));
  if (field(control, 8, 1) === 1) {
    registers.push(
      config.register('Masking', data + 4, 32, (value) => ({ values: { Masking: hex(value, 8) } })),
      config.register('Pending', data + 8, 32, (value) => ({ values: { Pending: hex(value, 8) } })),
    );
  }
  return registers;
}

function msix(config: ConfigBytes, base: number): PciRegister[] {
  const table = (value: number): { values: Record<string, string | number> } => ({
    values: { BAR: field(value, 0, 3), offset: hex((value & ~7) >>> 0, 8) },
  });
  return [
    config.register('Control', base + 2, 16, (value) => ({
      flags: bits(value, { Enable: 15, Masked: 14 }),
      values: { Count: field(value, 0, 11) + 1 },
    })),
    config.register('Vector table', base + 4, 32, table),
    config.register('PBA', base + 8, 32, table),
  ];
}

const virtioVendor = 0x1af4;
/** Virtual I/O Device 1.2, 4.1.4: structure types of the vendor-specific capabilities. */
const virtioStructures: Readonly<Record<number, string>> = {
  1: 'CommonCfg',
  2: 'Notify',
  3: 'ISR',
  4: 'DeviceCfg',
  5: 'PciCfg',
  8: 'SharedMemory',
  9: 'VendorCfg',
};
const virtioNotify = 2;

function vendorSpecific(config: ConfigBytes, base: number): PciRegister[] {
  const length = config.register('Length', base + 2, 8, (value) => ({ values: { Len: hex(value, 2) } }));
  if (config.read(abi.PCI_VENDOR_ID, 16) !== virtioVendor) return [length];
  const registers = [
    length,
    config.register('VirtIO', base + 3, 8, (type) => ({
      values: { Structure: virtioStructures[type] ?? `unknown type ${type}` },
    })),
    config.register('BAR', base + 4, 8, (value) => ({ values: { BAR: value } })),
    config.register('Offset', base + 8, 32, (value) => ({ values: { offset: hex(value, 8) } })),
    config.register('Size', base + 12, 32, (value) => ({ values: { size: hex(value, 8) } })),
  ];
  if (config.read(base + 3, 8) === virtioNotify) {
    registers.push(
      config.register('Multiplier', base + 16, 32, (value) => ({ values: { multiplier: hex(value, 8) } })),
    );
  }
  return registers;
}

/** SATA AHCI 1.3.1, 2.4.2: where the index and data registers are. */
function sataBar(location: number): string {
  if (location === 0xf) return 'InCfgSpace';
  return location >= 4 && location <= 9 ? `BAR${location - 4}` : `unknown location ${location}`;
}
