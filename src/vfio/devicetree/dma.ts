import { type BusAddress, rangesOf, upwards } from './address.js';
import type { DtNode } from './node.js';

/** How a device's DMA gets to memory, as the tree tells. */
export interface DmaFacts {
  /** Whether its DMA is coherent with the processors' caches, and the node that says so; undefined where none does. */
  readonly coherent?: { readonly is: boolean; readonly says: string };
  /** The node above the device whose dma-ranges count, and its windows; undefined where DMA addresses are the processor's. */
  readonly windows?: DmaWindows;
}

export interface DmaWindows {
  readonly bus: string;
  readonly entries: readonly DmaWindow[];
  readonly problem?: string;
}

/** The device's addresses [bus, bus + size) are those at `cpu` of the processor. */
export interface DmaWindow {
  readonly bus: BusAddress;
  readonly size: bigint;
  readonly cpu?: bigint;
  readonly problem?: string;
}

/** Source: drivers/of/address.c, of_dma_is_coherent() and of_dma_get_range(). */
export function dmaOf(node: DtNode): DmaFacts {
  const coherent = coherence(node);
  const windows = dmaWindows(node);
  return { ...(coherent !== undefined && { coherent }), ...(windows !== undefined && { windows }) };
}

function coherence(node: DtNode): DmaFacts['coherent'] {
  for (let at: DtNode | undefined = node; at !== undefined; at = at.parent) {
    if (at.property('dma-coherent') !== undefined) return { is: true, says: at.path };
    if (at.property('dma-noncoherent') !== undefined) return { is: false, says: at.path };
  }
  return undefined;
}

/** The dma-ranges of the nearest bus above that has any. */
function dmaWindows(node: DtNode): DmaWindows | undefined {
  for (let bus = node.parent; bus?.parent !== undefined; bus = bus.parent) {
    const { kind, entries, problem } = rangesOf(bus, 'dma-ranges');
    if (kind !== 'listed') continue;
    const above = bus.parent;
    const windows = entries.map(({ child, parent, size }): DmaWindow => {
      const translated = upwards(above, parent, size, 'dma-ranges');
      return 'cpu' in translated
        ? { bus: child, size, cpu: translated.cpu, ...(translated.problem && { problem: translated.problem }) }
        : { bus: child, size, problem: translated.untranslated };
    });
    return { bus: bus.path, entries: windows, ...(problem !== undefined && { problem }) };
  }
  return undefined;
}
