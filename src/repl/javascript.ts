import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { inspect } from 'node:util';
import { Script } from 'node:vm';
import { VfioError } from '../vfio/index.js';
import { Interrupted } from './interrupted.js';
import { JavaScriptError } from './javascript-error.js';
import type { Session } from './session.js';

/**
 * Evaluates JavaScript for `session`, where `device` (or `dev`), `session` and `open` are at hand, and gives its value as text; undefined gives
 * nothing. What it declares at its top level stays for the next time, unless it awaits. Throws JavaScriptError for what it threw.
 */
export async function evaluate(session: Session, code: string, signal: AbortSignal): Promise<string | undefined> {
  provide(session);
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Interrupted()), { once: true });
  });
  aborted.catch(() => undefined);
  try {
    const value: unknown = await Promise.race([runBreakably(compile(code)), aborted]);
    return value === undefined ? undefined : inspect(value, { depth: 2, getters: false });
  } catch (error) {
    if (error instanceof Interrupted || error instanceof VfioError) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED')
      throw new Interrupted();
    throw JavaScriptError.from(error);
  } finally {
    session.namesChanged();
  }
}

/** The signals whose handlers cannot run while a script does. */
const ending = ['SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `script` up to its first await, so that one that loops can be ended: other signals than SIGINT end the process at once, as they do
 * where nobody handles them.
 */
function runBreakably(script: Script): unknown {
  const handlers = ending.map((name) => ({ name, all: process.listeners(name) }));
  for (const { name } of handlers) process.removeAllListeners(name);
  const leave = isatty(0) && process.stdin.isRaw ? leavePrompt() : undefined;
  try {
    return script.runInThisContext({ breakOnSigint: true });
  } finally {
    leave?.();
    for (const { name, all } of handlers) for (const each of all) process.on(name, each);
  }
}

/**
 * Ctrl-C is a signal for as long, and no key of a prompt that nobody reads. What is printed goes out without the state of a stream, which a
 * loop of console.log that is cut off anywhere would leave in disorder, for all that is printed later. @returns what goes back.
 */
function leavePrompt(): () => void {
  process.stdin.setRawMode(false);
  // The full screen has its own way to take what is printed, which has no such state.
  const streams = [process.stdout, process.stderr].filter((stream) => !Object.hasOwn(stream, 'write'));
  for (const stream of streams)
    Reflect.set(stream, 'write', (text: string | Uint8Array) => writeSync(stream.fd, text.toString()) >= 0);
  return () => {
    for (const stream of streams) Reflect.deleteProperty(stream, 'write');
    process.stdin.setRawMode(true);
  };
}

/** As a script; where that is no JavaScript, as an expression or statements that may await. */
function compile(code: string): Script {
  const filename = 'js';
  let first: unknown;
  for (const source of [code, `(async () => (${code}\n))()`, `(async () => { ${code}\n})()`]) {
    try {
      return new Script(source, { filename });
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

function provide(session: Session): void {
  const given: PropertyDescriptorMap = {
    session: { configurable: true, get: () => session },
    device: { configurable: true, get: () => session.device },
    dev: { configurable: true, get: () => session.device },
    // By the session: its options hold for the device, and it closes it.
    open: { configurable: true, get: () => (address: string) => session.open(address) },
  };
  Object.defineProperties(globalThis, given);
}
