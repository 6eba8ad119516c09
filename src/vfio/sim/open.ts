import type { VfioUserOptions, VfioUserTransport } from '../transport/vfio-user.js';
import { startSimulator } from './host.js';

/** Opens simulated device `model` over the vfio-user protocol. Rejects with a VfioError for one that is not in the catalog. */
export async function openSimulated(model: string, options: VfioUserOptions = {}): Promise<VfioUserTransport> {
  // The thread gets going while the client's side is still being loaded.
  const simulator = startSimulator(model);
  const { VfioUserTransport: Client } = await import('../transport/vfio-user.js');
  return Client.fromFd(simulator.fd, `sim:${model}`, options);
}
