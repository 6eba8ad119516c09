import type { BusAddress, Ranges, RegEntry } from '../vfio/devicetree/address.js';
import type { GivenName } from '../vfio/devicetree/attach.js';
import type { NodeDescription } from '../vfio/devicetree/describe.js';
import type { DmaFacts, DmaWindow } from '../vfio/devicetree/dma.js';
import type { Interrupt, MappedInterrupt } from '../vfio/devicetree/interrupt.js';
import type { Match, Matching } from '../vfio/devicetree/match.js';
import type { PciFacts, TranslatedId } from '../vfio/devicetree/pci.js';
import type { MapEntry, Reference } from '../vfio/devicetree/reference.js';
import type { Warning } from '../vfio/devicetree/warning.js';
import { textOf } from './line.js';
import { nodeData } from './device-tree-data.js';
import type { Cell, FieldsView, Span } from './view.js';

/** What `dt` shows of a node, beside the node itself. */
export interface NodeContext {
  /** The open device that the node is, and how VFIO's regions and interrupts match it. */
  readonly device?: { readonly name: string; readonly matching: Matching; readonly names: readonly GivenName[] };
  /** The device above the one asked about whose node it is, where that one has none of its own. */
  readonly of?: { readonly holder: string; readonly device: string };
  /** The PCI device behind the host bridge that the node is. */
  readonly pci?: { readonly name: string; readonly facts: PciFacts };
  readonly warnings: readonly Warning[];
  /** The property values in full. */
  readonly whole: boolean;
}

/** Characters of a property's value that are shown where not all of it is asked for. */
const MOST_SHOWN = 160;

type Field = FieldsView['fields'][number];

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
const cellsText = (cells: readonly number[]): string => cells.map(hex).join(' ');

/** A node as fields: what its properties mean, matched with the open device where it is that one's. */
export function nodeView(description: NodeDescription, context: NodeContext): FieldsView {
  const { device, pci } = context;
  const { path, label } = description;
  return {
    kind: 'fields',
    title: label === undefined ? path : `${path} (&${label})`,
    fields: [
      ...(context.of === undefined ? [] : [ofField(context.of)]),
      ...identityFields(description),
      ...regFields(description, device?.matching),
      ...interruptFields(description, device?.matching),
      ...leftOver(device?.matching),
      ...nameFields(device?.names ?? []),
      ...description.references.map((reference) => referenceField(reference, description.memory)),
      ...(description.iommuMap ?? []).map((entry) => mapField('iommu-map', entry)),
      ...(description.msiMap ?? []).map((entry) => mapField('msi-map', entry)),
      ...(isAboutDma(description, device !== undefined) ? dmaFields(description.dma) : []),
      ...rangesFields('ranges', description.ranges),
      ...rangesFields('dma-ranges', description.dmaRanges),
      ...mapFields(description.interruptMap),
      ...(pci === undefined ? [] : pciFields(pci.name, pci.facts)),
      ...description.others.map(({ name, source }) => ({ label: name, value: shortened(source, context.whole) })),
      ...context.warnings.map(({ text }) => ({ label: 'warning', value: spans(text, 'warning') })),
    ],
    data: nodeData(description, context),
  };
}

function spans(text: string, role: Span['role']): Cell {
  return [{ text, role }];
}

function shortened(source: string, whole: boolean): string {
  if (whole || source.length <= MOST_SHOWN) return source === '' ? 'yes' : source;
  return `${source.slice(0, MOST_SHOWN)}… (--whole shows all ${source.length} characters)`;
}

function ofField({ holder, device }: { readonly holder: string; readonly device: string }): Field {
  return { label: 'node of', value: holder, note: `${device} has none of its own, and is behind it` };
}

function identityFields({ tree, compatible, status, disabledBy, aliases, deviceName }: NodeDescription): Field[] {
  const off = status !== 'okay' || disabledBy !== undefined;
  return [
    { label: 'tree', value: tree.origin },
    ...(aliases.length === 0 ? [] : [{ label: 'aliases', value: aliases.join(', ') }]),
    ...(compatible.length === 0
      ? []
      : [
          { label: 'compatible', value: compatible.join(', ') },
          ...(deviceName === undefined ? [] : [{ label: 'kernel device', value: deviceName }]),
        ]),
    {
      label: 'status',
      value: off ? spans(status, 'warning') : status,
      ...(disabledBy !== undefined && { note: `${disabledBy} above it is disabled: the kernel makes no device of it` }),
    },
  ];
}

function regFields({ reg, regNames }: NodeDescription, matching: Matching | undefined): Field[] {
  if (reg === undefined) return [];
  const fields = reg.entries.map((entry) => {
    const match = matching?.regions.find((one) => one.entry === entry.index);
    const left = matching?.unmatchedRegs.find((one) => one.entry === entry.index);
    const notes = [
      ...(match === undefined ? [] : [matchText(`region${match.index}`, match)]),
      ...(left === undefined ? [] : [`no region: ${left.why}`]),
      ...placeNotes(entry),
    ];
    const name = regNames[entry.index];
    return {
      label: name === undefined ? `reg ${entry.index}` : `reg ${entry.index} ${name}`,
      value: placeText(entry),
      ...(notes.length > 0 && { note: notes.join('; ') }),
    };
  });
  return [...fields, ...problemField('reg', reg.problem)];
}

