import { join } from 'node:path';
import type { Roots } from '../roots.js';
import { attribute, entries } from '../sysfs.js';
import { realPath } from './sysfs-path.js';

/** Source: include/uapi/linux/route.h and ipv6_route.h. */
const RTF_UP = 1;
const RTF_REJECT = 0x200;

/** Which default routes go over the network interfaces in the sysfs directory `device`, through bonds, bridges and VLANs. */
export function routesOf(device: string, roots: Roots): string[] {
  const routes = defaultRoutes(roots);
  const uses: string[] = [];
  for (const name of entries(join(roots.sys, 'class/net'))) {
    if (realPath(join(roots.sys, 'class/net', name))?.startsWith(`${device}/`) !== true) continue;
    for (const carrier of [name, ...uppersOf(name, roots)]) {
      const what = carrier === name ? name : `${carrier} (over ${name})`;
      for (const { carriers, family } of routes) {
        if (carriers.has(carrier)) uses.push(`${what} carries the default route (${family})`);
      }
    }
  }
  return uses;
}

function defaultRoutes(roots: Roots): { family: string; carriers: Set<string> }[] {
  const lines = (file: string): string[][] =>
    (attribute(join(roots.proc, 'net', file)) ?? '').split('\n').map((line) => line.trim().split(/\s+/));
  // Iface Destination Gateway Flags RefCnt Use Metric Mask ...
  const four = lines('route')
    .slice(1)
    .filter(([, destination, , flags, , , , mask]) => isZero(destination) && isZero(mask) && isUp(flags))
    .map(([name = '']) => name);
  // destination length source length gateway metric refcount use flags name
  const six = lines('ipv6_route')
    .filter(([destination, length, , , , , , , flags]) => isZero(destination) && isZero(length) && isUp(flags))
    .map((columns) => columns[9] ?? '');
  return [
    { family: 'IPv4', carriers: new Set(four) },
    { family: 'IPv6', carriers: new Set(six) },
  ];
}

function isZero(text: string | undefined): boolean {
  return text !== undefined && /^0+$/.test(text);
}

function isUp(flags: string | undefined): boolean {
  const bits = Number.parseInt(flags ?? '', 16);
  return (bits & RTF_UP) !== 0 && (bits & RTF_REJECT) === 0;
}

/** The interfaces that are made of `name`. */
function uppersOf(name: string, roots: Roots, known = new Set<string>()): string[] {
  for (const entry of entries(join(roots.sys, 'class/net', name))) {
    const upper = /^upper_(.+)$/.exec(entry)?.[1];
    if (upper === undefined || known.has(upper)) continue;
    known.add(upper);
    uppersOf(upper, roots, known);
  }
  return [...known];
}
