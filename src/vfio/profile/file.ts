import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { VfioError } from '../errors.js';
import { withPlainFile } from '../plain-file.js';
import { dataOf } from '../registers/map-text.js';
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
  const data = extname(path) === '.mjs' ? await exported(path, file) : parsed(path, file);
  const { checkProfile } = await import('./schema.js');
  const checked = checkProfile(data);
  if ('wrong' in checked) throw refusal(file, checked.wrong);
  const { profile } = checked;
  return { file: path, name: profile.name ?? basename(path, extname(path)), description: profile };
}

function parsed(path: string, file: string): unknown {
  const text = withPlainFile(path, reading, (_stamp, read) => read().toString('utf8'));
  return dataOf(text, `read profile ${file}`, basename(file));
}

async function exported(path: string, file: string): Promise<unknown> {
  // The time makes it another module once the file has changed. What is no plain file would never end to be imported.
  const changed = withPlainFile(path, reading, (stamp) => stamp.changed);
  let module: { default?: unknown };
  try {
    module = (await import(`${pathToFileURL(path).href}?${changed}`)) as { default?: unknown };
  } catch (error) {
    throw refusal(file, `its code fails: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  if (module.default === undefined)
    throw refusal(file, 'it exports no profile: export default { match: ..., registers: ... }');
  return module.default;
}

function refusal(file: string, why: string, cause?: unknown): VfioError {
  return new VfioError(
    {
      kind: 'unsupported',
      operation: `read profile ${file}`,
      why,
      hint: 'profile new FILE writes one to begin with',
    },
    cause === undefined ? {} : { cause },
  );
}
