import { VfioError } from '../vfio/errors.js';
import type { View } from '../views/view.js';
import { valueOf } from './arguments/argument.js';
import { type Answer, type Command, tellsOnly } from './command.js';
import { checkName, isAnswer, report } from './check.js';
import { DryRun, isAbort } from './dry-run.js';
import { Interrupted, UnknownInDryRun } from './interrupted.js';
import { type AnyInput, type Bound, bind } from './bind.js';
import { type BlockHost, type BlockOptions, BlockRun } from './block-run.js';
import type { Given } from './lexer.js';
import { nesting } from './nesting.js';
import { type CommandStatement, type ParsedLine, parseLine, type Statement } from './parser.js';
import { compile, type Program } from './program.js';
import { Running } from './running.js';
import type { Session } from './session.js';
import { lineSource, sourceOf } from './source-text.js';
import { ExpectationError, UsageError } from './usage-error.js';

/**
 * Lines that are kept parsed, and the longest of them: scripts repeat themselves, but not without end. What is kept costs the garbage
 * collector more than a line costs to parse, so that a script of lines that never come again should not keep many.
 */
const MOST_LINES = 256;
const LONGEST_KEPT = 1024;
/** Where lines have not come again for so long, only the first quarter of as many is looked up and kept. */
const PATIENCE = 1024;

export interface RunOptions extends Given {
  /** Unique beginnings of command names are enough: at the prompt. */
  readonly prefixes: boolean;
}

/** A line in parts; `bound` fills up as its statements are first run. */
export interface Prepared extends ParsedLine {
  readonly text: string;
  readonly options: RunOptions;
  /** It may mean something else to a script that was given something else. */
  readonly asks: boolean;
  readonly bound: (Bound | undefined)[];
  generation: number;
  /** The line's own blocks, where all of them end in it. */
  program: Program | undefined;
}

/** What Ctrl-C ends. */
interface Interruptible {
  interrupt(): void;
}

/** Runs lines for a session: each statement after the one before it, without a promise where none is needed. */
export class Runner implements BlockHost {
  readonly #session: Session;
  readonly #dryRun: DryRun;
  #prepared = new Map<string, Prepared>();
  #generation = 0;
  /** Lines that came, each for the first time, since one came again. */
  #strangers = 0;
  #running: Interruptible | undefined;
  #last: { readonly command: Command; readonly input: AnyInput } | undefined;

  constructor(session: Session) {
    this.#session = session;
    this.#dryRun = new DryRun(session);
  }

  /** Names have changed: what words mean is looked up again. */
  forget(): void {
    this.#generation += 1;
  }

  get running(): object | undefined {
    return this.#running;
  }

  interrupt(): boolean {
    this.#running?.interrupt();
    return this.#running !== undefined;
  }

  get repeatLine(): string | undefined {
    return this.#last?.command.repeat?.(this.#last.input);
  }

  /** Runs a line whose blocks all end in it. */
  execute(text: string, options: RunOptions): void | Promise<void> {
    const prepared = this.prepare(text, options);
    if ('load' in prepared) return this.load(prepared.load).then(() => this.execute(text, options));
    if (!prepared.control) return this.run(prepared);
    const [open] = prepared.program === undefined ? nesting(text, prepared.statements, 1, []) : [];
    if (open) throw open.unended;
    prepared.program ??= compile([{ prepared, number: 1 }]);
    return this.runBlocks(prepared.program);
  }

  async load(command: string): Promise<void> {
    await this.#session.registry.load(command);
  }

