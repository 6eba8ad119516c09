import type { View } from '../../views/view.js';
import { valueOf } from '../arguments/argument.js';
import { bind } from '../bind.js';
import type { Context } from '../command.js';
import { isAbort } from '../dry-run.js';
import { UnknownInDryRun } from '../interrupted.js';
import { parseLine } from '../parser.js';

/** What a command came to: what it showed, and why it went no further. */
export interface Answer {
  readonly views: readonly View[];
  readonly error?: unknown;
}

/**
 * Runs one command for its answer: nothing of it is seen at the prompt, neither in $_ nor as a command in the journal. Whatever it fails with
 * is a part of the answer; rejects only where the command around it was interrupted.
 */
export async function answerOf(context: Context, line: string): Promise<Answer> {
  const { session } = context;
  const views: View[] = [];
  const { last } = session;
  try {
    let parsed = parseLine(line, session.registry, false);
    while ('load' in parsed) {
      await session.registry.load(parsed.load);
      parsed = parseLine(line, session.registry, false);
    }
    for (const statement of parsed.statements) {
      const bound = bind(line, statement, session);
      if (bound.kind !== 'command') continue;
      if (bound.statement.command.needs === 'device') session.requireDevice();
      const answer = await bound.statement.command.run(context, valueOf(bound.input, session));
      if (answer === undefined) continue;
      if (!(Symbol.asyncIterator in answer)) views.push(answer);
      else for await (const view of answer) views.push(view);
    }
    return { views };
  } catch (error) {
    if (isAbort(error)) throw error;
    return error instanceof UnknownInDryRun ? { views } : { views, error };
  } finally {
    session.last = last;
  }
}
