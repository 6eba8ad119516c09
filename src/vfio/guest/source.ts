import type { GuestClock, GuestDevice, GuestNode, GuestProperty } from './guest-node.js';
import { cellsOf } from './value.js';

/** Columns of a comment. */
const WIDTH = 110;

/** Lines of a source, one level deeper. */
export function indented(lines: readonly string[], levels = 1): string[] {
  return lines.map((line) => (line === '' ? '' : `${'\t'.repeat(levels)}${line}`));
}

/** A comment of one or more lines, broken at spaces. What could end it, or a line, is taken out. */
export function commentLines(paragraphs: readonly string[]): string[] {
  const lines = paragraphs.flatMap((paragraph) => broken(clean(paragraph)));
  const [only = ''] = lines;
  return lines.length <= 1 ? [`/* ${only} */`] : ['/*', ...lines.map((line) => ` * ${line}`.trimEnd()), ' */'];
}

function clean(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .replaceAll('*/', '* /')
    .replaceAll('/*', '/ *');
}

/** Lines that begin with spaces are commands, to be copied: they stay as they are. */
function broken(text: string): string[] {
  if (text.startsWith(' ')) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length >= WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

export function propertyLines({ name, value, comment }: GuestProperty): string[] {
  const line = value === '' ? `${name};` : `${name} = ${value};`;
  return comment === undefined ? [line] : [...commentLines([comment]), line];
}

/** A node with its label, properties and children. `first` are lines in front of its properties, `last` behind them. */
export function nodeLines(
  { name, label, properties, children }: GuestNode,
  { first = [], last = [] }: { readonly first?: readonly string[]; readonly last?: readonly string[] } = {},
): string[] {
  const inside = [...first, ...properties.flatMap(propertyLines), ...last];
  return [
    `${label === undefined ? '' : `${label}: `}${name} {`,
    ...indented(inside),
    ...children.flatMap((child) => ['', ...indented(nodeLines(child))]),
    '};',
  ];
}

/** A clock of a fixed rate as a node. */
export function clockLines({ label, name, hertz, from }: GuestClock): string[] {
  return [
    ...commentLines([`${hertz} Hz, ${from}.`]),
    ...nodeLines({
      name,
      label,
      properties: [
        { name: 'compatible', value: '"fixed-clock"' },
        { name: '#clock-cells', value: '<0>' },
        { name: 'clock-frequency', value: `<${cellsOf(hertz)}>` },
      ],
      children: [],
    }),
  ];
}

/** What of the host's node the guest's has not, as a comment; no line where it has everything. */
export function leftLines({ left }: GuestDevice): string[] {
  if (left.length === 0) return [];
  return ['', ...commentLines(["Left out of the host's node:", ...left.map(({ what, why }) => `- ${what}: ${why}.`)])];
}
