import type { VfioUserOptions, VfioUserTransport } from '../transport/vfio-user.js';
import { isModel } from './catalog.js';
import { SimulatorThread } from './thread.js';

let ahead: { readonly model: string; readonly thread: SimulatorThread } | undefined;

/** Starts `model`'s thread before it is asked for, so that it gets going while other modules load. Nothing happens for an unknown one. */
export function startAhead(model: string): void {
  if (isModel(model)) ahead = { model, thread: new SimulatorThread(model) };
}

/** Opens simulated device `model` over the vfio-user protocol. Rejects with a VfioError for one that is not in the catalog. */
export async function openSimulated(model: string, options: VfioUserOptions = {}): Promise<VfioUserTransport> {
  const thread = ahead?.model === model ? ahead.thread : isModel(model) ? new SimulatorThread(model) : undefined;
  ahead = undefined;
  // The thread gets going while this side is still being loaded.
  const { startSimulator } = await import('./host.js');
  const simulator = startSimulator(model, thread);
  const { VfioUserTransport: Client } = await import('../transport/vfio-user.js');
  simulator.awaitService();
  return Client.fromFd(simulator.fd, `sim:${model}`, options);
}
