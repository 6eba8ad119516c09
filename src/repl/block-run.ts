import type { Repetition } from './arguments/block-head.js';
import type { AnyInput } from './bind.js';
import { Interrupted } from './interrupted.js';
import type { BlockLine, Program, Step } from './program.js';
import type { Prepared } from './runner.js';
import type { ScriptFrame } from './session.js';
import { Turns } from './turns.js';

/** Steps between two looks at the clock. */
const STEPS = 64;

/** What a block asks of the runner, for the statement `index` of a line. */
export interface BlockHost {
  runStatement(line: Prepared, index: number): void | Promise<void>;
  /** The input of a word of blocks; undefined where a dry run cannot know it. */
  evaluate(line: Prepared, index: number, polls: boolean): AnyInput | undefined | Promise<AnyInput | undefined>;
  readonly ended: boolean;
}

export interface BlockOptions {
  /** Is told the number of each line before it runs. */
  readonly frame?: ScriptFrame | undefined;
  /** Takes what a statement failed with, so that the next one runs; what it throws ends the block. */
  readonly tolerate?: ((error: unknown) => Promise<void>) | undefined;
}

/** One run of a program: without a promise up to the first statement that needs one. Ends with Interrupted when it is interrupted. */
export class BlockRun {
  readonly #host: BlockHost;
  readonly #program: Program;
  readonly #options: BlockOptions;
  readonly #counters: number[] = [];
  #at = 0;
  #steps = 0;
  readonly #turns = new Turns();
  #interrupted = false;
  /** A block was left since a dry run cannot know how it would go on. */
  unknown = false;

  constructor(host: BlockHost, program: Program, options: BlockOptions) {
    this.#host = host;
    this.#program = program;
    this.#options = options;
  }

  interrupt(): void {
    this.#interrupted = true;
  }

  start(): void | Promise<void> {
    const waiting = this.#walk();
    if (waiting) return this.#goOn(waiting);
  }

  async #goOn(first: Promise<void>): Promise<void> {
    for (let waiting: void | Promise<void> = first; waiting; waiting = this.#walk()) await waiting;
  }

  /** Takes steps until there is something to wait for, or the program is done. */
  #walk(): void | Promise<void> {
    const { steps } = this.#program;
    while (!this.#host.ended) {
      if (this.#interrupted) throw new Interrupted();
      const step = steps[this.#at];
      if (step === undefined) return;
      this.#steps += 1;
      if (this.#steps % STEPS === 0 && this.#turns.due) return this.#turns.give();
      const waiting = this.#take(step);
      if (waiting) return waiting;
    }
  }

  #take(step: Step): void | Promise<void> {
    if (step.kind === 'jump') {
      this.#at = step.to;
      return;
    }
    if (step.kind === 'count') {
      const left = this.#counters[step.slot] ?? 0;
      this.#counters[step.slot] = left - 1;
      this.#at = left > 0 ? this.#at + 1 : step.otherwise;
      return;
    }
    this.#place(step.line);
    const { tolerate } = this.#options;
    if (tolerate === undefined) return this.#do(step);
    const failed = (error: unknown): Promise<void> => {
      if (error instanceof Interrupted) throw error;
      if (step.kind !== 'run') this.#at = step.leave;
      return tolerate(error);
    };
    try {
      return this.#do(step)?.catch(failed);
    } catch (error) {
      return failed(error);
    }
  }

  #place({ number }: BlockLine): void {
    const { frame } = this.#options;
    if (frame) frame.line = number;
  }

  #do(step: Exclude<Step, { kind: 'jump' | 'count' }>): void | Promise<void> {
    const { line, index } = step;
    if (step.kind === 'run') {
      this.#at += 1;
      return this.#host.runStatement(line.prepared, index);
    }
    const input = this.#host.evaluate(line.prepared, index, step.kind === 'test' && step.polls);
    if (input instanceof Promise) return input.then((known) => this.#decide(step, known));
    this.#decide(step, input);
  }

  #decide(step: Step & { kind: 'test' | 'times' }, input: AnyInput | undefined): void {
    if (input === undefined) {
      this.unknown = true;
      this.#at = step.leaveAll;
      return;
    }
    const { test, repetition } = input.arguments as { readonly test?: bigint; readonly repetition?: Repetition };
    if (step.kind === 'times') {
      if (repetition !== undefined && 'times' in repetition) this.#counters[step.slot] = repetition.times;
      this.#at += 1;
      return;
    }
    const holds = repetition !== undefined && 'going' in repetition ? repetition.going : test !== 0n;
    this.#at = holds ? this.#at + 1 : step.otherwise;
  }
}
