import type { Dashboard } from './dashboard.js';
import { InterruptsPane } from './interrupts-pane.js';
import { MemoryPane } from './memory-pane.js';
import { RegistersPane } from './registers-pane.js';

/** Where a key means this: in every pane but where text is typed, or in panes of one kind. */
export type Where = 'everywhere' | 'panes' | 'memory' | 'registers' | 'interrupts' | 'prompt';

/** One binding, declared once: the help, the bottom line and the README are made of these. */
export interface Binding {
  /** As the terminal names them; the first is the one that is shown. */
  readonly keys: readonly [string, ...string[]];
  /** How the key is written, where that is not its name. */
  readonly label?: string;
  readonly where: Where;
  /** What it does, as a phrase. */
  readonly says: string;
  /** One or two words, for the bottom line; absent: not shown there. */
  readonly short?: string;
  /** Why it does nothing now. */
  readonly disabled?: (dashboard: Dashboard) => string | undefined;
  readonly run: (dashboard: Dashboard, key: string) => void | Promise<void>;
}

const noDevice = ({ session }: Dashboard): string | undefined =>
  session.device === undefined ? 'no device is open' : undefined;

/**
 * 'everywhere' works at the prompt too, so it has none of the keys that a line is typed with; 'panes' are all the others.
 */
export const bindings: readonly Binding[] = [
  {
    keys: ['tab'],
    label: 'Tab',
    where: 'panes',
    says: 'go to the next pane',
    short: 'next',
    run: (d) => d.focusNext(1),
  },
  {
    keys: ['S-tab'],
    label: 'Shift-Tab',
    where: 'everywhere',
    says: 'go to the pane before',
    run: (d) => d.focusNext(-1),
  },
  {
    keys: ['f1', 'f2', 'f3', 'f4', 'f5', 'f6', 'f7', 'f8', 'f9'],
    label: 'F1..F9',
    where: 'everywhere',
    says: 'go to that pane',
    short: 'pane',
    run: (d, key) => d.focusAt(Number(key.slice(1)) - 1),
  },
  {
    keys: ['1', '2', '3', '4', '5', '6', '7', '8', '9'],
    label: '1..9',
    where: 'panes',
    says: 'go to that pane',
    run: (d, key) => d.focusAt(Number(key) - 1),
  },
  { keys: [':', 'i'], where: 'panes', says: 'type at the prompt', short: 'prompt', run: (d) => d.focusPrompt() },
  {
    keys: ['escape'],
    label: 'Esc',
    where: 'prompt',
    says: 'leave the prompt for the pane before',
    short: 'panes',
    run: (d) => d.focusBack(),
  },
  {
    keys: ['z', 'f11'],
    where: 'panes',
    says: 'show this pane alone, or all of them again',
    short: 'zoom',
    run: (d) => d.toggleZoom(),
  },
  { keys: ['down', 'j'], label: 'Down', where: 'panes', says: 'one line down', run: (d) => d.pane.scroll(1) },
  { keys: ['up', 'k'], label: 'Up', where: 'panes', says: 'one line up', run: (d) => d.pane.scroll(-1) },
  {
    keys: ['pagedown', 'space'],
    label: 'PgDn',
    where: 'panes',
    says: 'one page down',
    run: (d) => d.pane.scrollPages(1),
  },
  { keys: ['pageup', 'b'], label: 'PgUp', where: 'panes', says: 'one page up', run: (d) => d.pane.scrollPages(-1) },
  { keys: ['home'], label: 'Home', where: 'panes', says: 'to the beginning', run: (d) => d.pane.scrollToEnd('first') },
  { keys: ['end', 'S-g'], label: 'End', where: 'panes', says: 'to the end', run: (d) => d.pane.scrollToEnd('last') },
  { keys: ['pageup'], label: 'PgUp', where: 'prompt', says: 'scroll back', run: (d) => d.pane.scrollPages(-1) },
  { keys: ['pagedown'], label: 'PgDn', where: 'prompt', says: 'scroll forth', run: (d) => d.pane.scrollPages(1) },
  {
    keys: ['g'],
    where: 'memory',
    says: 'go to a place: a space and an offset, or a register',
    short: 'go to',
    disabled: noDevice,
    run: (d) => d.askPlace(),
  },
  {
    keys: ['w'],
    where: 'memory',
    says: 'show words, or bytes again',
    short: 'words',
    disabled: noDevice,
    run: ({ pane }) => {
      if (pane instanceof MemoryPane) pane.toggleWords();
    },
  },
  {
    keys: ['right', 'return', 'l'],
    label: 'Right',
    where: 'registers',
    says: 'open a block, or go to the next field',
    short: 'open, field',
    run: ({ pane }) => {
      if (pane instanceof RegistersPane) pane.turn(1);
    },
  },
  {
    keys: ['left'],
    label: 'Left',
    where: 'registers',
    says: 'close a block, or go to the field before',
    run: ({ pane }) => {
      if (pane instanceof RegistersPane) pane.turn(-1);
    },
  },
  {
    keys: ['e'],
    where: 'registers',
    says: 'edit the field, or a register without fields; the write is shown first',
    short: 'edit',
    disabled: (d) => d.whyNoEdit,
    run: (d) => d.askEdit(),
  },
  {
    keys: ['p'],
    where: 'interrupts',
    says: 'hold the log, or let it go on',
    short: 'pause',
    run: ({ pane }) => {
      if (pane instanceof InterruptsPane) pane.pause();
    },
  },
  {
    keys: ['f'],
    where: 'interrupts',
    says: 'choose what the log shows',
    short: 'filter',
    run: ({ pane }) => {
      if (pane instanceof InterruptsPane) pane.nextFilter();
    },
  },
  {
    keys: ['x'],
    where: 'interrupts',
    says: 'write the log to a new file',
    short: 'export',
    disabled: noDevice,
    run: (d) => d.exportLog(),
  },
  {
    keys: ['/'],
    where: 'panes',
    says: 'search in this pane; in the memory pane through its whole space',
    short: 'search',
    run: (d) => d.search.ask(d.pane),
  },
  {
    keys: ['n'],
    where: 'panes',
    says: 'search on',
    disabled: (d) => (d.pane.sought === undefined ? 'nothing is sought; / begins a search' : undefined),
    run: (d) => d.search.next(d.pane),
  },
  {
    keys: ['escape'],
    label: 'Esc',
    where: 'panes',
    says: 'stop the search that runs',
    run: (d) => d.search.stop(d.pane),
  },
  { keys: ['y'], where: 'panes', says: 'copy the pane, by the terminal (OSC 52)', short: 'copy', run: (d) => d.copy() },
  { keys: ['C-l'], label: 'Ctrl-L', where: 'everywhere', says: 'draw the screen anew', run: (d) => d.repaint() },
  { keys: ['C-z'], label: 'Ctrl-Z', where: 'everywhere', says: 'stop; fg comes back', run: (d) => d.suspend() },
  { keys: ['?', 'h'], where: 'panes', says: 'show every key', short: 'keys', run: (d) => d.showKeys() },
  { keys: ['q'], where: 'panes', says: 'leave', short: 'quit', run: (d) => d.askQuit() },
];

/** How a binding's key is written. */
export function labelOf({ keys, label }: Binding): string {
  return label ?? keys[0];
}
