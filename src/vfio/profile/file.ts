import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VfioError } from '../errors.js';
import type { ProfileDescription } from './description.js';
import { jsonError } from './json-error.js';

/** Bytes of a profile, at the most. */
const LARGEST = 16 * 2 ** 20;

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
  const data = extname(path) === '.mjs' ? await exported(path, file) : parsed(textOf(path, file), file);
  const { checkProfile } = await import('./schema.js');
  const checked = checkProfile(data);
  if ('wrong' in checked) throw refusal(file, checked.wrong);
  const { profile } = checked;
  return { file: path, name: profile.name ?? basename(path, extname(path)), description: profile };
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refusal(file, `it is no JSON: ${jsonError(text, error)}`);
  }
}

async function exported(path: string, file: string): Promise<unknown> {
  // The time makes it another module once the file has changed. What is no plain file would never end to be imported.
  const { mtimeMs } = plainFile(path, file, ({ fd }) => fstatSync(fd));
  let module: { default?: unknown };
  try {
    module = (await import(`${pathToFileURL(path).href}?${mtimeMs}`)) as { default?: unknown };
  } catch (error) {
    throw refusal(file, `its code fails: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  if (module.default === undefined)
    throw refusal(file, 'it exports no profile: export default { match: ..., registers: ... }');
  return module.default;
}

function textOf(path: string, file: string): string {
  return plainFile(path, file, ({ fd, size }) => {
    if (size > LARGEST) throw refusal(file, `its ${size} bytes are more than a profile has`);
    return readFileSync(fd, 'utf8');
  });
}

/** What `use` makes of the open file, if it is a plain one: a pipe could be waited on for ever, and /dev/zero has no end. */
function plainFile<T>(path: string, file: string, use: (open: { fd: number; size: number }) => T): T {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = fstatSync(fd);
    if (!found.isFile()) throw refusal(file, 'it is no plain file');
    return use({ fd, size: found.size });
  } catch (error) {
    if (error instanceof VfioError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    throw refusal(file, code === 'ENOENT' ? 'there is no such file' : `it cannot be read: ${code}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function refusal(file: string, why: string, cause?: unknown): VfioError {
  return new VfioError(
    { kind: 'absent', operation: `read profile ${file}`, why, hint: 'profile new FILE writes one to begin with' },
    cause === undefined ? {} : { cause },
  );
}