function matchText(what: string, { evidence, doubt }: Match): string {
  return `${what}, by ${evidence}${doubt === undefined ? '' : `, though ${doubt}`}`;
}

function placeText({ bus, size, translated }: RegEntry): Cell {
  const bytes = size === undefined ? '' : ` size ${hex(size)}`;
  return 'cpu' in translated
    ? [
        { text: hex(translated.cpu), role: 'address' },
        ...(bytes === '' ? [] : [{ text: bytes, role: 'plain' } as const]),
      ]
    : `${busText(bus)}${bytes}`;
}

function placeNotes({ bus, translated, size }: RegEntry): string[] {
  if ('untranslated' in translated)
    return size === undefined || bus.pci?.space === 'config' ? [] : [translated.untranslated];
  const from = translated.cpu === bus.value && bus.pci === undefined ? [] : [`${busText(bus)} on its bus`];
  return [...from, ...(translated.problem === undefined ? [] : [translated.problem])];
}

/** '0x7e007000', 'memory 32 0x0', 'PCI config 00:01.0'. */
function busText({ value, pci, high = 0 }: BusAddress): string {
  if (pci === undefined) return hex(value);
  if (pci.space !== 'config') return `${pci.space} ${hex(value)}`;
  const two = (number: number): string => number.toString(16).padStart(2, '0');
  const register = (high & 0xff) === 0 && value === 0n ? '' : ` register ${hex(BigInt(high & 0xff) + value)}`;
  return `PCI config ${two((high >>> 16) & 0xff)}:${two((high >>> 11) & 0x1f)}.${(high >>> 8) & 7}${register}`;
}

function interruptFields({ interrupts }: NodeDescription, matching: Matching | undefined): Field[] {
  if (interrupts === undefined) return [];
  const fields = interrupts.entries.map((interrupt) => {
    const match = matching?.irqs.find(({ entry }) => entry === interrupt.index);
    const left = matching?.unmatchedInterrupts.find(({ entry }) => entry === interrupt.index);
    const notes = [
      ...(match === undefined ? [] : [matchText(`irq${match.index}`, match)]),
      ...(left === undefined ? [] : [`no VFIO interrupt: ${left.why}`]),
      ...wayNotes(interrupt),
    ];
    const { index, name } = interrupt;
    return {
      label: name === undefined ? `interrupt ${index}` : `interrupt ${index} ${name}`,
      value: interruptText(interrupt),
      ...(notes.length > 0 && { note: notes.join('; ') }),
    };
  });
  return [...fields, ...problemField('interrupts', interrupts.problem)];
}

/** 'SPI 1 (INTID 33), level high'. */
function interruptText({ decoded, cells }: Pick<Interrupt, 'decoded' | 'cells'>): readonly Span[] {
  if (decoded === undefined) return [{ text: `cells ${cellsText(cells)}`, role: 'warning' }];
  const { text, trigger } = decoded;
  return [{ text: trigger === undefined ? text : `${text}, ${trigger}`, role: 'plain' }];
}

function wayNotes({ controller, maps, problem }: Pick<Interrupt, 'controller' | 'maps' | 'problem'>): string[] {
  const through = maps.length === 0 ? '' : ` through the interrupt-map of ${maps.join(' and ')}`;
  return [
    ...(controller === undefined ? [] : [`at ${controller}${through}`]),
    ...(problem === undefined ? [] : [problem]),
  ];
}

/** Regions and interrupts of VFIO that no entry of the tree was found for. */
function leftOver(matching: Matching | undefined): Field[] {
  const regions = (matching?.regions ?? []).filter(({ entry }) => entry === undefined);
  const irqs = (matching?.irqs ?? []).filter(({ entry }) => entry === undefined);
  return [
    ...regions.map(({ index, evidence }) => ({
      label: `region${index}`,
      value: spans('not matched', 'warning'),
      note: evidence,
    })),
    ...irqs.map(({ index, evidence }) => ({
      label: `irq${index}`,
      value: spans('not matched', 'warning'),
      note: evidence,
    })),
  ];
}

function nameFields(names: readonly GivenName[]): Field[] {
  if (names.length === 0) return [];
  const changed = names.filter(({ written }) => written !== undefined);
  const given = names.filter(({ of, name }) => of !== name).map(({ of, name }) => `${name} is ${of}`);
  return [
    ...(given.length === 0 ? [] : [{ label: 'names', value: given.join(', ') }]),
    ...changed.map(({ of, name, written = '', why = '' }) => ({
      label: `name ${written}`,
      value: name === of ? 'not used' : `here it is ${name}`,
      note: why,
    })),
  ];
}

