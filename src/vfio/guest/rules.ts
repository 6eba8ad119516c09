/**
 * Which properties of a host's node make sense in a guest's, whatever the device. What a kind of device needs besides is its profile's to say.
 */

/** Why a property that refers to other nodes is left out: the guest has not what it refers to. */
const reasons: Readonly<Record<string, string>> = {
  resets:
    "the host's reset controller is not the guest's: its driver has to do without, or the host resets the device before",
  'power-domains':
    "the host's power domains are not the guest's: the device has to be on. crosvm adds one where its VFIO driver asks for it",
  iommus:
    "the host's IOMMU translates for the guest; crosvm adds the guest's own where it is asked for (iommu=pkvm-iommu)",
  dmas: 'the DMA controller is another device: it would have to go with this one',
  phys: 'the PHY is another device: it has to be set up by the host',
  'interrupt-parent': "the guest's interrupt controller is its root's",
  'memory-region': "the memory is the host's: the guest needs a reservation of its own",
  'operating-points-v2': 'the guest does not scale the rate',
};
const families: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^pinctrl-/, 'the host has set the pins'],
  [/-supply$/, 'the host feeds it: a regulator that is not there counts as on'],
  [/gpios?$/, "the lines are the host's"],
  [/^assigned-clock/, 'the host has set the rates'],
];

/** Why a property that refers to `targets` is left out. */
export function whyNoReference(property: string, targets: readonly string[]): string {
  const why = reasons[property] ?? families.find(([pattern]) => pattern.test(property))?.[1];
  const where = targets.length === 0 ? 'something' : targets.join(', ');
  return why ?? `it refers to ${where}, which the guest does not have`;
}

/** Properties that say nothing to a guest. Those with a reason are told of, the others are the tree's own bookkeeping. */
const dropped: readonly (readonly [pattern: RegExp, why?: string])[] = [
  [/^(?:phandle|linux,phandle|name|status)$/],
  [/^(?:bootph-|u-boot,)/],
  [/^(?:reg|reg-names|interrupts|interrupts-extended|interrupt-names|interrupt-parent)$/],
  [
    /^(?:clock-names|reset-names|power-domain-names|dma-names|phy-names|mbox-names|pwm-names|io-channel-names|pinctrl-names)$/,
  ],
  [/^(?:interconnect-names|nvmem-cell-names|memory-region-names|access-controller-names)$/],
  [/^(?:ranges|dma-ranges|device_type|bus-range)$/],
  [/^(?:iommu-map|msi-map|interrupt-map)(?:-mask)?$/, 'it is about devices behind this one, which do not go with it'],
  [/^assigned-clock-rates/, 'the host has set the rates'],
];

/** Whether a property is left out, and the reason if that is worth telling. */
export function isDropped(property: string): { readonly why?: string } | undefined {
  const found = dropped.find(([pattern]) => pattern.test(property));
  if (found === undefined) return undefined;
  return found[1] === undefined ? {} : { why: found[1] };
}
