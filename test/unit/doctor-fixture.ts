import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { diagnose, type Diagnosis, type Examined } from '../../src/vfio/doctor/doctor.js';
import { FakeMachine } from './fake-machine.js';

export const edu = '0000:00:04.0';
export const dma = 'fe10.dma';

/** Runs `body` with a machine that is removed afterwards. */
export function onMachine(body: (machine: FakeMachine) => Promise<void>): () => Promise<void> {
  return async () => {
    const machine = new FakeMachine();
    try {
      await body(machine);
    } finally {
      machine.remove();
    }
  };
}

/** An x86 machine on which a PCI device is ready to be opened. */
export function healthy(machine: FakeMachine): FakeMachine {
  return machine
    .device({
      name: edu,
      driver: 'vfio-pci',
      group: '4',
      vfioDev: 'vfio0',
      pci: [0x1234, 0x11e8, 0xff00],
      files: { driver_override: 'vfio-pci\n', 'power/runtime_status': 'suspended\n', power_state: 'D3hot\n' },
    })
    .file('sys', 'class/iommu/dmar0/x')
    .file('sys', 'firmware/acpi/tables/DMAR')
    .file('sys', 'bus/pci/drivers_probe')
    .file('proc', 'sys/kernel/osrelease', '6.12.6\n')
    .file('proc', 'cmdline', 'quiet intel_iommu=on\n')
    .file('proc', 'cpuinfo', 'vendor_id\t: GenuineIntel\n')
    .file('proc', 'interrupts', ' 24: 0 0 IR-PCI-MSI-0000:00:02.0 0-edge eth0\n')
    .file('proc', 'self/status', 'Name: node\nUid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n')
    .file('proc', 'self/limits', 'Max locked memory         8388608              8388608              bytes\n')
    .file('proc', 'self/uid_map', '0 0 4294967295\n')
    .file('boot', 'config-6.12.6', 'CONFIG_VFIO=m\nCONFIG_VFIO_PCI=m\nCONFIG_IOMMUFD=m\nCONFIG_VFIO_DEVICE_CDEV=y\n')
    .file('dev', 'vfio/vfio')
    .file('dev', 'vfio/4')
    .file('dev', 'iommu')
    .file('dev', 'vfio/devices/vfio0');
}

export function named(checks: Diagnosis['checks'], name: string): Examined {
  const [only, ...more] = checks.filter((check) => check.name === name);
  assert.ok(only !== undefined && more.length === 0, `one check ${name} of ${checks.map((one) => one.name).join()}`);
  return only;
}

/** 'FAIL what was found => remedy', to match against. */
export async function said(machine: FakeMachine, name: string, device?: string): Promise<string> {
  const { checks } = await diagnose(device, { roots: machine.roots, bindings: join(machine.roots.etc, 'state') });
  const { verdict, found, remedy } = named(checks, name);
  return `${verdict} ${found}${remedy === undefined ? '' : ` => ${remedy}`}`;
}

/** A 32-bit big-endian cell, as the device tree has it. */
function cell(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

/** Writes a binary property of a device's node, or of the tree. */
export function property(machine: FakeMachine, path: string, ...values: number[]): void {
  const file = join(machine.roots.sys, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, cell(...values));
}
