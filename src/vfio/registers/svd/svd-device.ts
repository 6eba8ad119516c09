import type { MapProblem } from '../register-map.js';
import type { Sketch } from '../sketch.js';
import { type Chain, Derivations, inherited } from './derivation.js';
import { Reading } from './reading.js';
import { identifierOf, namingOf } from './svd-names.js';
import { type Properties, propertiesIn, sketchesIn } from './svd-registers.js';
import { proseOf } from './svd-text.js';
import { blockUsages, protections } from './svd-words.js';
import { type Element, parseXml } from './xml-tree.js';

/** What is not looked at: other schemas, and what only generators of header files need. */
const skipped: ReadonlySet<string> = new Set(['vendorExtensions', 'licenseText', 'sauRegionsConfig']);
/** What is of no use where the file ends in the middle of it. */
const whole: ReadonlySet<string> = new Set(['register', 'interrupt', 'addressBlock', 'cpu']);

/** A stretch of addresses of a peripheral. */
export interface AddressBlock {
  /** Bytes from the peripheral's base address. */
  readonly offset: number;
  readonly size: number;
  readonly usage: 'registers' | 'buffer' | 'reserved';
}

export interface SvdInterrupt {
  readonly name: string;
  readonly value: number;
  readonly description?: string;
}

/** A peripheral of a CMSIS-SVD file; of an array of peripherals each has its own. Plain data. */
export interface SvdPeripheral {
  /** 'UART0'; 'UART[0]' for one of an array. */
  readonly name: string;
  /** Its base address on the bus of the processor, in bytes. */
  readonly address: number;
  /** Bytes up to the end of its last address block; 0 where the file does not say. */
  readonly size: number;
  readonly blocks: readonly AddressBlock[];
  readonly interrupts: readonly SvdInterrupt[];
  readonly group?: string;
  readonly version?: string;
  readonly description?: string;
  readonly derivedFrom?: string;
  /** The peripheral whose addresses it describes in another way. */
  readonly alternate?: string;
  /** An expression over registers: where it holds, the peripheral is not to be accessed. */
  readonly disableCondition?: string;
}

/** What a file says of the chip. */
export interface SvdDevice {
  readonly name: string;
  readonly description?: string;
  readonly vendor?: string;
  readonly version?: string;
  /** 'CM4 r0p1, little'. */
  readonly cpu?: string;
  readonly peripherals: readonly SvdPeripheral[];
  readonly problems: readonly MapProblem[];
}

/** A file with the registers of each of its peripherals, in their order. */
export interface SvdContents {
  readonly device: SvdDevice;
  readonly registers: readonly (readonly Sketch[])[];
}

/**
 * Reads a CMSIS-SVD file (System View Description, schema 1.3.9). What is wrong with it is a problem with its line and column, and the rest
 * is used. `undefined` where it is no such file at all: then the problems say why.
 */
export function parseSvd(text: string, file: string): SvdContents | { readonly problems: readonly MapProblem[] } {
  const reading = new Reading(file);
  const { root, problems } = parseXml(text, { skipped, whole });
  for (const problem of problems) reading.report(problem, problem.why);
  if (root?.name !== 'device') {
    if (problems.length === 0 || root !== undefined) {
      reading.report(root ?? { line: 1, column: 1 }, `CMSIS-SVD begins with <device>, not <${root?.name ?? ''}>`);
    }
    return { problems: reading.problems };
  }
  const unit = unitOf(root, reading);
  const derivations = new Derivations(root, reading);
  const defaults = propertiesIn([root], reading, {});
  const peripherals: SvdPeripheral[] = [];
  const registers: (readonly Sketch[])[] = [];
  const names = new Set<string>();
  const all = root.all('peripherals').flatMap((list) => list.all('peripheral'));
  if (all.length === 0) reading.report(root, 'it describes no peripheral');
  for (const element of all) {
    const chain = derivations.chain(element);
    const sketches = registersOf(chain, defaults, { reading, derivations, unit });
    for (const peripheral of peripheralsOf(chain, reading, unit)) {
      if (names.has(peripheral.name))
        reading.report(element, `there are two peripherals ${peripheral.name}: this one is left out`);
      else {
        peripherals.push(peripheral);
        registers.push(sketches);
      }
      names.add(peripheral.name);
    }
  }
  return { device: { ...deviceOf(root, reading), peripherals, problems: reading.problems }, registers };
}

