import type { Property } from './property.js';

/**
 * A node of a device tree, from a blob or from the running kernel. Names and values are whoever's who wrote the tree: not to be shown without
 * escaping.
 */
export interface DtNode {
  /** With its unit address: 'dma@101300'. Empty for the root. */
  readonly name: string;
  /** '/soc@ffe000000/dma@101300'; '/' for the root. */
  readonly path: string;
  readonly parent: DtNode | undefined;
  readonly children: readonly DtNode[];
  readonly properties: readonly Property[];
  property(name: string): Property | undefined;
}

/** The name without its unit address. */
export function baseName(node: DtNode): string {
  const at = node.name.indexOf('@');
  return at < 0 ? node.name : node.name.slice(0, at);
}

export function isCompatible(node: DtNode, ...names: readonly string[]): boolean {
  const compatible = node.property('compatible')?.strings ?? [];
  return names.some((name) => compatible.includes(name));
}

/** The phandle that others refer to it by. */
export function phandleOf(node: DtNode): number | undefined {
  const phandle = (node.property('phandle') ?? node.property('linux,phandle'))?.u32;
  return phandle === 0 || phandle === 0xffffffff ? undefined : phandle;
}

/** `status`: 'okay' where there is none, as the specification has it, and for the old spelling 'ok'. */
export function statusOf(node: DtNode): string {
  const status = node.property('status')?.string ?? 'okay';
  return status === 'ok' ? 'okay' : status;
}

/** The node that is disabled: this one, or the nearest ancestor that is, which the kernel then does not look below. */
export function disabledBy(node: DtNode): DtNode | undefined {
  for (let at: DtNode | undefined = node; at !== undefined; at = at.parent) {
    if (statusOf(at) !== 'okay') return at;
  }
  return undefined;
}

/** The node and everything below it, in the order of the tree. */
export function* nodesUnder(node: DtNode): Generator<DtNode> {
  yield node;
  for (const child of node.children) yield* nodesUnder(child);
}
