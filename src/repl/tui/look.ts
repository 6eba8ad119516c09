import type { Space } from '../../vfio/space.js';
import type { View } from '../../views/view.js';
import { valueOf } from '../arguments/argument.js';
import { bind } from '../bind.js';
import type { Answer } from '../command.js';
import { parseLine, type Statement } from '../parser.js';
import { Running } from '../running.js';
import type { Session } from '../session.js';
import { Interrupted } from '../interrupted.js';
import type { LookingNames } from './looking-names.js';
import type { PaneHost } from './pane.js';
import { ExpectationError, UsageError } from '../usage-error.js';

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

  /** What a look is taken with, and ended with before its time. */
  begin(host: LookingHost): LookingRun {
    return new LookingRun(this.#session, this.#names, host);
  }

  /** What the line answers now. Rejects with UsageError or VfioError. */
  async view(looking: LookingRun): Promise<View> {
    const statement = await this.#statement();
    const session = this.#session;
    if (statement.command.needs === 'device') session.requireDevice();
    const bound = bind(this.line, statement, this.#names);
    if (bound.kind !== 'command') throw this.#refused();
    const input = valueOf(bound.input, session);
    if ('force' in input.flags && input.flags['force'] === true) {
      throw new UsageError('a pane does not read by force', undefined, 'leave --force out');
    }
    if ('follow' in input.flags && input.flags['follow'] === true) throw this.#refused();
    const { last } = session;
    this.#names.tally.beginRound();
    let begun: Answer;
    try {
      begun = statement.command.run(looking, input);
    } finally {
      // At once: what the user runs while this is still being read has a $_ of its own.
      session.last = last;
    }
    const answer = await begun;
    if (answer === undefined) throw this.#refused();
    if (!(Symbol.asyncIterator in answer)) return answer;
    // What comes in pieces is more than a pane holds; what has no effect may be one piece, and fail behind it.
    if (statement.command.effect !== 'none') throw this.#refused();
    return only(answer, () => this.#refused());
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

/** A look says nothing of its progress before it has taken so long, in milliseconds. */
const FIRST_PROGRESS = 1000;

/** Whom a look tells how far it is, and who lets it go on. */
export type LookingHost = Pick<PaneHost, 'redraw' | 'breathe'>;

/** A command that runs in a pane: what it says of its progress is for the pane alone. */
export class LookingRun extends Running {
  readonly #names: LookingNames;
  readonly #host: LookingHost;
  readonly #begun = performance.now();
  /** How far it is, where it takes long. */
  told: string | undefined;

  constructor(session: Session, names: LookingNames, host: LookingHost) {
    super(session, false);
    this.#names = names;
    this.#host = host;
  }

  override async breathe(): Promise<void> {
    await this.#host.breathe();
    if (this.interrupted) throw new Interrupted();
  }

  override progress(text: string): void {
    if (performance.now() - this.#begun < FIRST_PROGRESS) return;
    this.told = text;
    this.#host.redraw();
  }

  override live(): void {
    // The pane shows what the look comes to.
  }

  override space(name: string): Space | undefined {
    return this.#names.space(name);
  }
}

/** The one view that `answer` has, with the check behind it that it failed, if so. Throws what `more` makes where there is a second one. */
async function only(answer: AsyncIterable<View>, more: () => UsageError): Promise<View> {
  let found: View | undefined;
  try {
    for await (const view of answer) {
      if (found !== undefined) throw more();
      found = view;
    }
  } catch (error) {
    if (found === undefined || !(error instanceof ExpectationError)) throw error;
    return { kind: 'all', views: [found, { kind: 'text', lines: [[{ text: error.message, role: 'fault' }]] }] };
  }
  if (found === undefined) throw more();
  return found;
}
