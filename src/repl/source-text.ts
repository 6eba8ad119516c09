import type { Statement } from './parser.js';
import type { Prepared } from './runner.js';

/** A statement as it is written in a script: a name that was typed in part, or is an alias, in full. */
export function sourceOf({ text, options }: Prepared, statement: Statement): string {
  if (!options.prefixes || statement.kind !== 'command' || statement.named === undefined)
    return text.slice(statement.start, statement.end);
  return statement.command.name + text.slice(statement.named, statement.end);
}

/** A line as it is written in a script. */
export function lineSource(prepared: Prepared): string {
  const { text, statements } = prepared;
  let source = '';
  let copied = 0;
  for (const statement of statements) {
    source += text.slice(copied, statement.start) + sourceOf(prepared, statement);
    copied = statement.end;
  }
  return (source + text.slice(copied)).trimEnd();
}
