import type { DeviceIdentity } from './identity.js';

/**
 * What a device must be for a profile to fit. All that is given has to hold; a profile may have several of these, of which one is enough.
 */
export interface Match {
  /** 'VVVV:DDDD' or 'VVVV:DDDD:SSSS:SSSS' (subsystem vendor and device), four hexadecimal digits each, or `*` for any. */
  readonly pci?: string | undefined;
  /** The PCI class as six hexadecimal digits: base class, subclass, interface. `?` stands for any digit, `*` at the end for the rest. */
  readonly class?: string | undefined;
  /** One of the node's `compatible`; `*` stands for any text. */
  readonly compatible?: string | undefined;
  /** The peripheral id of an AMBA device, '0x00041031', with the bits that count behind a slash; by default part and designer, 0x000fffff. */
  readonly amba?: string | undefined;
  /** Its name on its bus; `*` stands for any text. */
  readonly name?: string | undefined;
  /** The bus alone. */
  readonly bus?: DeviceIdentity['bus'] | undefined;
}

/** How exactly a device is meant, or undefined where it is not meant. */
type Test = (identity: DeviceIdentity) => number | undefined;

/** What bits of an AMBA id count by default. Source: linux/amba/bus.h, AMBA_PART_MASK and the designer's bits. */
const PART_AND_DESIGNER = 0x000fffff;

/**
 * How exact each way of naming a device is. The device itself, then its model, then its kind, then its bus; each leaves room for what was said
 * besides.
 */
const rank = {
  itself: 1000,
  subsystem: 900,
  model: 800,
  compatible: 700,
  part: 600,
  family: 500,
  class: 300,
  vendor: 200,
  bus: 100,
};

const digits = /^(?:[0-9a-f]{4}|\*)$/i;

/**
 * The test that `match` stands for: it gives a number that is larger the more exactly a device is meant, undefined for one that is not.
 * A string says what is wrong with the description.
 */
export function testOf(match: Match): Test | string {
  const makers: [given: string | undefined, key: string, make: (text: string) => Test | string][] = [
    [match.pci, 'pci', pciTest],
    [match.class, 'class', classTest],
    [match.compatible, 'compatible', compatibleTest],
    [match.amba, 'amba', ambaTest],
    [match.name, 'name', nameTest],
    [match.bus, 'bus', (bus) => (identity) => (identity.bus === bus ? rank.bus : undefined)],
  ];
  const tests: Test[] = [];
  for (const [given, key, make] of makers) {
    if (given === undefined) continue;
    const made = make(given);
    if (typeof made === 'string') return `${key}: ${made}`;
    tests.push(made);
  }
  if (tests.length === 0) return 'it says nothing: give pci, class, compatible, amba, name or bus';
  return (identity) => {
    const found = tests.map((test) => test(identity));
    if (found.includes(undefined)) return undefined;
    return Math.max(...found.map((one = 0) => one)) + found.length - 1;
  };
}

/** Whether a device is known not to be what `match` means: of one that shows no ids, nodes or name, only that it is on another bus is. */
export function isOther(match: Match, identity: DeviceIdentity): boolean {
  const test = testOf(match);
  if (typeof test === 'string' || test(identity) !== undefined) return false;
  const { bus, pci, compatible, amba } = identity;
  const hasIds = bus === 'pci' || bus === 'cdx';
  if (match.bus !== undefined && match.bus !== bus) return true;
  if (match.pci !== undefined || match.class !== undefined) return pci !== undefined || !hasIds;
  if (match.amba !== undefined && (amba !== undefined || bus !== 'amba')) return true;
  if (match.compatible !== undefined && (compatible.length > 0 || hasIds)) return true;
  return match.name !== undefined;
}

function pciTest(text: string): Test | string {
  const parts = text.toLowerCase().split(':');
  if ((parts.length !== 2 && parts.length !== 4) || !parts.every((part) => digits.test(part))) {
    return `"${text}" is no PCI id: write "8086:10d3", "8086:*", or "8086:10d3:8086:a01f" with the subsystem`;
  }
  const wanted = parts.map((part) => (part === '*' ? undefined : Number.parseInt(part, 16)));
  const [, device, subsystemVendor, subsystemDevice] = wanted;
  const subsystem = subsystemVendor !== undefined || subsystemDevice !== undefined;
  const exact = device === undefined ? rank.vendor : subsystem ? rank.subsystem : rank.model;
  const specificity = exact + (subsystemDevice === undefined ? 0 : 10);
  return ({ pci }) => {
    if (pci === undefined) return undefined;
    const has = [pci.vendor, pci.device, pci.subsystemVendor, pci.subsystemDevice];
    return wanted.every((id, nth) => id === undefined || id === has[nth]) ? specificity : undefined;
  };
}

function classTest(text: string): Test | string {
  const shape = text.toLowerCase();
  if (!/^(?:[0-9a-f?]{6}|[0-9a-f?]{1,5}\*)$/.test(shape)) {
    return `"${text}" is no PCI class: write "010802", "0108??" or "02*"`;
  }
  const wanted = shape.replace(/\*$/, '').padEnd(6, '?');
  const specificity = rank.class + 10 * wanted.replaceAll('?', '').length;
  const pattern = new RegExp(`^${wanted.replaceAll('?', '.')}$`);
  return ({ pci }) =>
    pci?.class !== undefined && pattern.test(pci.class.toString(16).padStart(6, '0')) ? specificity : undefined;
}

function compatibleTest(text: string): Test | string {
  if (text === '') return 'it is empty';
  if (!text.includes('*')) {
    return ({ compatible }) => {
      const at = compatible.indexOf(text);
      // What stands first in the node says more than what it is compatible with.
      return at < 0 ? undefined : rank.compatible - Math.min(at, 90);
    };
  }
  const pattern = patternOf(text);
  const specificity = rank.family + literalsIn(text);
  return ({ compatible }) => (compatible.some((one) => pattern.test(one)) ? specificity : undefined);
}

function ambaTest(text: string): Test | string {
  const found = /^0x([0-9a-f]{1,8})(?:\/0x([0-9a-f]{1,8}))?$/i.exec(text);
  if (!found) return `"${text}" is no AMBA id: write "0x00041031" or "0x00041031/0x000fffff"`;
  const id = Number.parseInt(found[1] ?? '', 16);
  const mask = found[2] === undefined ? PART_AND_DESIGNER : Number.parseInt(found[2], 16);
  const bits = mask.toString(2).replaceAll('0', '').length;
  return ({ amba }) => (amba !== undefined && ((amba ^ id) & mask) === 0 ? rank.part + bits : undefined);
}

function nameTest(text: string): Test | string {
  if (text === '') return 'it is empty';
  if (!text.includes('*')) return ({ name }) => (name === text ? rank.itself : undefined);
  const pattern = patternOf(text);
  const specificity = rank.class + literalsIn(text);
  return ({ name }) => (pattern.test(name) ? specificity : undefined);
}

/** Text with `*` for any text. A star never looks back further than to its own place, so that no pattern takes long. */
function patternOf(text: string): { test(given: string): boolean } {
  const pieces = text.split('*');
  return {
    test(given) {
      const [first = '', ...rest] = pieces;
      if (!given.startsWith(first)) return false;
      const last = rest.pop() ?? '';
      let at = first.length;
      for (const piece of rest) {
        const found = given.indexOf(piece, at);
        if (found < 0) return false;
        at = found + piece.length;
      }
      return given.length - last.length >= at && given.endsWith(last);
    },
  };
}

function literalsIn(text: string): number {
  return Math.min(90, text.replaceAll('*', '').length);
}
