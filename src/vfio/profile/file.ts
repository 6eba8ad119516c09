import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VfioError } from '../errors.js';
import { withPlainFile } from '../plain-file.js';
import { dataOf, placeIn } from '../registers/map-text.js';
import type { ProfileDescription } from './description.js';

/** Bytes of a profile, at the most. */
const LARGEST = 16 * 2 ** 20;

const reading = { most: LARGEST, operation: 'read profile' } as const;

/** A profile as it was read from a file. */
export interface ProfileFile {
  readonly file: string;
  readonly name: string;
  readonly description: ProfileDescription;
}

/**
 * Reads the profile in `file`: JSON, or a module whose code runs and whose default export it is. Rejects with VfioError that says where it is
 * not one.
 */
export async function readProfile(file: string): Promise<ProfileFile> {
  const path = resolve(file);
  const isModule = extname(path) === '.mjs';
  const text = isModule ? '' : withPlainFile(path, reading, (_stamp, read) => read().toString('utf8'));
  const data = isModule ? await exported(path, file) : dataOf(text, `read profile ${file}`, basename(file));
  const { checkProfile } = await import('./schema.js');
  const checked = isModule ? ofCode(path, file, () => checkProfile(data)) : checkProfile(data);
  if ('wrong' in checked) {
    const place = (at: readonly (string | number)[]): string =>
      isModule ? '' : `${basename(file)}:${placeIn(text, at)}: `;
    throw refusal(file, checked.wrong.map(({ path: at, why }) => `${place(at)}${why}`).join('; '));
  }
  const { profile } = checked;
  return { file: path, name: profile.name ?? basename(path, extname(path)), description: profile };
}

async function exported(path: string, file: string): Promise<unknown> {
  // The time makes it another module once the file has changed. What is no plain file would never end to be imported.
  const changed = withPlainFile(path, reading, (stamp) => stamp.changed);
  let module: { default?: unknown };
  try {
    module = (await import(`${pathToFileURL(path).href}?${changed}`)) as { default?: unknown };
  } catch (error) {
    throw codeFailure(path, file, error);
  }
  if (module.default === undefined)
    throw refusal(file, 'it exports no profile: export default { match: ..., registers: ... }');
  return module.default;
}

/** What `body` gives, which may run code of the module: a getter. */
function ofCode<T>(path: string, file: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw codeFailure(path, file, error);
  }
}

function codeFailure(path: string, file: string, error: unknown): VfioError {
  const why = `${lineOf(path, error)}its code fails: ${messageOf(error)}`;
  // Of what cannot be read as code Node tells the place on its own error stream only.
  const hint = error instanceof SyntaxError ? `node --check ${file} shows the place` : undefined;
  return refusal(file, why, error, hint);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** 'mine.mjs:3: ', where the module at `path` made the error; '' where that is not told. */
function lineOf(path: string, error: unknown): string {
  const stack = (error instanceof Error ? error.stack : undefined) ?? '';
  const url = pathToFileURL(path).href;
  const at = stack.indexOf(url);
  const line = at < 0 ? undefined : /^(?:\?[0-9.]+)?:(\d+)/.exec(stack.slice(at + url.length))?.[1];
  return line === undefined ? '' : `${basename(path)}:${line}: `;
}

function refusal(
  file: string,
  why: string,
  cause?: unknown,
  hint = 'profile new FILE writes one to begin with',
): VfioError {
  return new VfioError(
    {
      kind: 'unsupported',
      operation: `read profile ${file}`,
      why,
      hint,
    },
    cause === undefined ? {} : { cause },
  );
}
