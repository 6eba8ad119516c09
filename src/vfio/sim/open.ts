import type { VfioUserOptions, VfioUserTransport } from '../transport/vfio-user.js';
import { isModel } from './catalog.js';
import { type Simulator, startSimulator } from './host.js';

let ahead: { readonly model: string; readonly simulator: Simulator } | undefined;

/** Starts `model`'s thread before it is asked for, so that it gets going while other modules load. Nothing happens for an unknown one. */
export function startAhead(model: string): void {
  if (isModel(model)) ahead = { model, simulator: startSimulator(model) };
}

/** Opens simulated device `model` over the vfio-user protocol. Rejects with a VfioError for one that is not in the catalog. */
export async function openSimulated(model: string, options: VfioUserOptions = {}): Promise<VfioUserTransport> {
  // The thread gets going while the client's side is still being loaded.
  const simulator = ahead?.model === model ? ahead.simulator : startSimulator(model);
  ahead = undefined;
  const { VfioUserTransport: Client } = await import('../transport/vfio-user.js');
  return Client.fromFd(simulator.fd, `sim:${model}`, options);
}
