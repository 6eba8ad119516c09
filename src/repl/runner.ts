import { VfioError } from '../vfio/errors.js';
import type { PlannedAction } from '../vfio/gate.js';
import type { View } from '../views/view.js';
import { valueOf } from './arguments/argument.js';
import type { Answer, Command } from './command.js';
import type { Environment } from './environment.js';
import { Interrupted, UnknownInDryRun } from './interrupted.js';
import { type AnyInput, type Bound, bind } from './bind.js';
import { parseLine, type Statement } from './parser.js';
import { Running } from './running.js';
import type { Session } from './session.js';
import { UsageError } from './usage-error.js';

/**
 * Lines that are kept parsed, and the longest of them: scripts repeat themselves, but not without end. What is kept costs the garbage
 * collector more than a line costs to parse, so that a script of lines that never come again should not keep many.
 */
const MOST_LINES = 256;
const LONGEST_KEPT = 1024;
/** Where lines have not come again for so long, only the first quarter of as many is looked up and kept. */
const PATIENCE = 1024;
/** How long a dry run waits for a command that does not end by itself, in milliseconds. */
const DRY_RUN_PATIENCE = 200;

export interface RunOptions {
  /** Unique beginnings of command names are enough: at the prompt. */
  readonly prefixes: boolean;
  /** What $1, $2 and so on stand for. */
  readonly parameters?: readonly string[];
}

/** A line in parts; `bound` fills up as its statements are first run. */
interface Prepared {
  readonly text: string;
  readonly options: RunOptions;
  readonly statements: readonly Statement[];
  readonly bound: (Bound | undefined)[];
  generation: number;
}

/** Runs lines for a session: each statement after the one before it, without a promise where none is needed. */
export class Runner {
  readonly #session: Session;
  #prepared = new Map<string, Prepared>();
  #generation = 0;
  /** Lines that came, each for the first time, since one came again. */
  #strangers = 0;
  #running: Running | undefined;
  #last: { readonly command: Command; readonly input: AnyInput } | undefined;
  /** In a session that is dry: $_ would be what a command before this one had read. */
  #lastUnknown = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Names have changed: what words mean is looked up again. */
  forget(): void {
    this.#generation += 1;
  }

  interrupt(): boolean {
    this.#running?.interrupt();
    return this.#running !== undefined;
  }

  get repeatLine(): string | undefined {
    return this.#last?.command.repeat?.(this.#last.input);
  }

  execute(text: string, options: RunOptions): void | Promise<void> {
    const prepared = this.#prepare(text, options);
    if (!('load' in prepared)) return this.#runFrom(prepared, 0);
    return this.#session.registry.load(prepared.load).then(() => this.execute(text, options));
  }

