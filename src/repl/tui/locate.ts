import { location, type Location } from '../arguments.js';
import { valueOf } from '../arguments/argument.js';
import { Words } from '../arguments/words.js';
import { Lexer, type Word } from '../lexer.js';
import type { Session } from '../session.js';
import { UsageError } from '../usage-error.js';

/** The place that `text` names, such as `region0 0x100` or `CTRL`. Throws UsageError. */
export function locate(session: Session, text: string): Location {
  const lexer = new Lexer(text);
  const found: Word[] = [];
  if (lexer.nextCommand()) for (let word = lexer.word(); word; word = lexer.word()) found.push(word);
  const words = new Words(text, found, text.length, session);
  const place = valueOf(location('a place').parse(words), session);
  const extra = words.peek();
  if (extra !== undefined) throw new UsageError(`"${extra.text}" does not belong there`);
  return place;
}
