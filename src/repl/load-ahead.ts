import type { SessionRequest } from './cli.js';
import { commandModules } from './commands/index.js';

/**
 * Loads what a session is going to need while other modules load and the simulator's thread comes up. Nobody waits for it: what fails here
 * fails again, and is told, where it is needed.
 */
export function loadAhead({ device, steps }: SessionRequest): void {
  const wanted: Promise<unknown>[] = [];
  if (device !== undefined) wanted.push(import('../vfio/open.js'));
  if (device?.startsWith('sim:') === true) {
    wanted.push(import('../vfio/sim/host.js'), import('../vfio/transport/vfio-user.js'));
  }
  for (const step of steps) {
    if (step.kind === 'script') {
      wanted.push(import('./script.js'));
      continue;
    }
    const word = /^\s*([A-Za-z]+)/.exec(step.line)?.[1] ?? '';
    const module = commandModules.find(({ names }) => names.some((name) => name.some((typed) => typed === word)));
    if (module) wanted.push(module.load());
  }
  for (const loading of wanted) loading.catch(() => undefined);
}
