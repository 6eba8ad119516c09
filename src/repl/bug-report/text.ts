import { problemJson, problemView } from '../../views/errors.js';
import { json, toJson } from '../../views/sinks/json.js';
import { plain } from '../../views/sinks/plain.js';
import type { View } from '../../views/view.js';
import { describe } from '../report.js';
import type { Answer } from './answer.js';
import { discreet } from './discreet.js';
import type { Part } from './parts.js';

/** A report whose parts have answered. */
export interface Report {
  /** ISO 8601. */
  readonly taken: string;
  readonly machine: View;
  readonly parts: readonly (Part & Answer)[];
  /** What was not read at all, and why. */
  readonly left: readonly string[];
}

const HEAD =
  'Written by `report`. Look through it before you give it away: the log has the commands that were typed, and registers may hold addresses ' +
  'and keys. Names of users, home folders, serial numbers, and values of kernel parameters that do not concern devices are left out.';

/** The report as Markdown: a heading, the command and a fenced block for each part. */
export function markdown({ taken, machine, parts, left }: Report): string {
  const sections = [
    `# vfiodbg report\n\n${HEAD}\n`,
    `## Machine\n\n${fenced(`taken: ${taken}\n${plain(machine)}`)}`,
    ...parts.map(({ title, line, ...answer }) => `## ${title}\n\n\`${line}\`\n\n${fenced(answerText(answer))}`),
    ...(left.length === 0 ? [] : [`## Not read\n\n${fenced(left.map((one) => `${one}\n`).join(''))}`]),
  ];
  return discreet(sections.join('\n'));
}

function answerText({ views, error }: Answer): string {
  const text = views.map((view) => plain(view)).join('');
  const failed = error === undefined ? '' : plain(problemView(describe(error).problem, { debug: true }));
  return `${text}${failed}` || 'nothing\n';
}

/** Lines that end by themselves, between fences that nothing in them ends. */
function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}${fence}\n`;
}

/** The same as JSON, a line for each part: answers are what --json prints of them. */
export function reportJson({ taken, machine, parts, left }: Report): string {
  const head = { format: 'vfiodbg-report', version: 1, taken, machine: parsed(json(machine)), left };
  const lines = parts.map(({ title, line, views, error }) =>
    toJson({
      title,
      command: line,
      answers: views.map((view) => parsed(json(view))),
      ...(error !== undefined && { problem: parsed(problemJson(describe(error).problem)) }),
    }),
  );
  return discreet(`${toJson(head).slice(0, -1)},"parts":[\n${lines.join(',\n')}\n]}\n`);
}

function parsed(text: string): unknown {
  return JSON.parse(text);
}
