import type { Command } from '../command.js';

/**
 * The command modules, loaded when one of their commands is first used. `names` repeats what the module declares, each command with its
 * aliases behind it, so that the prompt knows every name without loading anything; a test holds the two together.
 */
export interface CommandModule {
  readonly names: readonly (readonly [name: string, ...aliases: string[]])[];
  /** At the prompt too they are typed in full: a beginning that names another command goes on to do so. */
  readonly inFull?: boolean;
  /** Commands that others follow on ('dt' with 'dt tree') and that take arguments all the same: what is no follower is one. */
  readonly takesArguments?: readonly string[];
  load(): Promise<{ readonly commands: readonly Command[] }>;
}

export const commandModules: readonly CommandModule[] = [
  {
    names: [
      ['peek', 'md', 'x'],
      ['poke', 'mw'],
    ],
    load: () => import('./access.js'),
  },
  { names: [['devices', 'list']], load: () => import('./devices.js') },
  {
    names: [['open'], ['close'], ['info'], ['regions'], ['use'], ['reset']],
    load: () => import('./device.js'),
  },
  { names: [['bind'], ['release']], load: () => import('./bind.js') },
  { names: [['config']], load: () => import('./config.js') },
  {
    names: [['if'], ['elif'], ['else'], ['repeat'], ['while'], ['end'], ['break'], ['continue']],
    inFull: true,
    load: () => import('./control.js'),
  },
  { names: [['run'], ['source']], load: () => import('./run.js') },
  { names: [['disasm']], load: () => import('./disasm.js') },
  {
    names: [
      ['dma alloc'],
      ['dma map'],
      ['dma unmap'],
      ['dma free'],
      ['dma check'],
      ['dma dirty'],
      ['dma enable'],
      ['dma disable'],
      ['maps'],
    ],
    load: () => import('./dma.js'),
  },
  { names: [['doctor']], load: () => import('./doctor.js') },
  { names: [['dt export']], load: () => import('./dt-export.js') },
  { names: [['dt'], ['dt tree'], ['dt use']], takesArguments: ['dt'], load: () => import('./dt.js') },
  { names: [['echo']], load: () => import('./echo.js') },
  { names: [['expect'], ['wait'], ['sleep']], load: () => import('./expect.js') },
  {
    names: [['iommu'], ['iommu groups'], ['iommu translate'], ['iommu verify'], ['iommu faults']],
    load: () => import('./iommu.js'),
  },
  {
    names: [
      ['irq'],
      ['irq enable'],
      ['irq disable'],
      ['irq mask'],
      ['irq unmask'],
      ['irq trigger'],
      ['irq wait'],
      ['irq stats'],
      ['irq rearm'],
      ['irq storm'],
    ],
    load: () => import('./irq.js'),
  },
  { names: [['log'], ['record']], load: () => import('./journal.js') },
  { names: [['dump'], ['fill'], ['find'], ['compare']], load: () => import('./memory.js') },
  {
    names: [['pane'], ['pane add'], ['pane remove'], ['layout'], ['layout save'], ['layout load']],
    load: () => import('./pane.js'),
  },
  {
    names: [['help'], ['option'], ['js'], ['history'], ['quit', 'exit', 'q']],
    load: () => import('./session.js'),
  },
  { names: [['reg'], ['set'], ['decode']], load: () => import('./reg.js') },
  { names: [['plot']], load: () => import('./plot.js') },
  { names: [['sample']], load: () => import('./sample.js') },
  {
    names: [['profile'], ['profile list'], ['profile show'], ['profile use'], ['profile new']],
    load: () => import('./profile.js'),
  },
  {
    names: [
      ['regs'],
      ['regs load'],
      ['regs peripherals'],
      ['regs list'],
      ['regs search'],
      ['regs show'],
      ['regs overlay'],
      ['regs export'],
      ['regs problems'],
      ['regs unload'],
    ],
    load: () => import('./regs.js'),
  },
  { names: [['diff']], load: () => import('./diff.js') },
  { names: [['report']], load: () => import('./report.js') },
  { names: [['restore']], load: () => import('./restore.js') },
  { names: [['snapshot']], load: () => import('./snapshot.js') },
  { names: [['watch']], load: () => import('./watch.js') },
  { names: [['save'], ['load']], load: () => import('./transfer.js') },
  { names: [['undo']], load: () => import('./undo.js') },
];
