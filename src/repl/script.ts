import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { pathToFileURL } from 'node:url';
import { VfioError } from '../vfio/errors.js';
import type { ScriptDescription } from '../vfio/profile/description.js';
import { readError } from './file-error.js';
import type { Given } from './lexer.js';
import { ExpectationError, UsageError } from './usage-error.js';
import { Interrupted } from './interrupted.js';
import { orOfProfile } from './missing-script.js';
import { addSource, JavaScriptError, lineIn } from './javascript-error.js';
import type { ScriptTools } from './script-tools.js';
import { scriptSource } from './script-source.js';
import type { ScriptFrame, Session } from './session.js';

/** Scripts that run each other, at the most. */
const DEEPEST = 32;
/** Characters of one line, at the most: a file that is no script may have no line end at all. */
const LONGEST_LINE = 16 * 1024 * 1024;

export interface ScriptOptions extends Given {
  /** Is told of a failure, and the script goes on; without it the script ends with a ScriptFailure. */
  readonly goOn?: (failure: ScriptFailure) => void | Promise<void>;
  /** Ends the script between two lines. */
  readonly signal?: AbortSignal;
}

/** A line of a script that failed: where, and why (`cause`). */
export class ScriptFailure extends Error {
  /** 'edu.vfio:12' */
  readonly where: string;

