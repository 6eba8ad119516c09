import { setTimeout as pause } from 'node:timers/promises';
import type { Device } from '../vfio/device.js';
import { type Width, maxOf } from '../vfio/width.js';
import { type Location, location } from './arguments.js';
import { valueOf } from './arguments/argument.js';
import { Words } from './arguments/words.js';
import type { Check, CheckSink } from './check.js';
import { parseDuration } from './duration.js';
import { checkFits } from './fit.js';
import { Interrupted } from './interrupted.js';
import { lineIn } from './javascript-error.js';
import { Lexer, type Word } from './lexer.js';
import { namedBits } from './named-place.js';
import { quoted } from './quoted.js';
import type { ScriptFrame, Session } from './session.js';
import { Turns } from './turns.js';
import { ExpectationError, UsageError } from './usage-error.js';

export type { Device, Session };

/** Milliseconds, or a duration as at the prompt: '500us', '10ms', '1s'. */
export type Duration = number | string;

export interface WaitOptions {
  /** One second by default. */
  readonly timeout?: Duration;
  /** Its name in a test report. */
  readonly as?: string;
}

/**
 * What the function that a module exports is given: what command scripts have, as functions. They throw, or reject with, VfioError for what
 * the device or the kernel refuses, UsageError for what cannot be understood, and Interrupted when the script is to end.
 */
export interface ScriptTools {
  /** The current device; throws VfioError where none is open. */
  readonly device: Device;
  readonly session: Session;
  /** What a command script has as $1, $2 and so on. */
  readonly parameters: readonly string[];
  /** Aborted when the script is to end: for waits of its own. */
  readonly signal: AbortSignal;
  /** Opens a device and makes it the current one. */
  readonly open: (address: string) => Promise<Device>;
  /**
   * Exactly one read of a place as at the prompt: 'region0 0x10', 'region0+0x10:16', 'config.COMMAND', 'ring 0'. A bigint for 64 bits,
   * else a number; of a field, its bits.
   */
  readonly peek: (place: string) => number | bigint;
  /** Exactly one write of a place; with `mask` one read, then one write that leaves the other bits. */
  readonly poke: (place: string, value: number | bigint, mask?: number | bigint) => void;
  /**
   * `expect('region0 0x4 == 0xedcba987', 'liveness')` is the command, `expect(answer === 42, 'the answer')` a check of the script's own.
   * Resolves to whether it holds; where it does not, and no test report counts it, it rejects with ExpectationError.
   */
  readonly expect: (what: string | boolean, name?: string) => Promise<boolean>;
  /** The command `wait`: `wait('region0 0x20 == 0:0x1', { timeout: '1s' })`. Resolves and rejects as expect does. */
  readonly wait: (what: string, options?: WaitOptions) => Promise<boolean>;
  readonly sleep: (time: Duration) => Promise<void>;
  /** Shows a line among the answers. */
  readonly echo: (...words: readonly unknown[]) => Promise<void>;
  /** Runs a line of the command language, and shows what it answers. */
  readonly command: (line: string) => Promise<void>;
}

/** Remembers the last check, and hands it on to the report of the test that is running, if one is. */
class LastCheck implements CheckSink {
  readonly tap: boolean;
  readonly #outer: CheckSink | undefined;
  held = true;

  constructor(outer: CheckSink | undefined) {
    this.#outer = outer;
    this.tap = outer?.tap ?? false;
  }

  take(check: Check): boolean {
    this.held = check.failure === undefined;
    return this.#outer?.take(check) ?? false;
  }
}

/** Gives `body` the tools of the module in `frame`. */
export async function withScriptTools(
  session: Session,
  frame: ScriptFrame,
  body: (tools: ScriptTools) => unknown,
): Promise<void> {
  const outer = session.checks;
  const checks = new LastCheck(outer);
  session.checks = checks;
  try {
    await body(toolsOf(session, frame, checks));
  } finally {
    session.checks = outer;
  }
}

