import { basename } from 'node:path';
import { VfioError } from '../vfio/errors.js';
import { nearest } from '../vfio/nearest.js';
import type { Profile } from '../vfio/profile/resolve.js';

/** `error`, that there is no file `path`, with what the profile has in its place: scripts of a name, or from a file, that is spelled like it. */
export function orOfProfile(error: unknown, path: string, { name, scripts }: Profile): unknown {
  if (!(error instanceof VfioError) || error.details.hint !== undefined) return error;
  const known = [...scripts].flatMap(([script, { file }]) => [
    { script, as: script },
    ...(file === undefined ? [] : [{ script, as: basename(file) }]),
  ]);
  const all = known.map(({ as }) => as);
  const near = nearest(basename(path), all);
  const meant = [...new Set(known.filter(({ as }) => near.includes(as)).map(({ script }) => script))];
  if (meant.length === 0) return error;
  const what =
    meant.length === 1 ? `a script "${meant[0]}"` : `scripts ${meant.map((one) => `"${one}"`).join(' and ')}`;
  return new VfioError({ ...error.details, hint: `profile ${name} has ${what}: run it by that name` });
}
