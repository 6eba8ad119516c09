import { type Command, type Group } from './command.js';
import { groupTitles } from './help.js';
import { usage } from './usage.js';

/** The reference of all commands as Markdown tables, a group each: the README's is this, and a test compares them. */
export function referenceMarkdown(commands: readonly Command[]): string {
  const lines: string[] = [];
  for (const group of Object.keys(groupTitles) as Group[]) {
    const members = commands.filter((command) => command.group === group);
    if (members.length === 0) continue;
    lines.push(`### ${groupTitles[group]}`, '', '| command | what it does |', '| --- | --- |');
    for (const command of members) {
      const also = command.aliases.length === 0 ? '' : ` (also ${command.aliases.map(code).join(', ')})`;
      lines.push(`| ${code(usage(command))} | ${escapeCell(command.summary)}${also} |`);
    }
    lines.push('');
  }
  return lines.join('\n');
}

function code(text: string): string {
  return `\`${escapeCell(text)}\``;
}

/** A bar would end the cell, in code as well. */
function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}
