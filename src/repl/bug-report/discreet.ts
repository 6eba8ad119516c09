import { homeFolder } from '../../vfio/home.js';

const EUI64 = /\b(?:[0-9a-f]{2}-){7}[0-9a-f]{2}\b/gi;

/**
 * `text` without what says who somebody is: home folders, owners of device nodes by their names, serial numbers of PCI functions (PCI Express Base
 * Specification, Device Serial Number Extended Capability). Works on lines for people and on JSON.
 */
export function discreet(text: string): string {
  const home = homeFolder();
  const own = home !== undefined && home.length > 1 ? text.replaceAll(`${home}/`, '~/') : text;
  return own
    .replaceAll(/\/home\/[^/\s"'\\]+(?=\/)/g, '~')
    .replaceAll(/\b(?!root\b)[a-z_][\w.-]*\$?(?=:[\w.-]+, mode [0-7]{4})/gi, 'USER')
    .replaceAll(/\bfor all of (?!root's)\S+'s/g, "for all of USER's")
    .replaceAll(EUI64, 'left-out');
}
