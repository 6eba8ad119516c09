import { statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VfioError } from '../errors.js';
import { nearest } from '../nearest.js';
import type { ProfileDescription } from './description.js';
import { readProfile } from './file.js';
import type { DeviceIdentity } from './identity.js';
import { type Match, testOf } from './match.js';
import { isProfileFile, userFiles } from './names.js';
import { shippedProfiles } from './shipped/index.js';

/** A profile that there is. */
export interface KnownProfile {
  readonly name: string;
  readonly title?: string;
  /** The file that it is in; absent for one that ships with the tool. */
  readonly file?: string;
  readonly match: readonly Match[];
  /** What the names of files in it are seen from. */
  readonly folder: string;
  load(): Promise<ProfileDescription>;
}

export interface Catalog {
  /** The user's own before those that ship with the tool. */
  readonly profiles: readonly KnownProfile[];
  /** Files that are no profiles, and why: a sentence each. */
  readonly problems: readonly string[];
}

/** The folder of the scripts that ship with the tool, above this file, built or packed. */
let scripts: string | undefined;

function shippedScripts(): string {
  scripts ??= above(dirname(fileURLToPath(import.meta.url)), 'scripts');
  return scripts;
}

function above(from: string, name: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const there = join(folder, name);
    if (statSync(there, { throwIfNoEntry: false })?.isDirectory() === true || dirname(folder) === folder) return there;
  }
}

const shipped: readonly KnownProfile[] = shippedProfiles.map(({ name, title, match, load }) => ({
  name,
  title,
  match,
  get folder() {
    return shippedScripts();
  },
  load: async () => (await load()).body,
}));

/** Every profile that there is. A file of the user's that is none is a problem and no failure. */
export async function allProfiles(): Promise<Catalog> {
  const own: KnownProfile[] = [];
  const problems: string[] = [];
  for (const file of userFiles()) {
    try {
      refuseForeign(file);
      own.push(await fileProfile(file));
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      problems.push(error.message);
    }
  }
  return { profiles: [...own, ...shipped], problems };
}

/** The profile in a file. Rejects with VfioError where it is none. */
export async function fileProfile(file: string): Promise<KnownProfile> {
  const { file: path, name, description } = await readProfile(file);
  const { title, match = [] } = description;
  return {
    name,
    ...(title !== undefined && { title }),
    file: path,
    match: [match].flat(),
    folder: dirname(path),
    load: () => Promise.resolve(description),
  };
}

/** The code of somebody else's must not run only because it lies there: a module may be written to by its owner alone, who is root or this user. */
function refuseForeign(file: string): void {
  if (extname(file) !== '.mjs') return;
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return;
  const trusted = [0, process.geteuid?.(), Number(process.env['SUDO_UID'] ?? Number.NaN)];
  const foreign = !trusted.includes(found.uid);
  if (!foreign && (found.mode & 0o002) === 0) return;
  throw new VfioError({
    kind: 'permission',
    operation: `read profile ${file}`,
    why: foreign
      ? `it belongs to user ${found.uid}, and its code would run`
      : 'others may write to it, and its code would run',
    hint: foreign ? `vfiodbg --profile ${file} runs it all the same` : `chmod go-w ${file}`,
  });
}

/**
 * The profile that the user names: a file (with a slash, or the extension of one), else one of the user's folder or of those that ship with the tool.
 * Rejects with VfioError where there is none.
 */
export async function namedProfile(
  wanted: string,
  { shippedOnly = false }: { readonly shippedOnly?: boolean } = {},
): Promise<KnownProfile> {
  if (wanted.includes('/') || isProfileFile(wanted)) return fileProfile(wanted);
  const { profiles, problems } = shippedOnly ? { profiles: shipped, problems: [] } : await allProfiles();
  const found = profiles.find(({ name }) => name === wanted);
  if (found) return found;
  const near = nearest(
    wanted,
    profiles.map(({ name }) => name),
  );
  const broken = problems.find((problem) => problem.includes(wanted));
  throw new VfioError({
    kind: 'absent',
    operation: `find profile ${wanted}`,
    why: broken ?? 'there is no profile of that name',
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : 'profile list names them; a file has a slash: ./mine.json',
  });
}

/** The profiles that fit a device, the one that means it most exactly first; of equals the user's own. */
export function fitting(profiles: readonly KnownProfile[], identity: DeviceIdentity): readonly KnownProfile[] {
  return profiles
    .map((profile) => ({ profile, exact: exactness(profile, identity) }))
    .filter(({ exact }) => exact > 0)
    .sort((one, other) => other.exact - one.exact)
    .map(({ profile }) => profile);
}

/** How exactly `profile` means the device; 0 where it does not. */
export function exactness({ match }: KnownProfile, identity: DeviceIdentity): number {
  return Math.max(
    0,
    ...match.map((one) => {
      const test = testOf(one);
      // A description that is wrong was refused when it was read.
      return typeof test === 'string' ? 0 : (test(identity) ?? 0);
    }),
  );
}
