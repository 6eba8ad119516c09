import type { Reg, RegEntry } from './address.js';
import type { Interrupt } from './interrupt.js';
import type { LinuxIrq, Resource } from './resource.js';

/**
 * Which VFIO region is which entry of `reg`, and which VFIO interrupt which interrupt of the node. VFIO tells sizes and flags only; the kernel
 * makes its resources in the order of the tree (drivers/of/platform.c, drivers/vfio/platform), and other places tell some of their addresses.
 */

/** What VFIO tells of one region, and of one interrupt. */
export interface VfioRegion {
  readonly index: number;
  /** Bytes. */
  readonly size: number;
}

export interface VfioIrq {
  readonly index: number;
  readonly automasked: boolean;
}

/** What is known of a device besides its node. */
export interface DeviceFacts {
  readonly name: string;
  readonly bus: string;
  readonly regions: readonly VfioRegion[];
  readonly irqs: readonly VfioIrq[];
  readonly resources: readonly Resource[];
  /** Those of its interrupts that the kernel has given to VFIO's handler just now. */
  readonly linuxIrqs: readonly LinuxIrq[];
}

export interface Match {
  /** The index of the region or interrupt in VFIO. */
  readonly index: number;
  /** The entry of `reg`, or the interrupt of the node; undefined where none could be told. */
  readonly entry?: number;
  /** What it rests on: 'address and size (sysfs resource)', 'order and size'. Why there is none, where `entry` is undefined. */
  readonly evidence: string;
  /** What speaks against it. */
  readonly doubt?: string;
}

/** Entries of the tree that no region or interrupt is matched to, and why. */
export interface Unmatched {
  readonly entry: number;
  readonly why: string;
}

export interface Matching {
  readonly regions: readonly Match[];
  readonly irqs: readonly Match[];
  readonly unmatchedRegs: readonly Unmatched[];
  readonly unmatchedInterrupts: readonly Unmatched[];
}

/** Matches a platform or AMBA device with its node. */
export function matchDevice(facts: DeviceFacts, reg: Reg | undefined, interrupts: readonly Interrupt[]): Matching {
  const entries = reg?.entries ?? [];
  const regions = matchRegions(facts, entries);
  const irqs = facts.irqs.map((irq) => matchIrq(irq, facts, interrupts));
  const usedRegs = new Set(regions.map(({ entry }) => entry));
  const usedInterrupts = new Set(irqs.map(({ entry }) => entry));
  return {
    regions,
    irqs,
    unmatchedRegs: entries
      .filter(({ index }) => !usedRegs.has(index))
      .map((entry) => ({ entry: entry.index, why: whyNoRegion(entry, entries, facts) })),
    unmatchedInterrupts: interrupts
      .filter(({ index }) => !usedInterrupts.has(index))
      .map(({ index, problem }) => ({ entry: index, why: problem ?? 'VFIO has no interrupt of that index' })),
  };
}

function cpuOf({ translated }: RegEntry): bigint | undefined {
  return 'cpu' in translated ? translated.cpu : undefined;
}

function matchRegions(facts: DeviceFacts, entries: readonly RegEntry[]): Match[] {
  const used = new Set<number>();
  return facts.regions.map((region) => {
    const match = matchRegion(region, facts, entries, used);
    if (match.entry !== undefined) used.add(match.entry);
    return match;
  });
}

function matchRegion(
  region: VfioRegion,
  facts: DeviceFacts,
  entries: readonly RegEntry[],
  used: ReadonlySet<number>,
): Match {
  const { index } = region;
  const size = BigInt(region.size);
  const free = entries.filter((entry) => !used.has(entry.index) && cpuOf(entry) !== undefined);
  const resource = resourceOf(region, facts);
  if (resource !== undefined) {
    const at = `0x${resource.start.toString(16)} (${resource.source})`;
    const there = free.find((entry) => cpuOf(entry) === resource.start);
    if (there === undefined) return { index, evidence: `no entry of reg is at ${at}` };
    if (there.size === size) return { index, entry: there.index, evidence: `address and size (${resource.source})` };
    return { index, entry: there.index, evidence: `address (${resource.source})`, doubt: sizesDiffer(region, there) };
  }
  const same = free.find((entry) => entry.index === index);
  if (same !== undefined && same.size === size) {
    const isNamed = index === 0 && facts.name.startsWith(`${(cpuOf(same) ?? 0n).toString(16)}.`);
    return { index, entry: index, evidence: isNamed ? "address (the device's name) and size" : 'order and size' };
  }
  const [only, ...others] = free.filter((entry) => entry.size === size);
  if (only !== undefined && others.length === 0) return { index, entry: only.index, evidence: 'size alone' };
  if (only !== undefined) return { index, evidence: `${others.length + 1} entries of reg have its size` };
  return { index, evidence: same === undefined ? 'no entry of reg is left for it' : sizesDiffer(region, same) };
}

/** The resource of a region: the one of its index where the list is the device's own, else the only one of its size. */
function resourceOf({ index, size }: VfioRegion, { resources }: DeviceFacts): Resource | undefined {
  const own = resources.find((one) => one.source === 'sysfs resource' && one.index === index);
  if (own !== undefined) return own;
  const [only, ...others] = resources.filter((one) => one.source === '/proc/iomem' && one.size === BigInt(size));
  return others.length === 0 ? only : undefined;
}

function sizesDiffer({ size }: VfioRegion, entry: RegEntry): string {
  return `VFIO's region has 0x${size.toString(16)} bytes, reg ${entry.index} has 0x${(entry.size ?? 0n).toString(16)}`;
}

function whyNoRegion(entry: RegEntry, entries: readonly RegEntry[], { bus }: DeviceFacts): string {
  if ('untranslated' in entry.translated) return entry.translated.untranslated;
  const broken = entries.find((one) => one.index < entry.index && cpuOf(one) === undefined);
  if (broken !== undefined) return `the kernel stops at reg ${broken.index}, which it cannot translate`;
  if (bus === 'amba' && entry.index > 0) return 'an AMBA device has one region';
  return 'no region of VFIO fits it';
}

function matchIrq(irq: VfioIrq, facts: DeviceFacts, interrupts: readonly Interrupt[]): Match {
  const { index } = irq;
  const there = interrupts[index];
  if (there === undefined) return { index, evidence: `the node has ${interrupts.length} interrupts` };
  const { decoded } = there;
  const linux = facts.linuxIrqs.find(({ hwirq }) => decoded?.number === hwirq);
  const number = linux === undefined ? undefined : `Linux irq ${linux.irq} (${linux.chip} ${linux.hwirq})`;
  if (decoded?.trigger === undefined) return { index, entry: index, evidence: number ?? 'order' };
  const isLevel = decoded.trigger.startsWith('level');
  if (isLevel === irq.automasked) {
    return { index, entry: index, evidence: `order and trigger${number === undefined ? '' : `, ${number}`}` };
  }
  const doubt = `VFIO ${irq.automasked ? 'masks it like a level' : 'takes it as an edge'}, the tree says ${decoded.trigger}`;
  return { index, entry: index, evidence: number ?? 'order', doubt };
}