function toolsOf(session: Session, frame: ScriptFrame, checks: LastCheck): ScriptTools {
  const { parameters = [], signal = new AbortController().signal } = frame.options;
  const turns = new Turns();
  /** To be called in the module's own call: its stack says which line that is. */
  const enter = (): void => {
    const line = lineIn(new Error().stack ?? '', frame.name);
    if (line !== undefined) frame.line = Number(line);
    if (signal.aborted) throw new Interrupted();
  };
  const breathe = async (): Promise<void> => {
    if (turns.due) await turns.give();
    if (signal.aborted) throw new Interrupted();
  };
  const run = async (line: string): Promise<void> => {
    await breathe();
    await session.execute(line, { prefixes: false, ...frame.options });
  };
  const checked = async (line: string): Promise<boolean> => {
    await run(line);
    return checks.held;
  };
  const own = async (holds: boolean, name: string): Promise<boolean> => {
    await breathe();
    const failure = holds ? undefined : new ExpectationError(`${name}: it does not hold`);
    const { name: file, line } = frame;
    const goesOn = checks.take({ name, command: `expect(${name})`, file, line, seconds: 0, failure, skipped: false });
    if (failure !== undefined && !goesOn) throw failure;
    return holds;
  };
  return {
    session,
    parameters,
    signal,
    get device() {
      return session.requireDevice();
    },
    open: (address) => session.open(address),
    peek: (place) => read(placeIn(session, place)),
    poke: (place, value, mask) => write(placeIn(session, place), value, mask),
    expect(what, name) {
      enter();
      if (typeof what === 'boolean') return own(what, name ?? 'an expectation');
      if (typeof what !== 'string') throw new UsageError('expect takes a line such as "region0 0 == 1", or a boolean');
      return checked(`expect ${what}${named(name)}`);
    },
    wait(what, { timeout, as: name } = {}) {
      enter();
      const limit = timeout === undefined ? '' : ` --timeout ${typeof timeout === 'number' ? `${timeout}ms` : timeout}`;
      return checked(`wait ${what}${limit}${named(name)}`);
    },
    sleep(time) {
      enter();
      return pause(milliseconds(time), undefined, { signal });
    },
    async echo(...words) {
      await session.output.show(
        { kind: 'text', lines: words.map(String).join(' ').split('\n') },
        session.options.get('json'),
      );
    },
    command(line) {
      enter();
      return run(line);
    },
  };
}

function named(name: string | undefined): string {
  return name === undefined ? '' : ` --as ${quoted(name)}`;
}

function milliseconds(time: Duration): number {
  const parsed = typeof time === 'number' ? time : parseDuration(time);
  if (parsed !== undefined && parsed >= 0) return parsed;
  throw new UsageError(
    `${JSON.stringify(time)} is no duration`,
    undefined,
    'milliseconds, or such as "500us" and "1s"',
  );
}

/** The place that `text` names as it would at the prompt. */
function placeIn(session: Session, text: string): Location {
  const lexer = new Lexer(text);
  const words: Word[] = [];
  for (let word = lexer.word(); word; word = lexer.word()) words.push(word);
  const cursor = new Words(lexer.line, words, text.length, session);
  const parsed = location('a place').parse(cursor);
  const extra = cursor.peek();
  if (extra) cursor.fail('a place takes no more words than that', extra, 'its width stands behind it: region0+0x10:16');
  return valueOf(parsed, session);
}

function read({ space, width, offset, field }: Location): number | bigint {
  const word = space.read(width, offset);
  if (field === undefined) return word;
  const bits = namedBits(field, BigInt(word));
  return field.bits <= 32 ? Number(bits) : bits;
}

function write(at: Location, value: number | bigint, mask: number | bigint | undefined): void {
  const { space, width, offset, field } = at;
  if (field !== undefined)
    throw new UsageError(
      'poke writes whole places',
      undefined,
      'await command("set REGISTER FIELD=VALUE") writes fields',
    );
  const wanted = { value: unsigned(value), mask: mask === undefined ? undefined : unsigned(mask) };
  checkFits('poke', at, wanted);
  if (wanted.mask === undefined) {
    space.write(width, offset, wordOf(wanted.value, width));
    return;
  }
  const old = BigInt(space.read(width, offset));
  space.write(width, offset, wordOf((old & ~wanted.mask & maxOf(width)) | (wanted.value & wanted.mask), width));
}

function wordOf(value: bigint, width: Width): number | bigint {
  return width === 64 ? value : Number(value);
}

function unsigned(value: number | bigint): bigint {
  if (typeof value === 'bigint' ? value >= 0n : Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw new UsageError(
    `${String(value)} is no value`,
    undefined,
    'values are whole numbers from 0 on; -1 in 32 bits is 0xffffffff',
  );
}
