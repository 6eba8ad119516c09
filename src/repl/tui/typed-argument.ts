import { type Argument, valueOf } from '../arguments/argument.js';
import { Words } from '../arguments/words.js';
import { Lexer, type Word } from '../lexer.js';
import type { Session } from '../session.js';
import { UsageError } from '../usage-error.js';

/** What `text` says where one argument was asked for and nothing else, such as a place. Throws UsageError. */
export function typedArgument<T>(argument: Argument<T>, text: string, session: Session): T {
  const lexer = new Lexer(text);
  const found: Word[] = [];
  if (lexer.nextCommand()) for (let word = lexer.word(); word; word = lexer.word()) found.push(word);
  const words = new Words(text, found, text.length, session);
  const value = valueOf(argument.parse(words), session);
  const extra = words.peek();
  if (extra !== undefined) throw new UsageError(`"${extra.text}" does not belong there`);
  return value;
}
