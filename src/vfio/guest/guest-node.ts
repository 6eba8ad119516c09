/** A node of a device tree for a guest, ready to be written out. */
export interface GuestNode {
  readonly name: string;
  readonly label?: string;
  readonly properties: readonly GuestProperty[];
  readonly children: readonly GuestNode[];
}

export interface GuestProperty {
  readonly name: string;
  /** In the notation of device-tree sources: '<0x0 0x1000>', '"a", "b"'; empty for a property without a value. */
  readonly value: string;
  readonly comment?: string;
}

/** Something of the host's node that the guest's has not, and why. */
export interface LeftOut {
  /** 'resets', 'ports/endpoint: remote-endpoint'. */
  readonly what: string;
  readonly why: string;
}

/** A clock of a fixed rate, in the place of one of the host's. */
export interface GuestClock {
  /** Its label, by which the device's node refers to it. */
  readonly label: string;
  readonly name: string;
  readonly hertz: bigint;
  /** Where the rate is from. */
  readonly from: string;
}

/** A piece of the device's memory, or an interrupt: what the monitor puts its own numbers in the place of. */
export interface GuestRegion {
  readonly name?: string;
  /** The processor's address on the host; undefined where the tree does not tell. */
  readonly address?: bigint;
  readonly size: bigint;
}

export interface GuestInterrupt {
  readonly name?: string;
  /** The number among the GIC's shared interrupts, where it is one of them on the host. */
  readonly spi?: number;
  /** Source: include/dt-bindings/interrupt-controller/irq.h, IRQ_TYPE_*. */
  readonly flags: 1 | 2 | 4 | 8;
}

/** A device as a guest's tree describes it. */
export interface GuestDevice {
  /** The path of the node on the host, and the tree that it was found in. */
  readonly path: string;
  readonly origin: string;
  /** The label of its node. */
  readonly symbol: string;
  readonly name: string;
  readonly regions: readonly GuestRegion[];
  readonly interrupts: readonly GuestInterrupt[];
  readonly clocks: readonly GuestClock[];
  /** Its other properties. */
  readonly properties: readonly GuestProperty[];
  readonly children: readonly GuestNode[];
  readonly left: readonly LeftOut[];
  readonly notes: readonly string[];
}

/** What a name of a node or a property may be made of. Source: Devicetree Specification v0.4, 2.2.1 and 2.2.4; `@` in properties as dtc has it. */
const nodeName = /^[A-Za-z0-9,._+-]{1,64}(?:@[A-Za-z0-9,._+-]{1,64})?$/;
const propertyName = /^[A-Za-z0-9,._+?#-]{1,64}$/;

export function isNodeName(name: string): boolean {
  return nodeName.test(name);
}

export function isPropertyName(name: string): boolean {
  return propertyName.test(name);
}

/** `text` as a label: letters, digits and `_`. */
export function labelOf(text: string): string {
  const label = text.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^(?=[0-9])/, '_');
  return label === '' ? 'device' : label.slice(0, 48);
}
