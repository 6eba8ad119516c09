import { type DtNode, isCompatible } from './node.js';

/**
 * What the cells of an interrupt mean to its controller. Source: Documentation/devicetree/bindings/interrupt-controller; for the trigger types
 * include/dt-bindings/interrupt-controller/irq.h.
 */

export type Trigger = 'edge rising' | 'edge falling' | 'edge both' | 'level high' | 'level low';

export interface DecodedInterrupt {
  /** 'SPI 1', 'source 10', 'bank 2, 14'; 'cells 0x1 0x2' where nobody here knows what they mean to this controller. */
  readonly text: string;
  /** The controller's own number of it, which the kernel shows as hwirq (GIC: the INTID); undefined where the cells do not tell. */
  readonly number?: number;
  /** Undefined where the cells do not tell. */
  readonly trigger?: Trigger;
}

type Decoder = (cells: readonly number[], controller: DtNode) => DecodedInterrupt | undefined;

/** Source: dt-bindings/interrupt-controller/irq.h, IRQ_TYPE_*. */
const types = new Map<number, Trigger>([
  [1, 'edge rising'],
  [2, 'edge falling'],
  [3, 'edge both'],
  [4, 'level high'],
  [8, 'level low'],
]);

/** Source: bindings/interrupt-controller/open-pic.txt. */
const openPicSenses: readonly Trigger[] = ['edge rising', 'level low', 'level high', 'edge falling'];
/** Source: IEEE 1275 ISA binding, "interrupts". */
const isaSenses: readonly Trigger[] = ['level low', 'level high', 'edge falling', 'edge rising'];

/** GIC interrupt types: what the number in the second cell is counted from. Source: bindings/interrupt-controller/arm,gic-v3.yaml. */
const gicTypes = [
  { name: 'SPI', base: 32 },
  { name: 'PPI', base: 16 },
  { name: 'ESPI', base: 4096 },
  { name: 'EPPI', base: 1056 },
] as const;

const gic: Decoder = ([type = 0, number = 0, flags = 0, ...more]) => {
  const kind = gicTypes[type];
  if (kind === undefined) return undefined;
  const cpus = (flags >>> 8) & 0xff;
  const where = cpus !== 0 && more.length === 0 && kind.name === 'PPI' ? `, CPUs 0x${cpus.toString(16)}` : '';
  const intid = kind.base + number;
  return withTrigger(
    { text: `${kind.name} ${number} (INTID ${intid}${where})`, number: intid },
    types.get(flags & 0xf),
  );
};

const openPic: Decoder = ([number = 0, sense = 0, kind = 0, info = 0]) => {
  const trigger = openPicSenses[sense];
  const names: Readonly<Record<number, string>> = {
    0: `${number}`,
    1: `${number}, error ${info}`,
    2: `IPI ${number}`,
    3: `timer ${number}`,
  };
  const text = names[kind];
  return text === undefined ? undefined : withTrigger({ text, number }, trigger);
};

const isa: Decoder = ([number = 0, sense = 0]) => withTrigger({ text: `IRQ ${number}`, number }, isaSenses[sense]);

const mipsGic: Decoder = ([type = 0, number = 0, flags = 0]) =>
  type > 1 ? undefined : withTrigger({ text: `${type === 0 ? 'shared' : 'local'} ${number}` }, types.get(flags));

const bank: Decoder = ([which = 0, number = 0]) => ({ text: `bank ${which}, ${number}` });
const pin: Decoder = ([which = 0, number = 0, flags = 0]) =>
  withTrigger({ text: `bank ${which}, pin ${number}` }, types.get(flags & 0xf));
const grouped: Decoder = ([group = 0, number = 0]) => ({ text: `group ${group}, ${number}` });
/** Source: arch/powerpc/sysdev/xics/xics-common.c, xics_host_xlate(); the same in xive. */
const xics: Decoder = ([number = 0, sense = 0]) =>
  withTrigger({ text: `source 0x${number.toString(16)}`, number }, (sense & 1) === 0 ? 'edge rising' : 'level low');