  #prepare(text: string, options: RunOptions): Prepared | { readonly load: string } {
    const keeps = this.#strangers < PATIENCE || this.#strangers % PATIENCE < PATIENCE / 4;
    this.#strangers += 1;
    const known = keeps ? this.#prepared.get(text) : undefined;
    if (known && known.options.prefixes === options.prefixes && known.options.parameters === options.parameters) {
      this.#strangers = 0;
      return known;
    }
    const statements = parseLine(text, this.#session.registry, options.prefixes, options.parameters);
    if ('load' in statements) return statements;
    const prepared = { text, options, statements, bound: [], generation: this.#generation };
    if (keeps && text.length <= LONGEST_KEPT) {
      // Not clear(): V8 chains a cleared map's table to the next, and one that has grown old keeps all that follow alive.
      if (this.#prepared.size >= MOST_LINES) this.#prepared = new Map();
      this.#prepared.set(text, prepared);
    }
    return prepared;
  }

  #runFrom(prepared: Prepared, first: number): void | Promise<void> {
    const { statements } = prepared;
    for (let index = first; index < statements.length; index += 1) {
      const statement = statements[index];
      if (statement === undefined) return;
      const done = this.#runStatement(prepared, index, statement);
      if (done) return index + 1 === statements.length ? done : done.then(() => this.#runFrom(prepared, index + 1));
    }
  }

  #runStatement(prepared: Prepared, index: number, statement: Statement): void | Promise<void> {
    const session = this.#session;
    const source = sourceOf(prepared, statement);
    let done: void | Promise<void>;
    let begun = false;
    try {
      if (statement.kind === 'command') this.#admit(statement.command);
      if (prepared.generation !== this.#generation) {
        prepared.bound.length = 0;
        prepared.generation = this.#generation;
      }
      const bound = (prepared.bound[index] ??= bind(prepared.text, statement, session));
      session.device?.journal.note('command', source);
      begun = true;
      done = bound.kind === 'command' ? this.#runCommand(bound) : this.#runAssignment(bound);
    } catch (error) {
      if (begun) session.commandFailed();
      throw this.#explained(error, prepared.text, statement);
    }
    return done?.catch((error: unknown) => {
      session.commandFailed();
      throw this.#explained(error, prepared.text, statement);
    });
  }

  /** Throws where the command needs what is not there, or changes what must not be changed. */
  #admit({ name, needs, effect }: Command): void {
    if (needs === 'device') this.#session.requireDevice();
    if (effect === 'none' || effect === 'read' || !this.#session.options.get('readonly')) return;
    throw new VfioError({
      kind: 'readonly',
      operation: name,
      why: 'the session is read-only',
      hint: 'option readonly off, or start without --read-only',
    });
  }

  #runAssignment(bound: Bound & { kind: 'assignment' }): void | Promise<void> {
    if (!this.#session.options.get('dryrun')) return this.#assign(bound);
    return this.#planned(undefined, () => this.#assign(bound), new Running(this.#session, true));
  }

  #assign({ statement, value }: Bound & { kind: 'assignment' }): void {
    const { variables } = this.#session;
    if (statement.name === '_') throw new UsageError('$_ is the last value read; it cannot be set');
    variables.set(statement.name, valueOf(value, this.#planning()));
  }

  #runCommand(bound: Bound & { kind: 'command' }): void | Promise<void> {
    const { statement, common } = bound;
    const { command } = statement;
    const { options } = this.#session;
    const dryRun = common.dryRun || options.get('dryrun');
    // With the option on, only what has no effect is run for want of JavaScript: opening a device, choosing a space.
    if (common.js || (options.get('js') && (command.toJs !== undefined || command.effect !== 'none')))
      return this.#showJs(bound);
    if (dryRun && command.plans === false) throw cannotPlan(command);
    if (dryRun && command.effect !== 'none') return this.#plan(bound);
    // What has no effect of its own may run others: they are dry as well.
    if (common.dryRun && !options.get('dryrun')) return this.#dry(bound);
    return this.#runFor(bound);
  }

  /** Runs a command in a session that is dry for that long. */
  async #dry(bound: Bound & { kind: 'command' }): Promise<void> {
    const { options } = this.#session;
    options.set('dryrun', true);
    try {
      await this.#runFor(bound);
    } finally {
      options.set('dryrun', false);
    }
  }

  #runFor(bound: Bound & { kind: 'command' }): void | Promise<void> {
    const { statement, common } = bound;
    const { command } = statement;
    const { options } = this.#session;
    const input = valueOf(bound.input, options.get('dryrun') ? this.#withoutLoads() : this.#session);
    if (!options.get('dryrun')) this.#lastUnknown = false;
    const running = new Running(this.#session, options.get('dryrun'));
    this.#last = { command, input };
    const answer = command.run(running, input);
    if (isView(answer)) return this.#session.output.show(answer, common.json || options.get('json'));
    if (answer === undefined) return this.#after(command);
    return this.#wait(running, this.#showAll(answer, common.json || options.get('json')), command);
  }

  async #wait(running: Running, work: Promise<void>, command: Command): Promise<void> {
    const outer = this.#running;
    this.#running = running;
    try {
      await this.#session.output.flush();
      await work;
      this.#after(command);
    } catch (error) {
      throw running.interrupted && isAbort(error) ? new Interrupted() : error;
    } finally {
      running.finish();
      this.#running = outer;
    }
    if (running.interrupted) throw new Interrupted();
  }

