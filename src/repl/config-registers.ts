import type { Width } from '../vfio/width.js';
import type { PathStep, RegisterPlace } from './environment.js';
import { didYouMean } from './did-you-mean.js';

/** Offsets and widths of the PCI configuration header. Source: linux/pci_regs.h, PCI Local Bus Specification 3.0, section 6.1. */
const header: Readonly<Record<string, readonly [offset: number, width: Width]>> = {
  VENDOR_ID: [0x00, 16],
  DEVICE_ID: [0x02, 16],
  COMMAND: [0x04, 16],
  STATUS: [0x06, 16],
  REVISION: [0x08, 8],
  CLASS_PROG: [0x09, 8],
  CLASS_DEVICE: [0x0a, 16],
  CACHE_LINE_SIZE: [0x0c, 8],
  LATENCY_TIMER: [0x0d, 8],
  HEADER_TYPE: [0x0e, 8],
  BIST: [0x0f, 8],
  CARDBUS_CIS: [0x28, 32],
  SUBSYSTEM_VENDOR_ID: [0x2c, 16],
  SUBSYSTEM_ID: [0x2e, 16],
  ROM_ADDRESS: [0x30, 32],
  CAPABILITY_LIST: [0x34, 8],
  INTERRUPT_LINE: [0x3c, 8],
  INTERRUPT_PIN: [0x3d, 8],
  MIN_GNT: [0x3e, 8],
  MAX_LAT: [0x3f, 8],
};

const BASE_ADDRESSES = { name: 'BASE_ADDRESS', first: 0x10, count: 6 };

export const configRegisterNames: readonly string[] = [
  ...Object.keys(header),
  ...Array.from({ length: BASE_ADDRESSES.count }, (_, index) => `${BASE_ADDRESSES.name}_${index}`),
];

/** A register of the standard PCI configuration header by its name in linux/pci_regs.h without PCI_, or why there is none. */
export function configRegister(path: readonly PathStep[]): RegisterPlace | string {
  const [step, below] = path;
  if (step === undefined) return 'no name was given';
  const name = step.name.toUpperCase();
  if (below !== undefined) return `config.${name} has no field "${below.name}" without a register map`;
  const base = /^BASE_ADDRESS(?:_([0-5]))?$/.exec(name);
  const index = base?.[1] === undefined ? step.index : Number(base[1]);
  if (
    base &&
    index !== undefined &&
    index < BASE_ADDRESSES.count &&
    (base[1] === undefined || step.index === undefined)
  ) {
    return { space: 'config', offset: BASE_ADDRESSES.first + 4 * index, width: 32, name: `BASE_ADDRESS_${index}` };
  }
  const found = Object.hasOwn(header, name) ? header[name] : undefined;
  if (found === undefined || step.index !== undefined) {
    const hint = didYouMean(name, configRegisterNames);
    return `config has no register "${step.name}"${hint === undefined ? '' : `; ${hint}`}`;
  }
  return { space: 'config', offset: found[0], width: found[1], name };
}
