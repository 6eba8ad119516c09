import { escape } from '../../views/escape.js';
import type { Line } from '../../views/line.js';
import type { Pane } from './pane.js';

/** What stands in a pane's frame: its number, what it shows, how it is getting on, and how much is out of sight. */
export function titleOf(pane: Pane, number: number): Line {
  const { above, below } = pane.unseen;
  const slow = pane.slow === undefined ? '' : ` (a look takes ${pane.slow.toFixed(0)} ms: fewer of them)`;
  const progress = pane.progress === undefined ? '' : ` ${pane.progress}`;
  const more = below > 0 ? ` +${below}` : above > 0 ? ' end' : '';
  return [{ text: `F${number} ${escape(pane.title)}${slow}${progress}${more}`, role: 'heading' }];
}