function registersOf(
  chain: Chain,
  defaults: Properties,
  context: { readonly reading: Reading; readonly derivations: Derivations; readonly unit: number },
): readonly Sketch[] {
  return sketchesIn(chain, propertiesIn(chain, context.reading, defaults), {
    ...context,
    prefix: identifierOf(inherited(chain, 'prependToName')?.text.trim() ?? ''),
    suffix: inherited(chain, 'appendToName')?.text.trim() ?? '',
  });
}

/** A peripheral, or each of an array of them. */
function peripheralsOf(chain: Chain, reading: Reading, unit: number): SvdPeripheral[] {
  const [element] = chain;
  const naming = namingOf(chain, reading, undefined);
  const base = inherited(chain, 'baseAddress');
  if (base === undefined && element !== undefined) reading.report(element, 'baseAddress is missing');
  const address = reading.whole(base);
  if (naming === undefined || address === undefined) return [];
  const blocks = listIn(chain, 'addressBlock').flatMap((block) => addressBlockOf(block, reading, unit));
  const texts = {
    group: textIn(chain, 'groupName'),
    version: textIn(chain, 'version'),
    description: textIn(chain, 'description'),
    derivedFrom: element?.derivedFrom,
    alternate: element?.child('alternatePeripheral')?.text.trim(),
    disableCondition: textIn(chain, 'disableCondition'),
  };
  const common = {
    size: Math.max(0, ...blocks.map(({ offset, size }) => offset + size)),
    blocks,
    interrupts: interruptsOf(element, reading),
    ...Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined && text !== '')),
  };
  const { name, repeat } = naming;
  if (repeat === undefined) return [{ name, address: address * unit, ...common }];
  return repeat.labels.map((label, at) => ({
    name: repeat.kind === 'array' ? `${name}[${label}]` : name.replaceAll('%s', label),
    address: (address + at * repeat.stride) * unit,
    ...common,
  }));
}

function addressBlockOf(block: Element, reading: Reading, unit: number): AddressBlock[] {
  const offset = reading.whole(block.child('offset'));
  const size = reading.whole(block.child('size'));
  reading.word(block.child('protection'), protections);
  if (offset === undefined || size === undefined) return [];
  return [
    { offset: offset * unit, size: size * unit, usage: reading.word(block.child('usage'), blockUsages) ?? 'registers' },
  ];
}

/** Interrupts are a peripheral's own: one that is derived from another is not wired where that one is. */
function interruptsOf(element: Element | undefined, reading: Reading): SvdInterrupt[] {
  return (element?.all('interrupt') ?? []).flatMap((interrupt) => {
    const name = proseOf(interrupt.child('name')?.text ?? '');
    const value = reading.value(interrupt.child('value'), (text) =>
      /^[+-]?\d{1,9}$/.test(text.trim())
        ? Number(text)
        : /^0x[0-9a-f]{1,8}$/i.test(text.trim())
          ? Number(text.trim())
          : `"${text.trim()}" is no number`,
    );
    const description = proseOf(interrupt.child('description')?.text ?? '');
    return value === undefined ? [] : [{ name, value, ...(description !== '' && { description }) }];
  });
}

/** The children of that name of the first of the chain that has any. */
function listIn(chain: Chain, name: string): readonly Element[] {
  return chain.find((element) => element.child(name) !== undefined)?.all(name) ?? [];
}

function textIn(chain: Chain, name: string): string | undefined {
  return proseOf(inherited(chain, name)?.text ?? '');
}

/** Bytes that an address counts. */
function unitOf(root: Element, reading: Reading): number {
  const element = root.child('addressUnitBits');
  const bits = reading.whole(element) ?? 8;
  if (bits % 8 === 0 && bits > 0 && bits <= 64) return bits / 8;
  reading.report(element ?? root, `addressUnitBits: addresses that count ${bits} bits are not understood: 8 are taken`);
  return 1;
}

function deviceOf(root: Element, reading: Reading): Omit<SvdDevice, 'peripherals' | 'problems'> {
  const text = (name: string): string => proseOf(root.child(name)?.text ?? '');
  const cpu = root.child('cpu');
  const endian = cpu?.child('endian')?.text.trim();
  if (cpu !== undefined && endian === 'big') {
    reading.report(cpu, 'the processor is big endian: values may have their bytes in another order here');
  }
  const parts = cpu && ['name', 'revision', 'endian'].map((name) => cpu.child(name)?.text.trim() ?? '');
  const texts = {
    description: text('description'),
    vendor: text('vendor'),
    version: text('version'),
    cpu: parts?.filter((part) => part !== '').join(' '),
  };
  return {
    name: text('name') || 'device',
    ...Object.fromEntries(Object.entries(texts).filter(([, each]) => each !== undefined && each !== '')),
  };
}
