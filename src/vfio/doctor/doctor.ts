import { accessSync, constants } from 'node:fs';
import { type BusDevice, findDevice } from '../bus/bus-device.js';
import { stateFolder } from '../bus/binding/state-folder.js';
import { systemRoots, type Roots } from '../bus/roots.js';
import { parseDeviceSpec } from '../open.js';
import type { Check, Finding, Scene } from './check.js';
import { bindingCheck, lockdownCheck } from './confinement.js';
import { driverCheck, overrideCheck, resetCheck, unfinishedCheck, useCheck, viabilityCheck } from './driver.js';
import { engineCheck } from './engine.js';
import { deviceInterrupts, groupCheck, iommuCheck, machineInterrupts, noIommuCheck } from './iommu.js';
import { kernelCheck, modulesCheck } from './kernel.js';
import { hugePagesCheck, lockedCheck } from './limits.js';
import { usersCheck, wayChecks } from './nodes.js';
import { powerCheck, resourcesCheck, suppliesCheck } from './power.js';

/** What a check came to. */
export interface Examined extends Finding {
  readonly name: string;
  readonly about: 'machine' | 'device';
  readonly lookedAt: readonly string[];
}

export interface Diagnosis {
  /** The device that was looked at, by its full name. */
  readonly device?: string;
  readonly checks: readonly Examined[];
}

/** What the kernel has to have, the most fundamental first. */
const machineChecks: readonly Check[] = [
  kernelCheck,
  modulesCheck,
  iommuCheck,
  noIommuCheck,
  ...wayChecks,
  bindingCheck,
  unfinishedCheck,
  lockdownCheck,
  lockedCheck,
  hugePagesCheck,
  engineCheck,
];

/** What a device of the kernel needs beside that. */
const deviceChecks: readonly Check[] = [
  groupCheck,
  deviceInterrupts,
  driverCheck,
  useCheck,
  overrideCheck,
  resetCheck,
  viabilityCheck,
  usersCheck,
  powerCheck,
  resourcesCheck,
  suppliesCheck,
];

export interface DoctorOptions {
  readonly roots?: Roots;
  readonly mayOpen?: (path: string) => boolean;
  readonly bindings?: string;
}

/**
 * Looks at all that opening a device needs, without touching it: nothing is opened, written or loaded. `address` is a DEVICE as for openDevice; without one,
 * the machine alone is looked at. Rejects with VfioError where there is no such device on a bus of this machine.
 */
export async function diagnose(address?: string, options: DoctorOptions = {}): Promise<Diagnosis> {
  const { roots = systemRoots, mayOpen = openable, bindings = stateFolder() } = options;
  const scene: Scene = { roots, mayOpen, bindings };
  if (address === undefined) return { checks: examined([...machineChecks, machineInterrupts], scene) };
  const spec = parseDeviceSpec(address);
  if (spec.kind === 'kernel') return ofKernel(findDevice(spec.address, roots), scene);
  const { simulatedChecks, snapshotChecks, socketChecks } = await import('./remote.js');
  const own =
    spec.kind === 'sim'
      ? simulatedChecks(spec.model)
      : spec.kind === 'socket'
        ? socketChecks(spec.path)
        : snapshotChecks(spec.file);
  return { device: address, checks: examined([engineCheck, ...own], scene) };
}

function ofKernel(device: BusDevice, scene: Scene): Diagnosis {
  return { device: device.name, checks: examined([...machineChecks, ...deviceChecks], { ...scene, device }) };
}

function examined(checks: readonly Check[], scene: Scene): Examined[] {
  return checks.map((check) => {
    const { name, about } = check;
    return { name, about, ...check.examine(scene), lookedAt: check.looksAt(scene) };
  });
}

function openable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
