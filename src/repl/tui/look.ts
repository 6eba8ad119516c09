import type { View } from '../../views/view.js';
import { valueOf } from '../arguments/argument.js';
import { bind } from '../bind.js';
import { parseLine, type Statement } from '../parser.js';
import { Running } from '../running.js';
import type { Session } from '../session.js';
import type { LookingNames } from './looking-names.js';
import { UsageError } from '../usage-error.js';

/**
 * A line that is run again and again to be shown: its command answers at once and changes nothing (Declaration.looks), what it reads has no
 * effect, and nothing of it is seen at the prompt: no answer, no $_, no entry of the command in the journal.
 */
export class Look {
  readonly line: string;
  readonly #session: Session;
  readonly #names: LookingNames;

  constructor(session: Session, line: string, names: LookingNames) {
    this.line = line;
    this.#session = session;
    this.#names = names;
  }

  /** Throws UsageError where the line is none that a pane can show. */
  async check(): Promise<void> {
    await this.#statement();
  }

  /** What the line answers now. Rejects with UsageError or VfioError. */
  async view(): Promise<View> {
    const statement = await this.#statement();
    const session = this.#session;
    if (statement.command.needs === 'device') session.requireDevice();
    const bound = bind(this.line, statement, this.#names);
    if (bound.kind !== 'command') throw this.#refused();
    const input = valueOf(bound.input, session);
    if ('force' in input.flags && input.flags['force'] === true) {
      throw new UsageError('a pane does not read by force', undefined, 'leave --force out');
    }
    const { last } = session;
    this.#names.tally.beginRound();
    const running = new Running(session, false);
    try {
      const answer = await statement.command.run(running, input);
      if (answer === undefined || Symbol.asyncIterator in answer) throw this.#refused();
      return answer;
    } finally {
      session.last = last;
    }
  }

  async #statement(): Promise<Statement & { readonly kind: 'command' }> {
    const { registry } = this.#session;
    let parsed = parseLine(this.line, registry, false);
    while ('load' in parsed) {
      await registry.load(parsed.load);
      parsed = parseLine(this.line, registry, false);
    }
    const [statement, second] = parsed.statements;
    if (statement === undefined)
      throw new UsageError('a pane needs a command', undefined, "such as 'dump region0 0..0x40'");
    if (second !== undefined) throw new UsageError('a pane shows one command', undefined, 'make a pane for each');
    if (statement.kind !== 'command' || statement.command.looks !== true) throw this.#refused();
    return statement;
  }

  #refused(): UsageError {
    return new UsageError(
      `"${this.line}" is nothing to look at again and again`,
      undefined,
      'peek, dump, info, irq, log and maps are, for instance',
    );
  }
}
