import { VfioError } from '../vfio/errors.js';
import type { CommandStatement } from './parser.js';
import type { Prepared } from './runner.js';
import type { Session } from './session.js';
import { sourceOf } from './source-text.js';
import { ExpectationError } from './usage-error.js';

/** An expectation that was looked at: `expect`, `wait`, `irq wait`, or one of a module's own. */
export interface Check {
  /** What --as says, or the command as it is written. */
  readonly name: string;
  readonly command: string;
  /** The script that it stands in, and its line. */
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly seconds: number;
  /** Why it did not hold; undefined where it held. */
  readonly failure: ExpectationError | VfioError | undefined;
  /** Nothing was carried out, so nobody knows. */
  readonly skipped: boolean;
}

/** Takes every expectation of a session that is looked at. */
export interface CheckSink {
  /** It reports in TAP: another report need not. */
  readonly tap: boolean;
  /** @returns whether the script goes on although this one did not hold. */
  take(check: Check): boolean;
}

/**
 * Tells the report of a test, if there is one, of the check that statement `index` of a line is, begun at `started` (performance.now).
 * @returns whether the script goes on where it did not hold.
 */
export function report(
  { checks, scripts, options }: Session,
  prepared: Prepared,
  index: number,
  started: number,
  failure?: Check['failure'],
): boolean {
  const statement = prepared.statements[index];
  if (checks === undefined || statement?.kind !== 'command') return false;
  const command = sourceOf(prepared, statement);
  const frame = scripts.at(-1);
  const bound = prepared.bound[index];
  const own = bound?.kind === 'command' ? bound.common : undefined;
  return checks.take({
    name: checkName(statement) ?? command,
    command,
    file: frame?.name,
    line: frame?.line,
    seconds: (performance.now() - started) / 1000,
    failure,
    skipped: options.get('dryrun') || options.get('js') || own?.dryRun === true || own?.js === true,
  });
}

/** What `--as` says; a name in quotes may hold anything. */
export function checkName({ words }: CommandStatement): string | undefined {
  const at = words.findIndex(({ text }) => text === '--as' || text.startsWith('--as='));
  const word = words[at];
  if (word === undefined) return undefined;
  return word.text === '--as' ? words[at + 1]?.text : word.text.slice('--as='.length);
}

/** Whether `error` is an answer to the question that a check asks, and not a question that cannot be asked: a refused access is one. */
export function isAnswer(error: unknown): error is ExpectationError | VfioError {
  return error instanceof ExpectationError || (error instanceof VfioError && error.kind === 'access');
}
