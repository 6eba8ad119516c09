import type { PlannedAction } from '../vfio/gate.js';
import type { Environment } from './environment.js';
import { Interrupted, UnknownInDryRun } from './interrupted.js';
import type { Running } from './running.js';
import type { Session } from './session.js';
import { UsageError } from './usage-error.js';

/** How long a dry run waits for a command that does not end by itself, in milliseconds. */
const PATIENCE_MS = 200;

/** What a session knows and does not know while it carries nothing out. */
export class DryRun {
  readonly #session: Session;
  /** Variables that commands before this one would have set; `_` where they would have read something. */
  readonly #unknown = new Set<string>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** What is done from now on is done: every variable has the value that it has. */
  leave(): void {
    if (this.#unknown.size > 0) this.#unknown.clear();
  }

  /** A command that is not carried out would have set `$name`. */
  setsUnknown(name: string): void {
    this.#unknown.add(name);
  }

  setsKnown(name: string): void {
    if (this.#unknown.size > 0) this.#unknown.delete(name);
  }

  /** The session, but for variables that it would have only if the commands before had been carried out. */
  get environment(): Environment {
    const session = this.#session;
    if (this.#unknown.size === 0 || !session.options.get('dryrun')) return session;
    return { variable: (name) => this.#variable(name), load: (place) => session.load(place) };
  }

  /** An environment that only knows variables, for when nothing may be read. */
  get withoutLoads(): Environment {
    return {
      variable: (name) => this.environment.variable(name),
      load: ({ space, offset }) => {
        throw new UsageError(
          `[${space.name} 0x${offset.toString(16)}] would read the device`,
          undefined,
          'give the value itself, or leave --js and -n out',
        );
      },
    };
  }

  #variable(name: string): bigint | undefined {
    if (this.#unknown.has(name)) throw new UnknownInDryRun();
    return this.#session.variable(name);
  }

  /** Runs `body` with the device's gate shut, and shows what it tried; `name` is the command's, for when that was nothing. */
  async show(name: string | undefined, body: () => unknown, running: Running): Promise<void> {
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
    const { actions, cut } = await patiently(
      running,
      gate === undefined ? attempt().then(() => []) : gate.dryRun(attempt),
    );
    this.#session.last = last;
    if (actions.some(({ action }) => action === 'read' || action === 'poll')) this.#unknown.add('_');
    lines.unshift(...actions.map(({ text }) => `would ${text}`));
    if (cut) lines.push(`and so on: a dry run follows a command for ${PATIENCE_MS} ms`);
    if (lines.length === 0) {
      if (name === undefined) return;
      lines.push(`${name} would not touch the device`);
    }
    await this.#session.output.show({ kind: 'text', lines }, this.#session.options.get('json'));
  }
}

/** Ends what does not end by itself; `cut` where that was needed. */
async function patiently(
  running: Running,
  work: Promise<PlannedAction[]>,
): Promise<{ readonly actions: PlannedAction[]; readonly cut: boolean }> {
  let cut = false;
  const timer = setTimeout(() => {
    cut = true;
    running.interrupt();
  }, PATIENCE_MS);
  try {
    const actions = await work;
    return { actions, cut };
  } finally {
    clearTimeout(timer);
  }
}

/** Whether it failed since it was to end. */
export function isAbort(error: unknown): boolean {
  return error instanceof Interrupted || (error instanceof Error && error.name === 'AbortError');
}
