import { countText } from '../views/numbers.js';
import type { View } from '../views/view.js';
import { RecordingComparison } from './recording-comparison.js';
import { checkRecording, isSameFile, recordedSteps } from './recording-reader.js';
import { runScript } from './script.js';
import type { Session } from './session.js';
import { ExpectationError, UsageError } from './usage-error.js';

export interface ComparedRun {
  readonly script: string;
  /** The recording that every access of the script is held against. */
  readonly recording: string;
  readonly parameters: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Runs a script and compares what the current device does with a recording. The first difference ends the script, behind the command that
 * made it. @returns that there was none; rejects with ExpectationError where there was, else with what the script fails with.
 */
export async function compareRun(session: Session, request: ComparedRun): Promise<View | undefined> {
  const { script, recording, parameters, signal } = request;
  if (session.options.get('dryrun'))
    throw new UsageError('a dry run has nothing to compare', undefined, 'leave -n out');
  const device = session.requireDevice();
  // In a recording that is run itself, commands that failed are comments: what they did does not come again.
  const withFailed = !isSameFile(script, recording);
  checkRecording(recording);
  const recorded = recordedSteps(recording, withFailed);
  const ended = new AbortController();
  const { running } = session;
  const started = performance.now();
  const comparison = new RecordingComparison(session, device, recorded, () => {
    ended.abort();
    // What runs inside of this command: a wait, a loop. The command itself goes on, to say what it found.
    if (session.running !== running) session.interrupt();
  });
  let failure: unknown;
  let done = false;
  try {
    await runScript(session, script, { parameters, signal: AbortSignal.any([signal, ended.signal]) });
    done = true;
  } catch (error) {
    failure = error;
  }
  const difference = comparison.end(done);
  recorded.return(undefined);
  if (difference === undefined && !done) throw failure;
  const differs = difference === undefined ? undefined : new ExpectationError(difference);
  const goesOn = session.checks?.take({
    name: `as recorded in ${recording}`,
    command: `run ${script} --compare ${recording}`,
    file: script,
    line: undefined,
    seconds: (performance.now() - started) / 1000,
    failure: differs,
    skipped: false,
  });
  if (differs && goesOn !== true) throw differs;
  if (differs) return undefined;
  const { accesses, interrupts } = comparison;
  const counted = interrupts === 0n ? '' : ` and ${countText(interrupts, 'interrupt')}`;
  return {
    kind: 'text',
    lines: [`all ${countText(accesses, 'access', 'accesses')}${counted} as recorded`],
    data: { kind: 'compared', recording, accesses, interrupts: Number(interrupts) },
  };
}
