import { escape } from '../views/escape.js';
import { toJson } from '../views/sinks/json.js';
import type { Check } from './check.js';
import { ExpectationError } from './usage-error.js';

/**
 * The first line of a report in TAP (testanything.org). What stands below it is the same in version 14; harnesses that are in use refuse
 * that number.
 */
export const tapVersion = 'TAP version 13';

/** The lines of test point `number`: `ok` or `not ok`, and what did not hold as a block of YAML. */
export function tapPoint(number: number, check: Check): string[] {
  const { failure, skipped } = check;
  const directive = skipped && failure === undefined ? ' # SKIP nothing was carried out' : '';
  const line = `${failure === undefined ? 'ok' : 'not ok'} ${number} - ${described(check.name)}${directive}`;
  return failure === undefined ? [line] : [line, ...diagnostics(check, failure)];
}

/** The lines of test point `number` for a command that failed, and that is no expectation. */
export function tapProblem(number: number, name: string, message: string): string[] {
  return [`not ok ${number} - ${described(name)}`, ...block('error', [`message: ${toJson(message)}`])];
}

/** The last line; it may come at the end, where the number of points is known. */
export function tapPlan(points: number): string {
  return points === 0 ? '1..0 # SKIP no expectation was looked at' : `1..${points}`;
}

/** The line that says that the rest will not come, and why. */
export function tapBailOut(reason: string): string {
  return `Bail out! ${oneLine(reason)}`;
}

/** `text` as lines that say nothing to a harness. */
export function tapComment(text: string): string[] {
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => (line === '' ? '#' : `# ${line}`));
}

/** `text` as a point's description: on one line, a # or a backslash in it no sign. */
function described(text: string): string {
  return oneLine(text).replace(/[\\#]/g, '\\$&');
}

function oneLine(text: string): string {
  return escape(text.replace(/\s+/g, ' ').trim());
}

/** YAML that is made of JSON's strings: nothing in them is a sign. */
function diagnostics({ command, file, line }: Check, failure: NonNullable<Check['failure']>): string[] {
  const { location, expected, actual } = failure instanceof ExpectationError ? failure.expectation : {};
  const hint = failure instanceof ExpectationError ? failure.hint : failure.details.hint;
  const pairs: [key: string, value: string | undefined][] = [
    ['message', failure.message],
    ['command', command],
    ['location', location],
    ['expected', expected],
    ['actual', actual],
    ['hint', hint],
  ];
  const shown = pairs.flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${toJson(value)}`]));
  const where = line === undefined ? [] : [`  line: ${line}`];
  const at = file === undefined ? [] : ['at:', `  file: ${toJson(file)}`, ...where];
  return block('fail', [...shown, ...at]);
}

function block(severity: 'fail' | 'error', lines: readonly string[]): string[] {
  return ['---', `severity: ${severity}`, ...lines, '...'].map((line) => `  ${line}`);
}
