import { disabledBy, type DtNode, isCompatible, statusOf } from './node.js';
import { type Reference, referencesIn } from './reference.js';
import type { DeviceTree } from './tree.js';

/** Something in a device's node that matters to whoever is about to access the device. */
export interface Warning {
  /** A first read may hang the machine, or answer nonsense: worth saying before there is one. */
  readonly mayHang: boolean;
  readonly text: string;
}

/** What is known of the device beside its node. */
export interface PowerFacts {
  readonly bus: string;
  /** sysfs's power/runtime_status: 'active', 'suspended', 'unsupported'. */
  readonly runtime?: string;
}

/** What the node says about clocks, resets and power, now that no driver is left to take care of them. */
export function powerWarnings(tree: DeviceTree, node: DtNode, facts: PowerFacts): Warning[] {
  const warnings: Warning[] = [];
  const disabled = disabledBy(node);
  if (disabled !== undefined) {
    const where = disabled === node ? 'the node' : `${disabled.path}, above the node,`;
    const text = `status of ${where} is ${statusOf(disabled)}: it may have no clock, no power or no pins, and a read may hang the bus`;
    warnings.push({ mayHang: true, text });
  }
  const clocks = (referencesIn(tree, node, 'clocks') ?? []).filter(({ target }) => target !== undefined);
  // The kernel enables this one for every AMBA device, whatever its driver: registers answer then, though the device may not run.
  const answers = facts.bus === 'amba' && clocks.some(({ name }) => name === 'apb_pclk');
  const gated = clocks.filter(
    ({ target, name }) =>
      target !== undefined &&
      !isCompatible(target, 'fixed-clock', 'fixed-factor-clock') &&
      !(answers && name === 'apb_pclk'),
  );
  if (gated.length > 0) {
    const what = answers ? 'the device may not run' : 'a read may hang the bus';
    const text = `clocks are listed (${list(gated)}) and no driver is left that would enable them: ${what}`;
    warnings.push({ mayHang: !answers, text });
  }
  const domains = (referencesIn(tree, node, 'power-domains') ?? []).filter(({ target }) => target !== undefined);
  // The bus attaches a single domain and VFIO's drivers power it up while the device is open; several are a driver's own business.
  if (domains.length > 1 || (domains.length === 1 && facts.runtime !== undefined && facts.runtime !== 'active')) {
    const why = domains.length > 1 ? 'the kernel powers none of several by itself' : `the device is ${facts.runtime}`;
    warnings.push({
      mayHang: true,
      text: `power-domains are listed (${list(domains)}), and ${why}: a read may hang the bus`,
    });
  }
  const resets = (referencesIn(tree, node, 'resets') ?? []).filter(({ target }) => target !== undefined);
  if (resets.length > 0) {
    const text = `resets are listed (${list(resets)}) and no driver is left that would release them: in reset, a read may hang the bus`;
    warnings.push({ mayHang: true, text });
  }
  return warnings;
}

/** 'ipg, baud and 3 more'. */
function list(references: readonly Reference[]): string {
  const MOST = 4;
  const names = references.slice(0, MOST).map(({ name, target, index }) => name ?? target?.name ?? String(index));
  return references.length > MOST ? `${names.join(', ')} and ${references.length - MOST} more` : names.join(', ');
}

/** Whether the tree lets an IOMMU translate what a device does. */
export type IommuLink =
  | { readonly kind: 'linked'; readonly iommus: readonly DtNode[] }
  | { readonly kind: 'none'; readonly why: string; readonly hint: string };

/**
 * The IOMMU of a node, by its `iommus`; of a PCI host bridge, by its `iommu-map`. Says why there is none: the property is missing or broken, or
 * the IOMMU that it names is disabled.
 */
export function iommuLink(tree: DeviceTree, node: DtNode): IommuLink {
  // Freescale's PAMU is named in a way of its own.
  const names = ['iommu-map', 'fsl,iommu-parent', 'iommus'] as const;
  const name = names.find((one) => node.property(one) !== undefined) ?? 'iommus';
  const property = node.property(name);
  const all = [...tree.nodes()].filter((one) => one.property('#iommu-cells') !== undefined);
  if (property === undefined) {
    const isHost = node.property('device_type')?.string === 'pci';
    const wanted = isHost ? 'iommu-map' : 'iommus';
    if (all.length === 0) {
      const why = `${node.path} has no ${wanted}, and the tree has no IOMMU`;
      return { kind: 'none', why, hint: 'without an IOMMU VFIO has its no-IOMMU mode only' };
    }
    const hint = `if ${all
      .map(({ path }) => path)
      .slice(0, 3)
      .join(' or ')} translates it, the node needs ${wanted} = <&iommu ID>`;
    return { kind: 'none', why: `${node.path} has no ${wanted}`, hint };
  }
  const phandles = name === 'iommu-map' ? undefined : referencesIn(tree, node, name);
  const targets =
    phandles?.map(({ target, problem }) => ({ target, problem })) ??
    mapTargets(tree, property.cells).map((target) => ({
      target,
      problem: target ? undefined : 'a phandle leads nowhere',
    }));
  const broken = targets.find(({ problem }) => problem !== undefined)?.problem;
  const iommus = [...new Set(targets.flatMap(({ target }) => target ?? []))];
  const [first] = iommus;
  if (first === undefined)
    return { kind: 'none', why: `${name} of ${node.path}: ${broken ?? 'it names none'}`, hint: 'correct the tree' };
  const off = iommus.every((one) => disabledBy(one) !== undefined);
  if (off)
    return { kind: 'none', why: `the IOMMU ${first.path} is disabled`, hint: 'set its status to okay in the tree' };
  return { kind: 'linked', iommus };
}

function mapTargets(tree: DeviceTree, cells: readonly number[]): (DtNode | undefined)[] {
  return cells.filter((_, index) => index % 4 === 1).map((phandle) => tree.byPhandle(phandle));
}
