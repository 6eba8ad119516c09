import type { View } from '../../views/view.js';
import { valueOf } from '../arguments/argument.js';
import { bind } from '../bind.js';
import { parseLine } from '../parser.js';
import { Running } from '../running.js';
import type { Session } from '../session.js';
import { UsageError } from '../usage-error.js';

/**
 * What `line` would do, said by its command without doing it (Declaration.plans); nothing of one that says all in its line, such as poke,
 * of which the arguments are checked. Rejects with UsageError or VfioError.
 */
export async function planOf(session: Session, line: string): Promise<View> {
  const { registry } = session;
  let parsed = parseLine(line, registry, false);
  while ('load' in parsed) {
    await registry.load(parsed.load);
    parsed = parseLine(line, registry, false);
  }
  const [statement] = parsed.statements;
  if (statement?.kind !== 'command' || parsed.statements.length > 1)
    throw new UsageError(`"${line}" cannot say beforehand what it does`);
  if (statement.command.needs === 'device') session.requireDevice();
  const bound = bind(line, statement, session);
  if (bound.kind !== 'command') throw new UsageError(`"${line}" is no command`);
  const input = valueOf(bound.input, session);
  if (statement.command.plans !== true) return { kind: 'text', lines: [] };
  const answer = await statement.command.run(new Running(session, true), input);
  if (answer === undefined || Symbol.asyncIterator in answer)
    throw new UsageError(`"${line}" says nothing of what it does`);
  return answer;
}
