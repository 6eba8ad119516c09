import { VfioError } from '../vfio/errors.js';
import type { Problem } from '../views/errors.js';
import { Interrupted } from './interrupted.js';
import { JavaScriptError } from './javascript-error.js';
import { ScriptFailure } from './script.js';
import { columnsOf } from './standard-output.js';
import { ExpectationError, UsageError } from './usage-error.js';

/** What the process ends with. The numbers up to 4 are this program's own, the others the shell's and sysexits.h's. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  expectation: 3,
  noDevice: 4,
  internal: 70,
  interrupted: 130,
  /** Standard output was closed by its reader: 128 and SIGPIPE. */
  brokenPipe: 141,
  /** By SIGTERM. */
  terminated: 143,
} as const;

/** A failure as it is shown, with where in a script it was. */
export interface Reported {
  readonly problem: Problem;
  readonly where?: string;
  readonly code: number;
}

/** What to show for `error`, whatever was thrown. */
export function describe(error: unknown): Reported {
  if (error instanceof ScriptFailure) {
    const { where, ...inner } = describe(error.cause);
    return { ...inner, where: where === undefined ? error.where : `${error.where}: ${where}` };
  }
  if (error instanceof VfioError)
    return { problem: { kind: 'failure', details: error.details }, code: exitCodes.failed };
  if (error instanceof UsageError) {
    const { message, hint, line, start, end } = error;
    const at = line === '' ? {} : { line, start, end };
    return { problem: { kind: 'usage', message, ...at, ...(hint !== undefined && { hint }) }, code: exitCodes.usage };
  }
  if (error instanceof ExpectationError) {
    const { message, hint, expectation } = error;
    const problem = { kind: 'expectation', message, ...(hint !== undefined && { hint }), ...expectation } as const;
    return { problem, code: exitCodes.expectation };
  }
  if (error instanceof JavaScriptError) {
    const { message, where } = error;
    return { problem: { kind: 'javascript', message }, ...(where !== undefined && { where }), code: exitCodes.failed };
  }
  if (error instanceof Interrupted)
    return { problem: { kind: 'interrupted', message: error.message }, code: exitCodes.interrupted };
  return { problem: { kind: 'bug', error }, code: exitCodes.internal };
}

export interface FailureStyle {
  readonly json: boolean;
  readonly colour: boolean;
}

/** Shows `error` on standard error. @returns the exit code that stands for it. */
export async function showFailure(error: unknown, style: FailureStyle): Promise<number> {
  process.stderr.write(await failureText(error, style));
  return describe(error).code;
}

/** What standard error is to show for `error`. */
export async function failureText(error: unknown, { json, colour }: FailureStyle): Promise<string> {
  const { problem, where } = describe(error);
  const { problemJson, problemView } = await import('../views/errors.js');
  if (json) return problemJson(problem, where);
  const view = problemView(problem, {
    debug: process.env['VFIODBG_DEBUG'] === '1',
    columns: columnsOf(process.stderr),
    ...(where !== undefined && { where }),
  });
  if (!colour) return (await import('../views/sinks/plain.js')).plain(view);
  return (await import('../views/sinks/ansi.js')).ansi(view);
}
