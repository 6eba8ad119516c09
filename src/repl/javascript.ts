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
    const value: unknown = await Promise.race([compile(code).runInThisContext({ breakOnSigint: true }), aborted]);
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