/** The local interrupts of a RISC-V hart. Source: The RISC-V Instruction Set Manual II, mcause. */
const riscvLocal: Readonly<Record<number, string>> = {
  1: 'supervisor software',
  3: 'machine software',
  5: 'supervisor timer',
  7: 'machine timer',
  9: 'supervisor external',
  11: 'machine external',
  0xffffffff: 'none',
};

const hart: Decoder = ([number = 0]) => ({
  text: riscvLocal[number] === undefined ? `local ${number}` : `local ${number} (${riscvLocal[number]})`,
  ...(number !== 0xffffffff && { number }),
});

const source: Decoder = ([number = 0]) => ({ text: `source ${number}`, number, trigger: 'level high' });

/** By `compatible` and number of cells. */
const decoders: readonly (readonly [compatible: RegExp, cells: readonly number[], decode: Decoder])[] = [
  [/^arm,pl390$|[,-][aq]?gic(?:2|-400|-v3)?$/, [3, 4], gic],
  [/^fsl,mpic$|open-pic$/, [2, 4], openPic],
  [/^chrp,iic$|i8259/, [2], isa],
  [/,cpu-intc$/, [1], hart],
  [/^riscv,plic0$|[,-]plic(?:-|$)/, [1], source],
  [/^brcm,bcm283[56]-armctrl-ic$/, [2], bank],
  [/^samsung,.*-combiner$/, [2], grouped],
  [/^ibm,(?:ppc-xic|power-ivpe|opal-xive|vdevice)/i, [2], xics],
];

/** What `cells` mean to `controller`; `parent` gives a controller's own interrupt parent, whose cells some merely hand on. */
export function decodeInterrupt(
  controller: DtNode,
  cells: readonly number[],
  parent: (node: DtNode) => DtNode | undefined,
): DecodedInterrupt {
  return decoderOf(controller, cells.length, parent)(cells, controller) ?? plain(cells, controller) ?? raw(cells);
}

function decoderOf(controller: DtNode, cells: number, parent: (node: DtNode) => DtNode | undefined): Decoder {
  if (isCompatible(controller, 'mti,gic')) return mipsGic;
  const own = knownDecoder(controller, cells);
  if (own !== undefined) return own;
  // Pins with interrupts have a number of their bank, of the pin in it, and the trigger.
  if (cells === 3 && controller.property('gpio-controller') !== undefined) return pin;
  // Wake-up and power controllers in front of a GIC take the GIC's cells.
  const above = cells === 3 ? parent(controller) : undefined;
  return (above !== undefined && knownDecoder(above, cells)) || plain;
}

function knownDecoder(controller: DtNode, cells: number): Decoder | undefined {
  const names = [
    ...(controller.property('compatible')?.strings ?? []),
    controller.property('device_type')?.string ?? '',
  ];
  return decoders.find(([pattern, counts]) => counts.includes(cells) && names.some((name) => pattern.test(name)))?.[2];
}

/** One cell is a number; a second one holds the trigger, in Linux's numbers. */
const plain: Decoder = (cells) => {
  const [number = 0, flags = 0] = cells;
  if (cells.length === 1) return { text: `${number}`, number };
  if (cells.length !== 2 || (flags & 0xf) !== flags || (flags !== 0 && !types.has(flags))) return undefined;
  return withTrigger({ text: `${number}`, number }, types.get(flags));
};

function raw(cells: readonly number[]): DecodedInterrupt {
  return { text: cells.length === 0 ? 'no cells' : `cells ${cells.map((cell) => `0x${cell.toString(16)}`).join(' ')}` };
}

function withTrigger(decoded: DecodedInterrupt, trigger: Trigger | undefined): DecodedInterrupt {
  return trigger === undefined ? decoded : { ...decoded, trigger };
}