  /** What commands other than plain accesses may have changed: the names of spaces. */
  #after({ effect }: Command): void {
    if (effect !== 'none' && effect !== 'read' && effect !== 'write') this.#session.namesChanged();
  }

  async #showAll(answer: Exclude<Answer, View | void>, json: boolean): Promise<void> {
    const { output } = this.#session;
    if (!(Symbol.asyncIterator in answer)) {
      const view = await answer;
      if (view !== undefined) await output.show(view, json);
      return;
    }
    for await (const view of answer) await output.show(view, json);
  }

  #showJs({ statement: { command }, input }: Bound & { kind: 'command' }): void | Promise<void> {
    if (command.toJs === undefined) throw new UsageError(`${command.name} has no JavaScript that does the same`);
    const code = command.toJs(valueOf(input, this.#withoutLoads()));
    return this.#session.output.show({ kind: 'text', lines: code.split('\n') }, false);
  }

  /** An environment that only knows variables, for when nothing may be read. */
  #withoutLoads(): Environment {
    return {
      variable: (name) => this.#session.variable(name),
      load: ({ space, offset }) => {
        throw new UsageError(
          `[${space.name} 0x${offset.toString(16)}] would read the device`,
          undefined,
          'give the value itself, or leave --js and -n out',
        );
      },
    };
  }

  /** The session, but for a $_ that it would have only if the commands before had been carried out. */
  #planning(): Environment {
    const session = this.#session;
    if (!this.#lastUnknown || !session.options.get('dryrun')) return session;
    return {
      variable: (name) => {
        if (name === '_') throw new UnknownInDryRun();
        return session.variable(name);
      },
      load: (place) => session.load(place),
    };
  }

  /** Runs a command so that nothing reaches the device, and shows what would have. */
  async #plan({ statement: { command }, input, common }: Bound & { kind: 'command' }): Promise<void> {
    if (command.effect === 'bind' && command.plans !== true) throw cannotPlan(command);
    const running = new Running(this.#session, true);
    let answer: View | void = undefined;
    const body = async (): Promise<void> => {
      answer = await lastView(command.run(running, valueOf(input, this.#planning())), running);
    };
    if (command.plans !== true) return this.#planned(command.name, body, running);
    await body();
    if (answer !== undefined) await this.#session.output.show(answer, common.json || this.#session.options.get('json'));
  }

  /** Runs `body` with the device's gate shut, and shows what it tried. */
  async #planned(name: string | undefined, body: () => unknown, running: Running): Promise<void> {
    const lines: string[] = [];
    const attempt = async (): Promise<void> => {
      try {
        await body();
      } catch (error) {
        if (error instanceof UnknownInDryRun) lines.push(error.message);
        else if (!isAbort(error)) throw error;
      }
    };
    const { last } = this.#session;
    const gate = this.#session.device?.gate;
    const actions = await this.#patiently(
      running,
      gate === undefined ? attempt().then(() => []) : gate.dryRun(attempt),
    );
    this.#session.last = last;
    this.#lastUnknown ||= actions.some(({ action }) => action === 'read' || action === 'poll');
    lines.unshift(...actions.map(({ text }) => `would ${text}`));
    if (lines.length === 0) {
      if (name === undefined) return;
      lines.push(`${name} would not touch the device`);
    }
    await this.#session.output.show({ kind: 'text', lines }, this.#session.options.get('json'));
  }

  async #patiently(running: Running, work: Promise<PlannedAction[]>): Promise<PlannedAction[]> {
    const timer = setTimeout(() => running.interrupt(), DRY_RUN_PATIENCE);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A failure with its place in the line, noted in the journal. */
  #explained(error: unknown, line: string, { start, end }: Statement): unknown {
    if (error instanceof UsageError && error.line === '') {
      return new UsageError(error.message, { line, start, end }, error.hint);
    }
    if (error instanceof VfioError && error.kind !== 'access')
      this.#session.device?.journal.note('error', error.message);
    return error;
  }
}

/** A statement as it is written in a script: a name that was typed in part, or is an alias, in full. */
function sourceOf({ text, options }: Prepared, statement: Statement): string {
  if (!options.prefixes || statement.kind !== 'command' || statement.named === undefined)
    return text.slice(statement.start, statement.end);
  return statement.command.name + text.slice(statement.named, statement.end);
}

function isView(answer: Answer): answer is View {
  return answer !== undefined && 'kind' in answer;
}

function isAbort(error: unknown): boolean {
  return error instanceof Interrupted || (error instanceof Error && error.name === 'AbortError');
}

/** Waits for an answer without showing it. */
async function lastView(answer: Answer, running: Running): Promise<View | void> {
  if (answer === undefined || isView(answer)) return answer;
  if (!(Symbol.asyncIterator in answer)) return answer;
  let last: View | undefined;
  for await (const view of answer) {
    last = view;
    if (running.interrupted) break;
  }
  return last;
}

function cannotPlan({ name }: Command): UsageError {
  return new UsageError(`${name} cannot say beforehand what it will do`, undefined, 'leave the dry run (-n) out');
}
