import { type Line, lineWidth } from '../../views/line.js';
import { type Binding, bindings, labelOf, type Where } from './bindings.js';
import type { Dashboard } from './dashboard.js';

const places: Readonly<Record<Where, string>> = {
  everywhere: 'everywhere',
  panes: 'in every pane but the prompt',
  memory: 'in the memory pane',
  registers: 'in the registers pane',
  interrupts: 'in the interrupts pane',
  prompt: 'at the prompt',
};

/** The key that shows all others: it is always on the bottom line where it works. */
const HELP = '?';

/** The keys that matter where the keys are now, for the bottom line: as many as fit, those of the pane first. */
export function keyLine(dashboard: Dashboard, columns: number): Line {
  const { kind } = dashboard.pane;
  const all = dashboard.bindings.filter(
    ({ short, disabled }) => short !== undefined && disabled?.(dashboard) === undefined,
  );
  const help = all.filter(({ keys }) => keys[0] === HELP).flatMap(hintOf);
  const room = columns - lineWidth(help);
  const line: Line[number][] = [];
  const others = all.filter(({ keys }) => keys[0] !== HELP);
  for (const binding of others.toSorted((one, other) => Number(other.where === kind) - Number(one.where === kind))) {
    const hint = hintOf(binding);
    if (lineWidth(line) + lineWidth(hint) > room) break;
    line.push(...hint);
  }
  return [...line, ...help];
}

function hintOf(binding: Binding): Line {
  return [
    { text: labelOf(binding), role: 'heading' },
    { text: ` ${binding.short ?? ''}  `, role: 'plain' },
  ];
}

/** Every key, by where it works; what does nothing now says why. */
export function keyHelp(dashboard: Dashboard): Line[] {
  const widest = Math.max(...bindings.map((binding) => labelOf(binding).length));
  const lines: Line[] = [];
  for (const [where, place] of Object.entries(places)) {
    const here = bindings.filter((binding) => binding.where === where);
    if (here.length === 0) continue;
    lines.push([{ text: place, role: 'heading' }]);
    for (const binding of here) {
      const reason = binding.disabled?.(dashboard);
      lines.push([
        { text: `  ${labelOf(binding).padEnd(widest)}  `, role: 'name' },
        { text: binding.says, role: 'plain' },
        ...(reason === undefined ? [] : [{ text: ` (not now: ${reason})`, role: 'dim' as const }]),
      ]);
    }
  }
  return lines;
}

/** Why a key without a binding here does nothing: it has one elsewhere, or none at all. */
export function whyNothing(name: string): string {
  const elsewhere = bindings.filter(({ keys }) => keys.includes(name));
  if (elsewhere.length === 0) return 'that key does nothing; ? shows those that do';
  return elsewhere.map((binding) => `${labelOf(binding)} works ${places[binding.where]}: ${binding.says}`).join('; ');
}

/** How keys are written that are no letters. */
const written: Readonly<Record<string, string>> = { space: 'Space', return: 'Enter', f11: 'F11', 'S-g': 'G' };

/** The table of keys for the README: rows of Markdown. */
export function keyTable(): string {
  const rows = bindings.map((binding) => {
    const others = binding.label?.includes('..') ? [] : binding.keys.slice(1);
    const keys = [labelOf(binding), ...others.map((key) => written[key] ?? key)];
    return `| ${keys.map((key) => `\`${key}\``).join(' ')} | ${places[binding.where]} | ${binding.says} |`;
  });
  return ['| key | where | what it does |', '| --- | --- | --- |', ...rows].join('\n');
}