  constructor(where: string, cause: unknown) {
    super(`${where}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'ScriptFailure';
    this.where = where;
  }
}

/**
 * Runs the script in `path`, .mjs as JavaScript and everything else line by line; where there is no such file, the script of that name in the
 * profile of the device. Rejects with ScriptFailure, VfioError, UsageError or Interrupted.
 */
export async function runScript(session: Session, path: string, options: ScriptOptions = {}): Promise<void> {
  const profile = session.device?.profile;
  const own = profile?.scripts.get(path);
  const there = profile === undefined || existsSync(path);
  if (!there && own !== undefined) {
    await runOwn(session, `${path} of profile ${profile.name}`, own, options);
    return;
  }
  try {
    await runFile(session, path, { ...options, script: path });
  } catch (error) {
    throw there ? error : orOfProfile(error, path, profile);
  }
}

/** Runs a script of a profile: one of the three that it can be. */
async function runOwn(session: Session, name: string, own: ScriptDescription, options: ScriptOptions): Promise<void> {
  const { file, lines, run } = own;
  const given = { ...options, script: file ?? name };
  if (file !== undefined) await runFile(session, file, given);
  else if (lines !== undefined) await runLines(session, bytesOf(lines), name, given);
  else await inFrame(session, name, undefined, given, (frame) => runFunction(session, name, frame, async () => run));
}

async function* bytesOf(lines: readonly string[]): AsyncGenerator<Buffer> {
  yield Buffer.from(`${lines.join('\n')}\n`);
}

/**
 * Runs the script in `path` as if its lines stood in the one that is running: with the same arguments, and found from its folder on.
 * Rejects as runScript does.
 */
export async function sourceScript(session: Session, path: string, signal: AbortSignal): Promise<void> {
  const outer = session.scripts.at(-1);
  const folder = outer?.path === undefined ? '.' : dirname(outer.path);
  await runFile(session, isAbsolute(path) ? path : join(folder, path), { ...outer?.options, signal });
}

async function runFile(session: Session, path: string, options: ScriptOptions): Promise<void> {
  if (/\.[cm]?js$/.test(path)) await inFrame(session, path, path, options, (frame) => runModule(session, path, frame));
  else await runLines(session, scriptSource(path, options.signal), path, options, path);
}

/**
 * Runs lines as they come, in constant memory but for the block that is open. `name` is what failures are located in, `path` the file that
 * the lines are from.
 */
export async function runLines(
  session: Session,
  source: AsyncIterable<Buffer>,
  name: string,
  options: ScriptOptions = {},
  path?: string,
): Promise<void> {
  await inFrame(session, name, path, options, (frame) => readLines(session, source, frame));
}

/** Runs `body` as a script of its own among those that run. */
async function inFrame(
  session: Session,
  name: string,
  path: string | undefined,
  options: ScriptOptions,
  body: (frame: ScriptFrame) => Promise<void>,
): Promise<void> {
  if (session.scripts.length >= DEEPEST) {
    throw new UsageError(`${DEEPEST} scripts run each other already`, undefined, `does ${name} run itself?`);
  }
  const frame = { name, line: 0, path, options };
  session.scripts.push(frame);
  try {
    await body(frame);
  } finally {
    session.scripts.pop();
  }
}

async function readLines(session: Session, source: AsyncIterable<Buffer>, frame: ScriptFrame): Promise<void> {
  const { goOn, signal, ...given } = frame.options;
  const failed = (error: unknown, line = frame.line): unknown =>
    error instanceof Interrupted || error instanceof ScriptFailure
      ? error
      : new ScriptFailure(`${frame.name}:${line}`, error);
  const tolerate = async (error: unknown): Promise<void> => {
    const failure = failed(error);
    if (!(failure instanceof ScriptFailure) || goOn === undefined || !isFailure(failure.cause)) throw failure;
    await goOn(failure);
  };
  const reader = session.reader({ prefixes: false, ...given }, { frame, ...(goOn !== undefined && { tolerate }) });
  let number = 0;
  for await (const lines of linesOf(source, frame.name)) {
    for (const line of lines) {
      if (signal?.aborted === true) throw new Interrupted();
      number += 1;
      frame.line = number;
      try {
        const done = reader.feed(line, number);
        if (done) await done;
      } catch (error) {
        // What the lines that follow are part of cannot be told: none of them runs.
        if (reader.open.length > 0 || ofBlock.test(line)) throw failed(error);
        await tolerate(error);
      }
      if (session.quitting) return;
    }
    await session.output.flush();
  }
  const [unended] = reader.open;
  if (unended) throw failed(unended.unended, unended.number);
}

/** A line that might begin, divide or end a block. */
const ofBlock = /(?:^|;)\s*(?:if|elif|else|repeat|while|end)\b/;

/** Whether `error` is of a line's own making, so that the next line may run all the same; anything else is a bug. */
function isFailure(error: unknown): boolean {
  return [VfioError, UsageError, ExpectationError, JavaScriptError].some((kind) => error instanceof kind);
}

/** The complete lines of each piece of the source. */
async function* linesOf(source: AsyncIterable<Buffer>, name: string): AsyncGenerator<string[]> {
  const decoder = new StringDecoder('utf8');
  let rest: string[] = [];
  let length = 0;
  let first = true;
  try {
    for await (const piece of source) {
      let text = decoder.write(piece);
      if (first && text.startsWith('\ufeff')) text = text.slice(1);
      first &&= text === '';
      const lines = text.split('\n');
      const last = lines.pop() ?? '';
      if (lines.length > 0) {
        lines[0] = rest.join('') + (lines[0] ?? '');
        rest = [];
        length = 0;
        yield lines;
      }
      rest.push(last);
      length += last.length;
      if (length > LONGEST_LINE) throw new UsageError(`a line of ${name} does not end: is it a script?`);
    }
  } catch (error) {
    throw readFailure(error, name);
  }
  const last = rest.join('') + decoder.end();
  if (last !== '') yield [last];
}

/** What reading a script failed with: the system's reason, or what was wrong already. */
function readFailure(error: unknown, name: string): unknown {
  return error instanceof Error && 'syscall' in error ? readError('run', name, error) : error;
}

/** Imports a module and calls what it exports as `run`, or by default. */
async function runModule(session: Session, path: string, frame: ScriptFrame): Promise<void> {
  await runFunction(session, path, frame, async () => {
    const file = resolve(path);
    // The time makes it another module once the file has changed.
    const url = `${pathToFileURL(file).href}?${modified(file, path)}`;
    addSource(url);
    const module = (await import(url)) as { run?: unknown; default?: unknown };
    return module.run ?? module.default;
  });
}

/** Calls the function that `load` gives with the tools of scripts. */
async function runFunction(
  session: Session,
  name: string,
  frame: ScriptFrame,
  load: () => Promise<unknown>,
): Promise<void> {
  if (session.options.get('dryrun')) {
    throw new UsageError(`${name} is JavaScript: there is no telling what it would do`, undefined, 'leave -n out');
  }
  try {
    const run = await load();
    if (typeof run !== 'function') {
      throw new UsageError(
        `${name} exports no function`,
        undefined,
        'export async function run({ device, peek, poke, expect }) { ... }',
      );
    }
    // The module may print by itself: what was answered before it comes first.
    await session.output.flush();
    const { withScriptTools } = await import('./script-tools.js');
    await unlessAborted(frame.options.signal, () =>
      withScriptTools(session, frame, run as (tools: ScriptTools) => unknown),
    );
  } catch (error) {
    throw moduleFailure(error, name, frame.line);
  } finally {
    session.namesChanged();
  }
}

/** What a module failed with, and in which of its lines: the one in the stack, or else the last that called a tool. */
function moduleFailure(error: unknown, path: string, last: number): unknown {
  if (error instanceof Interrupted || error instanceof ScriptFailure) return error;
  if (!isFailure(error)) return JavaScriptError.from(error, path);
  const line = (error instanceof Error ? lineIn(error.stack ?? '', path) : undefined) ?? last;
  return line === 0 ? error : new ScriptFailure(`${path}:${line}`, error);
}

/** When a module was last changed. Importing would wait for ever on a pipe, and names no errno. */
function modified(file: string, path: string): number {
  try {
    const kind = statSync(file);
    if (kind.isFile()) return kind.mtimeMs;
  } catch (error) {
    throw readError('run', path, error);
  }
  throw new UsageError(`${path} is no plain file`, undefined, 'a module is imported from a file');
}

/** Waits for what `start` begins, or for the user who does not want to wait any longer. */
async function unlessAborted(signal: AbortSignal | undefined, start: () => unknown): Promise<void> {
  if (signal === undefined) {
    await start();
    return;
  }
  if (signal.aborted) throw new Interrupted();
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(new Interrupted());
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([start(), aborted]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}