  /** Takes a line apart; or says which command is to be loaded first. */
  prepare(text: string, options: RunOptions): Prepared | { readonly load: string } {
    const keeps = this.#strangers < PATIENCE || this.#strangers % PATIENCE < PATIENCE / 4;
    this.#strangers += 1;
    const known = keeps ? this.#prepared.get(text) : undefined;
    if (known?.options.prefixes === options.prefixes && (!known.asks || isSame(known.options, options))) {
      this.#strangers = 0;
      return known;
    }
    const parsed = parseLine(text, this.#session.registry, options.prefixes, options);
    if ('load' in parsed) return parsed;
    const { statements, control, unset } = parsed;
    const generation = this.#generation;
    const asks = text.includes('$');
    const prepared = { text, options, asks, statements, control, unset, bound: [], generation, program: undefined };
    if (keeps && text.length <= LONGEST_KEPT) {
      // Not clear(): V8 chains a cleared map's table to the next, and one that has grown old keeps all that follow alive.
      if (this.#prepared.size >= MOST_LINES) this.#prepared = new Map();
      this.#prepared.set(text, prepared);
    }
    return prepared;
  }

  /** Runs a line without blocks, or what of it stands from statement `first` on; nothing of it behind a `quit`. */
  run(prepared: Prepared, first = 0): void | Promise<void> {
    const { statements, unset } = prepared;
    if (unset !== undefined) throw unset;
    for (let index = first; index < statements.length; index += 1) {
      if (index > 0 && this.ended) return;
      const done = this.runStatement(prepared, index);
      if (done) return index + 1 === statements.length ? done : done.then(() => this.run(prepared, index + 1));
    }
  }

  get ended(): boolean {
    return this.#session.quitting;
  }

  /** Runs whole blocks, and what stands around them in their lines. */
  runBlocks(program: Program, options: BlockOptions = {}): void | Promise<void> {
    const session = this.#session;
    if (session.options.get('js')) throw new UsageError('a block has no JavaScript that does the same');
    program.source ??= program.lines.map(({ prepared }) => lineSource(prepared)).join('\n');
    session.device?.journal.note('command', program.source);
    const run = new BlockRun(this, program, options);
    const outer = this.#running;
    this.#running = run;
    session.blocks += 1;
    const end = (failed: boolean): void => {
      this.#running = outer;
      session.blocks -= 1;
      if (failed) session.commandFailed();
      if (run.unknown) this.#markUnknown(program);
    };
    let waiting: void | Promise<void>;
    try {
      waiting = run.start();
    } catch (error) {
      end(true);
      throw error;
    }
    if (!waiting) {
      end(false);
      return;
    }
    return waiting.then(
      () => end(false),
      (error: unknown) => {
        end(true);
        throw error;
      },
    );
  }

  /** What a dry run skipped may have set these variables. */
  #markUnknown({ lines }: Program): void {
    for (const { prepared } of lines) {
      for (const statement of prepared.statements) {
        if (statement.kind === 'assignment') this.#dryRun.setsUnknown(statement.name);
      }
    }
  }

  /** What the statement means by the names that are known now. */
  #boundTo(prepared: Prepared, index: number, statement: Statement): Bound {
    if (prepared.generation !== this.#generation) {
      prepared.bound.length = 0;
      prepared.generation = this.#generation;
    }
    return (prepared.bound[index] ??= bind(prepared.text, statement, this.#session));
  }

  evaluate(prepared: Prepared, index: number, polls: boolean): AnyInput | undefined | Promise<AnyInput | undefined> {
    const statement = prepared.statements[index];
    if (statement === undefined) return;
    const session = this.#session;
    try {
      const bound = this.#boundTo(prepared, index, statement);
      if (bound.kind !== 'command') return;
      session.device?.journal.note('command', sourceOf(prepared, statement));
      if (session.options.get('dryrun')) return this.#foresee(bound, prepared, statement);
      session.timing = polls ? 'polls' : undefined;
      return valueOf(bound.input, session);
    } catch (error) {
      throw this.#explained(error, prepared.text, statement);
    } finally {
      session.timing = undefined;
    }
  }

  /** The input of a word of blocks in a dry run; undefined where it depends on what is read. */
  async #foresee(
    bound: Bound & { kind: 'command' },
    prepared: Prepared,
    statement: Statement,
  ): Promise<AnyInput | undefined> {
    let input: AnyInput | undefined;
    const body = (): void => {
      input = valueOf(bound.input, this.#dryRun.environment);
    };
    try {
      await this.#dryRun.show(undefined, body, new Running(this.#session, true));
    } catch (error) {
      throw this.#explained(error, prepared.text, statement);
    }
    return input;
  }

  runStatement(prepared: Prepared, index: number): void | Promise<void> {
    const statement = prepared.statements[index];
    if (statement === undefined) return;
    const session = this.#session;
    const source = sourceOf(prepared, statement);
    const started = session.checks === undefined ? 0 : performance.now();
    let done: void | Promise<void>;
    let begun = false;
    try {
      if (statement.kind === 'command') this.#admit(prepared, index, statement);
      const bound = this.#boundTo(prepared, index, statement);
      session.device?.journal.note('command', source);
      begun = true;
      done = bound.kind === 'command' ? this.#runCommand(bound) : this.#runAssignment(bound);
    } catch (error) {
      if (begun) session.commandFailed();
      return this.#failed(error, prepared, index, statement, started);
    }
    const checks = session.checks !== undefined && statement.kind === 'command' && statement.command.checks === true;
    if (done) {
      return done.then(checks ? () => void report(session, prepared, index, started) : undefined, (error: unknown) => {
        session.commandFailed();
        return this.#failed(error, prepared, index, statement, started);
      });
    }
    if (checks) report(session, prepared, index, started);
  }

  /** Throws what a statement failed with, unless it was a check and the report of checks goes on. */
  #failed(error: unknown, prepared: Prepared, index: number, statement: Statement, started: number): void {
    const explained = this.#explained(error, prepared.text, statement);
    if (statement.kind !== 'command') throw explained;
    // Commands that are no checks by nature may become one by a flag: dma check --intact.
    if (!isAnswer(error) || (statement.command.checks !== true && error instanceof VfioError)) throw explained;
    if (report(this.#session, prepared, index, started, error)) return;
    const name = checkName(statement);
    if (name === undefined || !(error instanceof ExpectationError)) throw explained;
    throw new ExpectationError(`${name}: ${error.message}`, error.hint, error.expectation);
  }

  /** Throws where the command needs what is not there, or changes what must not be changed. */
  #admit(prepared: Prepared, index: number, statement: CommandStatement): void {
    const { name, needs, effect, flags } = statement.command;
    if (needs === 'device') this.#session.requireDevice();
    if (effect === 'none' || effect === 'read' || !this.#session.options.get('readonly')) return;
    if (Object.values(flags).some(tellsOnly)) {
      const bound = this.#boundTo(prepared, index, statement);
      if (bound.kind === 'command' && bound.effect === 'none') return;
    }
    throw new VfioError({
      kind: 'readonly',
      operation: name,
      why: 'the session is read-only',
      hint: 'option readonly off, or start without --read-only',
    });
  }

  #runAssignment(bound: Bound & { kind: 'assignment' }): void | Promise<void> {
    if (!this.#session.options.get('dryrun')) return this.#assign(bound);
    const body = (): void => {
      try {
        this.#assign(bound);
      } catch (error) {
        if (error instanceof UnknownInDryRun) this.#dryRun.setsUnknown(bound.statement.name);
        throw error;
      }
    };
    return this.#dryRun.show(undefined, body, new Running(this.#session, true));
  }

  #assign({ statement, value }: Bound & { kind: 'assignment' }): void {
    const { variables } = this.#session;
    if (statement.name === '_') throw new UsageError('$_ is the last value read; it cannot be set');
    const environment = this.#session.options.get('js') ? this.#dryRun.withoutLoads : this.#dryRun.environment;
    variables.set(statement.name, valueOf(value, environment));
    this.#dryRun.setsKnown(statement.name);
  }

  #runCommand(bound: Bound & { kind: 'command' }): void | Promise<void> {
    const { statement, common, effect } = bound;
    const { command } = statement;
    const { options } = this.#session;
    const dryRun = common.dryRun || options.get('dryrun');
    // With the option on, only what has no effect is run for want of JavaScript: opening a device, choosing a space.
    if (common.js || (options.get('js') && (command.toJs !== undefined || effect !== 'none')))
      return this.#showJs(bound);
    if (dryRun && command.plans === false) throw cannotPlan(command);
    if (dryRun && effect !== 'none') return this.#plan(bound);
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
    const dry = options.get('dryrun');
    let input: AnyInput;
    try {
      input = valueOf(bound.input, dry ? this.#dryRun.withoutLoads : this.#session);
    } catch (error) {
      if (error instanceof UnknownInDryRun)
        return this.#session.output.show({ kind: 'text', lines: [error.message] }, common.json || options.get('json'));
      throw error;
    }
    if (!dry) this.#dryRun.leave();
    const running = new Running(this.#session, dry);
    this.#last = { command, input };
    this.#session.timing = command.timing;
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
      this.#session.timing = undefined;
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
    const code = command.toJs(valueOf(input, this.#dryRun.withoutLoads));
    return this.#session.output.show({ kind: 'text', lines: code.split('\n') }, false);
  }

  /** Runs a command so that nothing reaches the device, and shows what would have. */
  async #plan({ statement: { command }, input, common }: Bound & { kind: 'command' }): Promise<void> {
    if (command.effect === 'bind' && command.plans !== true) throw cannotPlan(command);
    const running = new Running(this.#session, true);
    let answer: View | void = undefined;
    const body = async (): Promise<void> => {
      answer = await lastView(command.run(running, valueOf(input, this.#dryRun.environment)), running);
    };
    if (command.plans !== true) {
      await this.#dryRun.show(command.name, body, running);
      return this.#after(command);
    }
    await body();
    if (answer !== undefined) await this.#session.output.show(answer, common.json || this.#session.options.get('json'));
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

/** Whether $1 and the like are the same in both. */
function isSame(a: Given, b: Given): boolean {
  return a === b || (a.parameters === b.parameters && a.script === b.script);
}

function isView(answer: Answer): answer is View {
  return answer !== undefined && 'kind' in answer;
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
