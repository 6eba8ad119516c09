import { escape } from './escape.js';
import type { Line } from './line.js';
import { countText, hexValue, place, timeText } from './numbers.js';
import type { ReadView, Span, WriteView } from './view.js';

/** 'region0+0x100: 0x010000ed', and with a register's name 'region0.ID (region0+0x0): 0x010000ed'. */
export function readLine(view: ReadView): Line {
  const value: Span = { text: hexValue(view.value, view.width), role: 'value' };
  if (view.took === undefined) return [...target(view), value];
  return [
    ...target(view),
    value,
    { text: `, after ${timeText(view.took)} and ${countText(view.reads ?? 0, 'read')}`, role: 'plain' },
  ];
}

/**
 * 'region0+0x4: <- 0x12345678'; masked 'region0+0x4: 0x00000000 -> (0x1:0x1) -> 0x00000001' as setpci shows it; with the
 * value read back behind it where that was asked for.
 */
export function writeLine(view: WriteView): Line {
  const { width, old, value, mask, written, readBack } = view;
  const spans: Span[] = [...target(view)];
  if (old === undefined) {
    spans.push({ text: '<- ', role: 'plain' });
  } else {
    spans.push({ text: hexValue(old, width), role: 'value' });
    const change = mask === undefined ? ' -> ' : ` -> (0x${value.toString(16)}:0x${mask.toString(16)}) -> `;
    spans.push({ text: change, role: 'plain' });
  }
  spans.push({ text: hexValue(written, width), role: 'changed' });
  if (readBack !== undefined) {
    const same = BigInt(readBack) === BigInt(written);
    spans.push({ text: ', reads back ', role: 'plain' }, { text: hexValue(readBack, width), role: 'value' });
    if (!same) spans.push({ text: ' (differs)', role: 'warning' });
  }
  return spans;
}

function target(view: ReadView | WriteView): Line {
  const at = escape(place(view.space, view.offset));
  if (view.name === undefined) return [{ text: at, role: 'address' }, separator];
  const name = escape(`${view.space}.${view.name}`);
  return [{ text: name, role: 'name' }, { text: ` (${at})`, role: 'address' }, separator];
}

const separator: Span = { text: ': ', role: 'plain' };
