import { VfioError } from '../errors.js';
import { nearest } from '../nearest.js';
import type { ModelFactory } from './model.js';

/** The simulated devices, one line each. */
export const models = {
  edu: "QEMU's teaching device: PCI, INTx and MSI, a DMA engine, a factorial unit",
  pl031: 'Arm PrimeCell real time clock: an AMBA device with a level interrupt',
  sram: 'PCI Express: 64 KiB of mapped memory, a register of every access class, a doorbell for 32 MSI-X vectors',
} as const satisfies Record<string, string>;

export type ModelName = keyof typeof models;

export const modelNames: readonly string[] = Object.keys(models);

/** `name`, if there is such a device; else throws a VfioError of kind 'absent'. */
export function modelName(name: string): ModelName {
  if (isModel(name)) return name;
  throw new VfioError({
    kind: 'absent',
    operation: `open sim:${name}`,
    why: `no simulated device '${name}'; there are ${modelNames.join(', ')}`,
    hint: `vfiodbg sim:${nearest(name, modelNames)[0] ?? 'edu'}`,
  });
}

/** Loads one model and no other. */
export async function loadModel(name: ModelName): Promise<ModelFactory> {
  switch (name) {
    case 'edu':
      return (await import('./edu.js')).createModel;
    case 'pl031':
      return (await import('./pl031.js')).createModel;
    case 'sram':
      return (await import('./sram.js')).createModel;
  }
}

export function isModel(name: string): name is ModelName {
  return Object.hasOwn(models, name);
}
