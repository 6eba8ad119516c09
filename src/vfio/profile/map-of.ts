import type { Device } from '../device.js';
import { VfioError } from '../errors.js';
import type { Region } from '../region.js';
import { registerMapOf } from '../registers/map-format.js';
import { numberOf } from '../registers/notation.js';
import type { RegisterMap } from '../registers/register-map.js';
import type { RegisterFile, RegisterSource } from './description.js';
import { isFile } from './resolve.js';

/** A place that a map goes to: 'region0', 'region0+0x1000'. */
export const placeShape = /^([A-Za-z_][A-Za-z0-9_-]*)(?:\+(0x[0-9A-Fa-f]+|[0-9]+))?$/;

/** A map, or what makes it when it is first needed; and what the user is to be told of it. */
export type MadeMap = { readonly name: string; readonly problems: readonly string[] } & (
  | { readonly map: RegisterMap }
  | { readonly make: () => RegisterMap }
);

/** A region by its name or an alias; text where the device has none. */
export function regionOf(device: Device, name: string): Region | string {
  try {
    return device.region(name);
  } catch (error) {
    if (error instanceof VfioError) return error.message;
    throw error;
  }
}

/** The map of a profile that ships with the tool, which the tests have read: it is not made before somebody asks for a register. */
export function shippedMap(source: RegisterSource, profile: string, device: Device): MadeMap | string {
  if (isFile(source)) throw new Error(`profile ${profile} ships with a file`);
  const region = regionOf(device, source.space ?? 'region0');
  if (typeof region === 'string') return `${source.name}: ${region}`;
  const make = (): RegisterMap => registerMapOf(source, { origin: `profile ${profile}`, space: region.name });
  return { name: source.name, problems: [], make };
}

/** The map of a profile that somebody wrote, with what is wrong with it. Rejects with VfioError where it cannot be read at all. */
export async function writtenMap(source: RegisterSource, profile: string, device: Device): Promise<MadeMap | string> {
  const { pastTheEnd } = await import('../registers/load.js');
  const map = isFile(source) ? await fileMap(source, device) : ownMap(source, profile, device);
  if (typeof map === 'string') return map;
  const [first] = map.children;
  const region = first === undefined ? undefined : regionOf(device, first.space);
  const past =
    region === undefined || typeof region === 'string' ? undefined : pastTheEnd(map, region.name, region.size);
  const problems = [...map.problems, ...(past === undefined ? [] : [past])];
  // Whose profile it is, is said with all that is wrong with it.
  const own = `profile ${profile}: `;
  const placed = problems.map(({ where, why }) =>
    where.startsWith(own) ? `${map.name}: ${where.slice(own.length)}: ${why}` : `${where}: ${why}`,
  );
  return { name: map.name, map, problems: placed };
}

function ownMap(source: Exclude<RegisterSource, RegisterFile>, profile: string, device: Device): RegisterMap | string {
  const region = regionOf(device, source.space ?? 'region0');
  if (typeof region === 'string') return `${source.name}: ${region}`;
  return registerMapOf(source, { origin: `profile ${profile}`, space: region.name });
}

/** The map in a file, laid where the profile says. */
async function fileMap(
  { file, peripheral, base, at, as }: RegisterFile,
  device: Device,
): Promise<RegisterMap | string> {
  const { loadMap } = await import('../registers/load.js');
  const [, space, offset = '0'] = placeShape.exec(at ?? '') ?? [];
  const start = Number(offset);
  const bus = base === undefined ? undefined : numberOf(base);
  // Which space it is, is known when the file is open.
  let missing: string | undefined;
  const loaded = loadMap({
    path: file,
    at: start,
    spaceFor(said) {
      const name = space ?? said ?? 'region0';
      const region = regionOf(device, name);
      if (typeof region !== 'string') return region.name;
      missing = region;
      return name;
    },
    ...(peripheral !== undefined && { peripherals: [peripheral] }),
    ...(as !== undefined && { name: as }),
    ...(typeof bus === 'bigint' && {
      window: { address: Number(bus), size: sizeOf(device, space ?? 'region0') - start },
    }),
  });
  if ('choose' in loaded) {
    throw new VfioError({
      kind: 'unsupported',
      operation: `read ${file}`,
      why: `it has ${loaded.choose.peripherals.length} peripherals: which is the device?`,
      hint: `regs peripherals ${file} lists them; "peripheral" names one, "base" takes those of a window`,
    });
  }
  return missing === undefined ? loaded.map : `${file}: ${missing}`;
}

function sizeOf(device: Device, space: string): number {
  const region = regionOf(device, space);
  return typeof region === 'string' ? 0 : region.size;
}
