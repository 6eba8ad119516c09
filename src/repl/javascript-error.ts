/** How the user's own code shows in stacks: lines of the prompt, and modules that were run. */
const sources = new Set(['js:']);

/** Makes errors out of `url`, a module that is run, known as the user's. */
export function addSource(url: string): void {
  sources.add(`${url}:`);
}

/** Whether `error` was thrown by the user's own code, perhaps long after its line was done. */
export function isUsersOwn(error: unknown): boolean {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const [top = ''] = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return [...sources].some((source) => top.includes(`(${source}`) || top.includes(`at ${source}`));
}

/** What the user's own JavaScript threw (a script, the js command): no bug of this program. Exit code 1. */
export class JavaScriptError extends Error {
  /** 'bring-up.mjs:12', where it is known. */
  readonly where: string | undefined;

  constructor(message: string, where?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'JavaScriptError';
    this.where = where;
  }

  /** `error`, as thrown by code in `file`: with the line of that file in its stack. */
  static from(error: unknown, file?: string): JavaScriptError {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${String(error)}`;
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    const line = file === undefined ? undefined : lineIn(stack, file);
    const where = file === undefined ? undefined : `${file}${line === undefined ? '' : `:${line}`}`;
    return new JavaScriptError(text, where, { cause: error });
  }
}

/** The line of `file` in the first frame of `stack` that is in it. A module's address may end with `?` and its time. */
export function lineIn(stack: string, file: string): string | undefined {
  const name = file.slice(file.lastIndexOf('/') + 1);
  for (const frame of stack.split('\n')) {
    const at = frame.indexOf(`/${name}`);
    const line = at < 0 ? undefined : /^(?:\?[0-9.]+)?:([0-9]+)/.exec(frame.slice(at + name.length + 1))?.[1];
    if (line !== undefined) return line;
  }
  return undefined;
}
