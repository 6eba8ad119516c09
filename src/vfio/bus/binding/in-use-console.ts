import { join } from 'node:path';
import type { Roots } from '../roots.js';
import { attribute, entries } from '../sysfs.js';
import { realPath } from './sysfs-path.js';

/** Which consoles of the kernel the sysfs directory `device` holds: a serial port, or the screen that the virtual terminals are shown on. */
export function consolesOf(device: string, roots: Roots): string[] {
  const inside = (kind: string, name: string): boolean =>
    realPath(join(roots.sys, 'class', kind, name))?.startsWith(`${device}/`) === true;
  const active = (attribute(join(roots.sys, 'class/tty/console/active')) ?? '')
    .split(' ')
    .filter((name) => name !== '');
  const uses = active.filter((name) => inside('tty', name)).map((name) => `${name} is the console`);
  const screens = [
    ...entries(join(roots.sys, 'class/graphics')).filter((name) => /^fb\d/.test(name) && inside('graphics', name)),
    ...entries(join(roots.sys, 'class/drm')).filter((name) => /^card\d+$/.test(name) && inside('drm', name)),
  ];
  if (screens.length > 0 && active.some((name) => /^tty\d+$/.test(name))) {
    uses.push(`${screens.join(' and ')} ${screens.length > 1 ? 'are' : 'is'} the screen of the console`);
  }
  return uses;
}
