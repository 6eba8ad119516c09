import type { Session } from '../session.js';

/** One part of a report: what a command answers. */
export interface Part {
  readonly title: string;
  readonly line: string;
  /** It reads the device; of what is read in passing only where that changes nothing. */
  readonly reads?: boolean;
}

/** With more registers than that each has one line, without its fields. */
const MOST_WITH_FIELDS = 256;
/** Entries of the journal. */
const MOST_ENTRIES = 1000;

/** What a report of `session` has, in the order in which it is read. */
export function partsOf(session: Session): readonly Part[] {
  const { device } = session;
  const log: Part = { title: 'Log', line: `log --last ${MOST_ENTRIES}` };
  if (device === undefined) {
    return [
      { title: 'Checks', line: 'doctor' },
      { title: 'Devices', line: 'devices' },
      { title: 'IOMMU groups', line: 'iommu groups' },
      { title: 'Options', line: 'option' },
      ...(session.hasJournal ? [log] : []),
    ];
  }
  return [
    { title: 'Device', line: 'info' },
    { title: 'Checks', line: 'doctor' },
    { title: 'Regions', line: 'regions' },
    { title: 'IOMMU and group', line: 'iommu' },
    { title: 'DMA faults', line: 'iommu faults' },
    { title: 'Device tree node', line: 'dt' },
    { title: 'Profile', line: 'profile' },
    { title: 'Register maps', line: 'regs' },
    { title: 'Problems of the maps', line: 'regs problems' },
    ...(device.config === undefined ? [] : [{ title: 'Config space', line: 'config', reads: true }]),
    ...registerParts(session),
    { title: 'Interrupts', line: 'irq' },
    { title: 'Interrupt statistics', line: 'irq stats' },
    { title: 'Mappings', line: 'maps' },
    { title: 'Options', line: 'option' },
    log,
  ];
}

/** The registers of all spaces but the config space, which `config` has read already. */
function registerParts({ device, registers: { registers } }: Session): readonly Part[] {
  const chosen = registers.filter(({ space }) => space !== device?.config?.name);
  if (chosen.length === 0) return [];
  const spaces = [...new Set(chosen.map(({ space }) => space))];
  const brief = chosen.length > MOST_WITH_FIELDS ? ' --brief' : '';
  return [{ title: 'Registers', line: `reg ${spaces.join(' ')}${brief}`, reads: true }];
}
