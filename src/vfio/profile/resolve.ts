import { join } from 'node:path';
import { VfioError } from '../errors.js';
import { type KnownProfile, namedProfile } from './catalog.js';
import type {
  CautionDescription,
  GuestDescription,
  ProfileDescription,
  RegisterFile,
  RegisterSource,
  ScriptDescription,
} from './description.js';

/** A profile with everything of those that it includes. */
export interface Profile {
  readonly name: string;
  readonly title?: string;
  readonly source?: string;
  /** The file that it is in; absent for one that ships with the tool. */
  readonly file?: string;
  /** The names of the profiles whose parts it has as well, those that they include among them. */
  readonly includes: readonly string[];
  readonly regions: ReadonlyMap<string, readonly string[]>;
  readonly interrupts: ReadonlyMap<string, readonly string[]>;
  /** Those of the profiles that it includes first. */
  readonly registers: readonly {
    readonly profile: string;
    /** It ships with the tool: the tests have read it. */
    readonly isShipped: boolean;
    readonly source: RegisterSource;
  }[];
  readonly cautions: readonly CautionDescription[];
  /** The registers that `restore` writes, in this order and no others; undefined where no profile says so. */
  readonly restore?: readonly string[];
  readonly guest: GuestDescription;
  /** By name; a profile's own instead of one of the same name that it includes. */
  readonly scripts: ReadonlyMap<string, ScriptDescription>;
  readonly architecture?: string;
  readonly notes: readonly string[];
}

/** Profiles that include each other, at the most. */
const MOST = 16;

/** Loads `known` and what it includes. Rejects with VfioError where one of them is not there. */
export async function resolveProfile(known: KnownProfile): Promise<Profile> {
  const parts: { readonly known: KnownProfile; readonly description: ProfileDescription }[] = [];
  const add = async (each: KnownProfile, from: readonly KnownProfile[]): Promise<void> => {
    if (parts.some((part) => isSame(part.known, each))) return;
    const description = await each.load();
    const chain = [...from, each];
    for (const name of description.includes ?? []) {
      const next = await included(name, each);
      if (chain.some((one) => isSame(one, next)) || chain.length >= MOST) throw loop(known, [...chain, next]);
      await add(next, chain);
    }
    parts.push({ known: each, description: located(description, each.folder) });
  };
  await add(known, []);
  return joined(known, parts);
}

function isSame(one: KnownProfile, other: KnownProfile): boolean {
  return one.name === other.name && one.file === other.file;
}

/** The profile that `by` includes. By its own name it means the one that it stands in the place of: the one that ships with the tool. */
async function included(name: string, by: KnownProfile): Promise<KnownProfile> {
  try {
    return await namedProfile(name, { shippedOnly: name === by.name && by.file !== undefined });
  } catch (error) {
    if (!(error instanceof VfioError)) throw error;
    const { why, ...details } = error.details;
    throw new VfioError({ ...details, operation: `include profile ${name} in ${by.name}`, why }, { cause: error });
  }
}

function loop(known: KnownProfile, chain: readonly KnownProfile[]): VfioError {
  return new VfioError({
    kind: 'unsupported',
    operation: `read profile ${known.file ?? known.name}`,
    why: `profiles include each other: ${chain.map(({ name }) => name).join(' includes ')}`,
  });
}

/** The description with its files by full paths. */
function located(description: ProfileDescription, folder: string): ProfileDescription {
  const at = (file: string): string => (file.startsWith('/') ? file : join(folder, file));
  const { registers, scripts } = description;
  return {
    ...description,
    ...(registers !== undefined && {
      registers: [registers].flat().map((source) => (isFile(source) ? { ...source, file: at(source.file) } : source)),
    }),
    ...(scripts !== undefined && {
      scripts: Object.fromEntries(
        Object.entries(scripts).map(([name, script]) => [
          name,
          script.file === undefined ? script : { ...script, file: at(script.file) },
        ]),
      ),
    }),
  };
}

export function isFile(source: RegisterSource): source is RegisterFile {
  return 'file' in source;
}

/** The parts as one, the last of them the profile itself. */
function joined(
  known: KnownProfile,
  parts: readonly { readonly known: KnownProfile; readonly description: ProfileDescription }[],
): Profile {
  const descriptions = parts.map(({ description }) => description);
  const own = descriptions.at(-1) ?? {};
  const restores = descriptions.flatMap(({ restore }) => (restore === undefined ? [] : [restore]));
  const architecture = descriptions.findLast((one) => one.architecture !== undefined)?.architecture;
  const title = known.title ?? own.title;
  return {
    name: known.name,
    ...(title !== undefined && { title }),
    ...(own.source !== undefined && { source: own.source }),
    ...(known.file !== undefined && { file: known.file }),
    includes: parts.slice(0, -1).map((part) => part.known.name),
    regions: named(descriptions.map(({ regions }) => regions)),
    interrupts: named(descriptions.map(({ interrupts }) => interrupts)),
    registers: parts.flatMap((part) =>
      [part.description.registers ?? []].flat().map((source) => ({
        profile: part.known.name,
        isShipped: part.known.file === undefined,
        source,
      })),
    ),
    cautions: descriptions.flatMap(({ cautions }) => cautions ?? []),
    ...(restores.length > 0 && { restore: restores.flat() }),
    guest: joinedGuest(descriptions.flatMap(({ guest }) => (guest === undefined ? [] : [guest]))),
    scripts: new Map(descriptions.flatMap(({ scripts }) => Object.entries(scripts ?? {}))),
    ...(architecture !== undefined && { architecture }),
    notes: descriptions.flatMap(({ notes }) => notes ?? []),
  };
}

function named(all: readonly ProfileDescription['regions'][]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const one of all) {
    for (const [name, given] of Object.entries(one ?? {}))
      found.set(name, [...(found.get(name) ?? []), ...[given].flat()]);
  }
  return found;
}

function joinedGuest(guests: readonly GuestDescription[]): GuestDescription {
  const compatible = guests.findLast((one) => one.compatible !== undefined)?.compatible;
  return {
    ...(compatible !== undefined && { compatible }),
    keep: guests.flatMap(({ keep }) => keep ?? []),
    drop: guests.flatMap(({ drop }) => drop ?? []),
    properties: Object.assign({}, ...guests.map(({ properties }) => properties)) as NonNullable<
      GuestDescription['properties']
    >,
    clocks: guests.flatMap(({ clocks }) => clocks ?? []),
    notes: guests.flatMap(({ notes }) => notes ?? []),
  };
}
