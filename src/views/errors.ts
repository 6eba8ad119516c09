import type { FailureDetails } from '../vfio/errors.js';
import { escape } from './escape.js';
import { type Line, wrapLine } from './line.js';
import { place } from './numbers.js';
import { toJson } from './sinks/json.js';
import { head, textWidth } from './text-width.js';
import type { Role, Span, TextView } from './view.js';

/** What went wrong, of three sorts that look different: the device or the system refused, the line is wrong, or a bug. */
export type Problem =
  | { readonly kind: 'failure'; readonly details: FailureDetails }
  | {
      readonly kind: 'usage';
      readonly message: string;
      /** One thing to try. */
      readonly hint?: string;
      /** The line that was typed, with the part that is wrong from `start` to before `end` (UTF-16 units). */
      readonly line?: string;
      readonly start?: number;
      readonly end?: number;
    }
  | {
      /** Neither refused nor wrong: it is not as was expected, JavaScript threw it, or somebody ended it. */
      readonly kind: 'expectation' | 'javascript' | 'interrupted';
      readonly message: string;
      readonly hint?: string;
      /** What an expectation was of. */
      readonly location?: string;
      readonly expected?: string;
      readonly actual?: string;
    }
  | { readonly kind: 'bug'; readonly error: unknown };

export interface ProblemOptions {
  /** The screen's width; Infinity wraps nothing. */
  readonly columns?: number;
  /** The script and the line in it, such as 'edu.vfio:12'. */
  readonly where?: string;
  /** Show a bug's stack. */
  readonly debug?: boolean;
}

/** Columns that a wrong line may take where the screen's width is not known: the line can be a megabyte. */
const quotedColumns = 100;
/** Characters of a usage error's message: it may quote what was typed. */
const messageLength = 500;
/** Characters of each part of a failure: it may hold a name from a file or a server, or list the devices of a group. */
const partLength = 2000;

/** `problem` as lines for people: 'error: ...', then the wrong part of the line underlined, or why, and what to try. */
export function problemView(problem: Problem, options: ProblemOptions = {}): TextView {
  const where = options.where === undefined ? '' : `${options.where}: `;
  const lines: Line[] = [];
  const add = (label: string, text: string, role: Role): void => {
    lines.push(...paragraph(label, text, role, options.columns ?? Infinity));
  };
  switch (problem.kind) {
    case 'failure': {
      const { details } = problem;
      add('error: ', where + shortened(failureHead(details), partLength), 'fault');
      add('  why: ', shortened(details.why, partLength), 'plain');
      if (details.hint !== undefined) add('  try: ', shortened(details.hint, partLength), 'good');
      break;
    }
    case 'usage': {
      add('error: ', where + shortened(problem.message), 'fault');
      if (problem.line !== undefined && problem.start !== undefined) {
        const room = Math.min(options.columns ?? quotedColumns, quotedColumns) - 2;
        lines.push(...underlined(problem.line, problem.start, problem.end ?? problem.start + 1, Math.max(room, 20)));
      }
      if (problem.hint !== undefined) add('  try: ', problem.hint, 'good');
      break;
    }
    case 'expectation':
    case 'javascript':
    case 'interrupted':
      add('error: ', where + shortened(problem.message), 'fault');
      if (problem.hint !== undefined) add('  try: ', problem.hint, 'good');
      break;
    case 'bug':
      add('internal error: ', `${where}${shortened(bugMessage(problem.error), partLength)}; please report`, 'fault');
      if (options.debug === true) {
        for (const line of stackOf(problem.error)) add('', line, 'dim');
      } else {
        add('  try: ', 'VFIODBG_DEBUG=1 shows where it happened', 'good');
      }
  }
  return { kind: 'text', lines };
}

/**
 * `problem` as one line of JSON: {"error": {kind, message, ...}}. A failure's kind is that of its details, which follow
 * (operation, why, hint, errno, device, space, offset, width); 'usage' has hint, start and end; 'expectation' has location, expected and actual,
 * 'javascript' is what code of the user's threw, 'interrupted' Ctrl-C; 'internal' is a bug.
 */
export function problemJson(problem: Problem, where?: string): string {
  return `${toJson({ error: { ...problemData(problem), where } })}\n`;
}

