import { escape } from '../../views/escape.js';
import type { Session } from '../session.js';

/** What leaving would end: mappings and interrupts of the devices that are open, a line each. */
export function liveWork(session: Session): string[] {
  return session.devices.flatMap((device) => {
    const vectors = [...device.irqs].filter(({ name, enabled }) => enabled && name !== 'err' && name !== 'req');
    const { count } = device.mapped;
    const name = escape(device.name);
    return [
      ...(count > 0 ? [`${name}: ${count === 1 ? 'one mapping is' : `${count} mappings are`} live`] : []),
      ...(vectors.length > 0 ? [`${name}: ${vectors.map((irq) => irq.name).join(', ')} enabled`] : []),
    ];
  });
}
