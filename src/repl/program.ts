import type { CommandStatement, Statement } from './parser.js';
import type { Prepared } from './runner.js';

/** A line of a block, with its number where it comes from. */
export interface BlockLine {
  readonly prepared: Prepared;
  readonly number: number;
}

/** One statement of a line. */
interface Place {
  readonly line: BlockLine;
  readonly index: number;
}

/** The steps behind the block that a step belongs to, and behind the outermost block around it. */
interface Ends {
  leave: number;
  leaveAll: number;
}

/** What is done next; a number is the step to go on with. */
export type Step =
  | ({ readonly kind: 'run' } & Place)
  /** Goes on with the next step where its EXPR is not 0. What is tested to go round again polls. */
  | ({ readonly kind: 'test'; readonly polls: boolean; otherwise: number } & Ends & Place)
  /** Sets the counter `slot` of a loop. */
  | ({ readonly kind: 'times'; readonly slot: number } & Ends & Place)
  /** Goes on with the next step, and takes one off the counter, unless it is 0. */
  | { readonly kind: 'count'; readonly slot: number; otherwise: number }
  | { readonly kind: 'jump'; to: number };

/** Lines that hold whole blocks, as steps that are walked through. */
export interface Program {
  readonly lines: readonly BlockLine[];
  readonly steps: readonly Step[];
  /** As it is written in a script; made when it is first needed. */
  source: string | undefined;
}

/** A block while it is being compiled: the steps whose targets are not known yet. */
interface Frame {
  readonly loop: boolean;
  /** Where `continue` goes. */
  readonly again: number;
  /** The test that the next elif, else or end comes behind. */
  test: (Step & { kind: 'test' }) | undefined;
  /** What is set to the place behind the block. */
  readonly leave: ((behind: number) => void)[];
}

/** The program of `lines`; their blocks are whole, by `nesting`. */
export function compile(lines: readonly BlockLine[]): Program {
  const steps: Step[] = [];
  const frames: Frame[] = [];
  /** Steps since the outermost block began. */
  let inside: Ends[] = [];
  let slots = 0;
  const jump = (to: number): Step & { kind: 'jump' } => {
    const step = { kind: 'jump' as const, to };
    steps.push(step);
    return step;
  };
  const test = (place: Place, polls: boolean, frame: Frame): void => {
    const step = { kind: 'test' as const, ...place, polls, otherwise: 0, leave: 0, leaveAll: 0 };
    steps.push(step);
    inside.push(step);
    frame.test = step;
    frame.leave.push((behind) => (step.leave = behind));
  };
  const closeTest = (frame: Frame): void => {
    if (frame.test) frame.test.otherwise = steps.length;
    frame.test = undefined;
  };
  const begin = (loop: boolean): Frame => {
    const frame: Frame = { loop, again: steps.length, test: undefined, leave: [] };
    frames.push(frame);
    return frame;
  };
  const innermost = (fits: (frame: Frame) => boolean = () => true): Frame => {
    const frame = frames.findLast(fits);
    if (!frame) throw new Error('a block that never began');
    return frame;
  };
  const beginRepeat = (place: Place): void => {
    const slot = slots++;
    const times = { kind: 'times' as const, ...place, slot, leave: 0, leaveAll: 0 };
    steps.push(times);
    inside.push(times);
    const frame = begin(true);
    const count = { kind: 'count' as const, slot, otherwise: 0 };
    steps.push(count);
    frame.leave.push(
      (behind) => (times.leave = behind),
      (behind) => (count.otherwise = behind),
    );
  };
  const leaveBy = (frame: Frame): void => {
    const step = jump(0);
    frame.leave.push((behind) => (step.to = behind));
  };
  const control = (statement: CommandStatement, place: Place): void => {
    const word = statement.command.control;
    if (word === 'if') test(place, false, begin(false));
    else if (word === 'while' || (word === 'repeat' && statement.words[0]?.text === 'while'))
      test(place, true, begin(true));
    else if (word === 'repeat') beginRepeat(place);
    else if (word === 'break') leaveBy(innermost(({ loop }) => loop));
    else if (word === 'continue') jump(innermost(({ loop }) => loop).again);
    else if (word === 'elif' || word === 'else') {
      const frame = innermost();
      leaveBy(frame);
      closeTest(frame);
      if (word === 'elif') test(place, false, frame);
    } else {
      const frame = innermost();
      if (frame.loop) jump(frame.again);
      closeTest(frame);
      frames.pop();
      for (const set of frame.leave) set(steps.length);
      if (frames.length > 0) return;
      for (const step of inside) step.leaveAll = steps.length;
      inside = [];
    }
  };
  for (const line of lines) {
    line.prepared.statements.forEach((statement: Statement, index) => {
      if (statement.kind === 'command' && statement.command.control !== undefined) control(statement, { line, index });
      else steps.push({ kind: 'run', line, index });
    });
  }
  return { lines, steps, source: undefined };
}
