import type { Translated } from '../vfio/devicetree/address.js';
import type { NodeDescription } from '../vfio/devicetree/describe.js';
import type { MapEntry } from '../vfio/devicetree/reference.js';
import type { NodeContext } from './device-tree-view.js';

/** What `dt --json` prints of a node: other nodes as their paths, numbers as numbers or bigints. */
export function nodeData(description: NodeDescription, { of, device, pci, warnings }: NodeContext): object {
  const { tree, path, deviceName, label, aliases, compatible, status, disabledBy, reg, regNames } = description;
  const { interrupts, interruptMap, references, memory, iommuMap, msiMap, dma, ranges, dmaRanges, others } =
    description;
  const entry = ({ target, ...rest }: MapEntry): object => ({ ...rest, target: target?.path });
  return {
    tree: tree.origin,
    nodeOf: of?.holder,
    path,
    deviceName,
    label,
    aliases,
    compatible,
    status,
    disabledBy,
    reg: reg?.entries.map(({ index, bus, size, translated }) => ({
      index,
      name: regNames[index],
      bus: bus.value,
      space: bus.pci?.space,
      size,
      ...placeData(translated),
    })),
    regProblem: reg?.problem,
    interrupts: interrupts?.entries,
    interruptsProblem: interrupts?.problem,
    interruptMap,
    references: references.map(({ target, ...rest }) => ({ ...rest, target: target?.path })),
    memory: [...memory].map(([index, { entries, size }]) => ({
      index,
      size,
      places: entries.map(({ translated, size: bytes }) => ({ size: bytes, ...placeData(translated) })),
    })),
    iommuMap: iommuMap?.map(entry),
    msiMap: msiMap?.map(entry),
    dma,
    ranges,
    dmaRanges,
    properties: Object.fromEntries(others.map(({ name, source }) => [name, source])),
    device: device === undefined ? undefined : { name: device.name, ...device.matching, names: device.names },
    pci: pci === undefined ? undefined : { name: pci.name, ...pci.facts },
    warnings,
  };
}

function placeData(translated: Translated): object {
  return 'cpu' in translated
    ? { cpu: translated.cpu, hops: translated.hops, problem: translated.problem }
    : { problem: translated.untranslated, hops: translated.hops };
}