function problemData(problem: Problem): object {
  if (problem.kind === 'failure') {
    const { kind, ...details } = problem.details;
    return { kind, message: failureSentence(problem.details), ...details };
  }
  if (problem.kind === 'usage') {
    const { kind, message, hint, start, end } = problem;
    return { kind, message: shortened(message), hint, start, end };
  }
  if (problem.kind === 'bug') return { kind: 'internal', message: bugMessage(problem.error) };
  return { ...problem, message: shortened(problem.message) };
}

/** 'read region0+0x100 (32 bits) of 0000:00:04.0: EIO'. */
function failureHead(details: FailureDetails): string {
  const { operation, space, offset, width, device, errno } = details;
  let text = operation;
  if (space !== undefined) text += ` ${offset === undefined ? space : place(space, offset)}`;
  if (width !== undefined) text += ` (${width} bits)`;
  // 'reset 0000:00:04.0', but 'enable interrupt msi of 0000:00:04.0'.
  if (device !== undefined) text += /^\w+$/.test(text) ? ` ${device}` : ` of ${device}`;
  return errno === undefined ? text : `${text}: ${errno}`;
}

function failureSentence(details: FailureDetails): string {
  return `${failureHead(details)}: ${details.why}`;
}

function shortened(message: string, most = messageLength): string {
  return message.length <= most ? message : `${message.slice(0, most)}…`;
}

function bugMessage(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function stackOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const own = (error.stack ?? '').split('\n').slice(1);
  return error.cause === undefined ? own : [...own, `  caused by ${bugMessage(error.cause)}`, ...stackOf(error.cause)];
}

/** `label` and `text`, which may hold line breaks of the author's; what continues stands under the text. */
function* paragraph(label: string, text: string, role: Role, columns: number): Generator<Line> {
  const indent = ' '.repeat(label.length);
  for (const [index, line] of text.split('\n').entries()) {
    const first: Span = index === 0 ? { text: label, role } : { text: indent, role: 'plain' };
    const rest: Span = { text: escape(line), role: role === 'dim' ? 'dim' : 'plain' };
    yield* wrapLine([first, rest], columns, label.length);
  }
}

/** The neighbourhood of the wrong part, and a line of carets under it; both fit `room` columns and an indent of two. */
function underlined(line: string, start: number, end: number, room: number): Line[] {
  const stop = Math.max(start, Math.min(end, start + room));
  const token = shownHead(line.slice(start, stop), room - 8, end > stop);
  const tokenWidth = Math.max(1, textWidth(token));
  const spare = room - tokenWidth;
  // No more than `room` characters can be shown on either side; the far ends of a long line are not even looked at.
  const right = line.slice(end, end + room + 1);
  const rightWidth = textWidth(escape(right));
  const before = shownTail(line.slice(Math.max(0, start - room - 1), start), Math.max(spare - rightWidth, spare >> 1));
  const after = shownHead(right, spare - textWidth(before), false);
  const carets = '^'.repeat(tokenWidth);
  return [
    [
      { text: `  ${before}`, role: 'plain' },
      { text: token, role: 'fault' },
      { text: after, role: 'plain' },
    ],
    [
      { text: ' '.repeat(2 + textWidth(before)), role: 'plain' },
      { text: carets, role: 'fault' },
    ],
  ];
}

/** The beginning of `text`, escaped, in at most `columns`; `…` at its end where something was left out. */
function shownHead(text: string, columns: number, more: boolean): string {
  const shown = escape(text);
  if (!more && textWidth(shown) <= columns) return shown;
  return columns < 1 ? '' : `${head(shown, columns - 1)}…`;
}

/** The end of `text`, escaped, in at most `columns`; `…` at its beginning where something was left out. */
function shownTail(text: string, columns: number): string {
  const shown = escape(text);
  if (textWidth(shown) <= columns) return shown;
  if (columns < 1) return '';
  let kept = '';
  let used = 1;
  for (const { segment } of [...new Intl.Segmenter().segment(shown)].toReversed()) {
    used += textWidth(segment);
    if (used > columns) break;
    kept = segment + kept;
  }
  return `…${kept}`;
}
