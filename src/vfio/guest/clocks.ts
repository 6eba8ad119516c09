import { isCompatible, type DtNode } from '../devicetree/node.js';
import { type Reference, referencesIn } from '../devicetree/reference.js';
import type { DeviceTree } from '../devicetree/tree.js';
import type { GuestDescription } from '../profile/description.js';
import { numberOf } from '../registers/notation.js';
import { type GuestClock, type GuestProperty, labelOf, type LeftOut } from './guest-node.js';
import { textOf } from './value.js';

export interface GuestClocks {
  readonly clocks: readonly GuestClock[];
  /** `clocks` and `clock-names` of the device's node. */
  readonly properties: readonly GuestProperty[];
  readonly left: readonly LeftOut[];
}

/**
 * Clocks of fixed rates for those of the host's that the device's driver will ask for: the clock controller stays with the host. The rate is the
 * tree's where it tells one, else the profile's; a clock of which nobody knows the rate is left out.
 */
export function guestClocks(tree: DeviceTree, node: DtNode, guest: GuestDescription, symbol: string): GuestClocks {
  const references = referencesIn(tree, node, 'clocks') ?? [];
  const assigned = referencesIn(tree, node, 'assigned-clocks') ?? [];
  const rates = node.property('assigned-clock-rates')?.cells ?? [];
  const known = guest.clocks ?? [];
  const wanted =
    references.length > 0
      ? references.map((reference, nth) => ({ reference, name: reference.name ?? known[nth]?.name }))
      : known.map(({ name }) => ({ reference: undefined, name }));
  const clocks: (GuestClock & { readonly id: string | undefined })[] = [];
  const unknown = new Map<string, string[]>();
  for (const [nth, { reference, name }] of wanted.entries()) {
    const ofProfile = known.find((one) => one.name === name) ?? (references.length === 1 ? known[nth] : undefined);
    const rate =
      (reference && rateOf(tree, reference)) ??
      (reference && assignedRate(reference, assigned, rates)) ??
      (ofProfile && profileRate(ofProfile.hertz));
    if (rate === undefined) {
      const source = reference?.target?.path ?? 'a clock that is not there';
      unknown.set(source, [...(unknown.get(source) ?? []), name ?? String(nth)]);
      continue;
    }
    const plain = labelOf(name ?? `clk${nth}`);
    const own = clocks.some(({ label }) => label === `${symbol}_${plain}`) ? `${plain}_${nth}` : plain;
    clocks.push({
      id: reference?.name ?? name,
      label: `${symbol}_${own}`,
      name: `${symbol}-${own.replaceAll('_', '-')}`,
      ...rate,
    });
  }
  const left = [...unknown].map(([source, ids]) => ({
    what: `clocks (${ids.join(', ')})`,
    why:
      `of ${source}, and their rates are not known here: for those that the driver needs, add a fixed-clock of the rate that ` +
      '/sys/kernel/debug/clk of the host shows',
  }));
  const names = clocks.map(({ id }) => id);
  return {
    clocks: clocks.map(({ id: _id, ...clock }) => clock),
    properties:
      clocks.length === 0
        ? []
        : [
            { name: 'clocks', value: clocks.map(({ label }) => `<&${label}>`).join(', ') },
            ...(names.every((name): name is string => name !== undefined)
              ? [{ name: 'clock-names', value: textOf(names) }]
              : []),
          ],
    left,
  };
}

interface Rate {
  readonly hertz: bigint;
  readonly from: string;
}

/** Clocks between a device's and the oscillator, at the most. */
const DEEPEST = 8;

/** The rate that the tree tells: of a fixed clock, or one that divides or multiplies another. */
function rateOf(tree: DeviceTree, { target }: Reference, depth = 0): Rate | undefined {
  if (target === undefined || depth > DEEPEST) return undefined;
  const from = `as ${target.path} of the host`;
  const hertz = target.property('clock-frequency')?.u32;
  if (hertz !== undefined && isCompatible(target, 'fixed-clock')) return { hertz: BigInt(hertz), from };
  const [source] = isCompatible(target, 'fixed-factor-clock') ? (referencesIn(tree, target, 'clocks') ?? []) : [];
  const above = source && rateOf(tree, source, depth + 1);
  const divisor = BigInt(target.property('clock-div')?.u32 ?? 0);
  if (above === undefined || divisor === 0n) return undefined;
  return { hertz: (above.hertz * BigInt(target.property('clock-mult')?.u32 ?? 1)) / divisor, from };
}

/** What the host's tree has set the clock to: the same phandle and cells in assigned-clocks. */
function assignedRate(clock: Reference, assigned: readonly Reference[], rates: readonly number[]): Rate | undefined {
  const at = assigned.findIndex(
    ({ target, cells }) => target !== undefined && target === clock.target && cells.join() === clock.cells.join(),
  );
  const hertz = at < 0 ? undefined : rates[at];
  return hertz === undefined || hertz === 0
    ? undefined
    : { hertz: BigInt(hertz), from: "assigned-clock-rates of the host's node" };
}

function profileRate(given: number | bigint | string): Rate | undefined {
  const hertz = numberOf(given);
  return typeof hertz === 'bigint'
    ? { hertz, from: 'the profile: correct it if the clock has another rate' }
    : undefined;
}