function referenceField(
  { property, index, name, target, cells, problem }: Reference,
  memory: NodeDescription['memory'],
): Field {
  const values = cellsText(cells);
  const value = target === undefined ? values : `${target.path}${values === '' ? '' : ` ${values}`}`;
  const label = `${property}${name === undefined ? (index === 0 ? '' : ` ${index}`) : ` ${name}`}`;
  if (problem !== undefined) return { label, value: spans(value, 'warning'), note: problem };
  const set = property === 'memory-region' ? memory.get(index) : undefined;
  const note = set === undefined ? '' : memoryText(set.entries, set.size);
  return { label, value: value === '' ? 'none (an empty entry)' : value, ...(note !== '' && { note }) };
}

/** '0x10000000 size 0x1000'; 'size 0x4000000, wherever the kernel puts it'. */
function memoryText(entries: readonly RegEntry[], size: bigint | undefined): string {
  const places = entries.map((entry) => textOf(placeText(entry)));
  if (places.length > 0) return places.join(', ');
  return size === undefined ? '' : `size ${hex(size)}, wherever the kernel puts it`;
}

function mapField(label: string, { first, length, target, output, problem }: MapEntry): Field {
  if (length === 0 && problem !== undefined) return { label, value: spans(problem, 'warning') };
  const value = `${hex(first)}..${hex(first + length)} -> ${target?.path ?? '?'} ${hex(output)}`;
  return { label, value, ...(problem !== undefined && { note: problem }) };
}

/** Whether DMA is worth a line: of a bus and of the open device in any case, of other nodes where the tree says something. */
function isAboutDma({ dma, ranges, deviceName, reg }: NodeDescription, isOpen: boolean): boolean {
  if (isOpen || ranges !== undefined) return true;
  return reg !== undefined && deviceName !== undefined && (dma.coherent !== undefined || dma.windows !== undefined);
}

function dmaFields({ coherent, windows }: DmaFacts): Field[] {
  const says =
    coherent === undefined ? 'no dma-coherent: left to the architecture' : `${coherent.is ? '' : 'not '}coherent`;
  const fields: Field[] = [
    { label: 'DMA', value: says, ...(coherent !== undefined && { note: `says ${coherent.says}` }) },
  ];
  for (const window of windows?.entries ?? []) {
    fields.push({ label: 'DMA window', value: windowText(window), note: `dma-ranges of ${windows?.bus ?? ''}` });
  }
  return [...fields, ...problemField('DMA window', windows?.problem)];
}

function windowText({ bus, size, cpu, problem }: DmaWindow): string {
  const there = cpu === undefined ? (problem ?? '') : `is ${hex(cpu)} of memory`;
  return `${busText(bus)} size ${hex(size)} ${there}`;
}

function rangesFields(label: string, ranges: Ranges | undefined): Field[] {
  if (ranges === undefined) return [];
  if (ranges.kind === 'same') return [{ label, value: 'the same addresses as above' }];
  const fields = ranges.entries.map(({ child, parent, size }) => ({
    label,
    value: `${busText(child)} size ${hex(size)} is ${busText(parent)} above`,
  }));
  return [...fields, ...problemField(label, ranges.problem)];
}

function mapFields(map: NodeDescription['interruptMap']): Field[] {
  const label = 'interrupt-map';
  const fields = (map?.entries ?? []).map((entry: MappedInterrupt) => ({
    label,
    value: [
      { text: `${cellsText([...entry.unit, ...entry.cells])}: `, role: 'plain' } as const,
      ...interruptText(entry),
    ],
    note: wayNotes(entry).join('; '),
  }));
  return [...fields, ...problemField(label, map?.problem)];
}

function pciFields(name: string, { requester, iommu, msi, bars, pins }: PciFacts): Field[] {
  const letters = 'ABCD';
  return [
    { label: 'PCI device', value: name, note: `requester ID ${hex(requester)}` },
    ...idField('at the IOMMU', iommu),
    ...idField('at the MSI controller', msi),
    ...bars.map(({ region, start, size, window }) => ({
      label: `region${region}`,
      value: `${hex(start)} size ${hex(size)}`,
      note: window === undefined ? 'in no window of ranges' : `in a ${window} window of ranges`,
    })),
    ...pins.map((pin, index) => ({
      label: `INT${letters[index] ?? ''}`,
      value: interruptText(pin),
      note: wayNotes(pin).join('; '),
    })),
  ];
}

function idField(label: string, translated: TranslatedId | undefined): Field[] {
  if (translated === undefined) return [];
  const { target, id, problem } = translated;
  if (target === undefined || id === undefined) return problemField(label, problem ?? 'not told');
  return [{ label, value: `${target} ${hex(id)}` }];
}

function problemField(label: string, problem: string | undefined): Field[] {
  return problem === undefined ? [] : [{ label, value: spans(problem, 'warning') }];
}
