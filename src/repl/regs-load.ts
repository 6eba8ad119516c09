import { VfioError } from '../vfio/errors.js';
import { nearest } from '../vfio/nearest.js';
import { type LoadRequest, type LoadedMap, loadMap, nested, pastTheEnd } from '../vfio/registers/load.js';
import { type RegisterMap, registersIn } from '../vfio/registers/register-map.js';
import type { RegisterSet } from '../vfio/registers/register-set.js';
import type { TextView } from '../views/view.js';
import type { Place } from './arguments/map.js';
import type { Context } from './command.js';
import { problemLines } from './regs-view.js';
import { UsageError } from './usage-error.js';

export interface LoadFlags {
  readonly at: Place | undefined;
  readonly base: number | undefined;
  readonly as: string | undefined;
  readonly overlay: string | undefined;
  readonly noOverlay: boolean;
}

/** What a `regs load` asks for. */
export function requestOf(
  { session }: Context,
  path: string,
  peripherals: readonly string[],
  flags: LoadFlags,
): LoadRequest {
  const { device } = session;
  const { at, base, as, overlay, noOverlay } = flags;
  if (as !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(as)) {
    throw new UsageError(`"${as}" is no name for a map`, undefined, 'names are of letters, digits and _');
  }
  if (noOverlay && overlay !== undefined) throw new UsageError('--overlay and --no-overlay say opposite things');
  const spaceFor = (said: string | undefined): string => {
    const name = at?.space ?? said ?? session.defaultSpace?.name ?? 'region0';
    if (device === undefined) return name;
    const found = device.findSpace(name);
    if (found !== undefined) return found.name;
    throw new VfioError({
      kind: 'absent',
      operation: `load ${path}`,
      device: device.name,
      why: `it is for ${name}, which the device does not have`,
      hint: '--at SPACE says where it goes instead',
    });
  };
  const offset = at?.offset ?? 0;
  const size = device === undefined ? undefined : device.findSpace(spaceFor(undefined))?.size;
  const window = { address: base ?? 0, size: Math.max(0, (size ?? Number.MAX_SAFE_INTEGER) - offset) };
  return {
    path,
    peripherals,
    at: offset,
    spaceFor,
    ...(as !== undefined && { name: as }),
    ...(base !== undefined && { window }),
    ...(noOverlay ? { overlay: false } : overlay !== undefined && { overlay }),
  };
}

/** The map that is asked for. Without a device all of a CMSIS-SVD file is laid out as the chip's own bus has it. */
export function loadFor(context: Context, request: LoadRequest): LoadedMap {
  const loaded = loadMap(request);
  if (!('choose' in loaded)) return loaded;
  const { peripherals, name } = loaded.choose;
  if (context.session.device === undefined) {
    const bus = loadMap({ ...request, spaceFor: () => 'bus', window: { address: 0, size: Number.MAX_SAFE_INTEGER } });
    if (!('choose' in bus)) return bus;
  }
  const lowest = Math.min(...peripherals.map(({ address }) => address));
  throw new UsageError(
    `${name} has ${peripherals.length} peripherals: which is the device?`,
    undefined,
    `regs peripherals ${request.path} lists them; --base 0x${lowest.toString(16)}, or another bus address, takes all in a window`,
  );
}

/** Puts a map into the set; one whose names another map has already gets its own name before all of them. */
export function putMap(set: RegisterSet, map: RegisterMap): { readonly map: RegisterMap; readonly note?: string } {
  const others = set.maps.filter(({ name }) => name !== map.name);
  const taken = new Set(
    others.flatMap((other) =>
      [...registersIn(other.children)].map(({ space, path }) => `${space}.${path}`.toUpperCase()),
    ),
  );
  const clash = [...registersIn(map.children)].find(({ space, path }) => taken.has(`${space}.${path}`.toUpperCase()));
  if (clash === undefined) {
    set.add(map);
    return { map };
  }
  const prefix = map.name.replaceAll(/[^A-Za-z0-9_]/g, '_');
  const own = { ...nested(map, prefix), name: map.name };
  set.add(own);
  return { map: own, note: `its names begin with ${prefix}: ${clash.space} has a ${clash.path} already` };
}

export function loadedView(
  context: Context,
  loaded: LoadedMap,
  { map, note }: { readonly map: RegisterMap; readonly note?: string },
): TextView {
  const all = [...registersIn(map.children)];
  const space = all[0]?.space ?? '-';
  const base = map.base ?? 0;
  const end = context.session.device?.findSpace(space)?.size;
  const past = end === undefined ? undefined : pastTheEnd(map, space, end);
  const problems = past === undefined ? map.problems : [past, ...map.problems];
  const { address, outside, overlay } = loaded;
  const bus = address === undefined ? '' : ` (0x${address.toString(16)} on the chip's own bus)`;
  const left =
    outside.length === 0
      ? []
      : [
          `${outside.length} peripherals lie outside of the window: ${outside.slice(0, 6).join(', ')}${outside.length > 6 ? ', ...' : ''}`,
        ];
  return {
    kind: 'text',
    lines: [
      `${map.name}: ${all.length} registers at ${space}+0x${base.toString(16)}, from ${map.origin}${bus}`,
      ...(note === undefined ? [] : [note]),
      ...(overlay === undefined ? [] : [`corrected by ${overlay.file}: ${overlay.used} of its changes fit`]),
      ...left,
      ...problemLines(problems, `regs problems ${map.name}`).map((line) => [{ text: line, role: 'warning' } as const]),
    ],
    data: {
      name: map.name,
      space,
      base,
      registers: all.length,
      origin: map.origin,
      ...(address !== undefined && { address }),
      ...(overlay !== undefined && { overlay }),
      outside,
      problems,
    },
  };
}

/** The map of that name; the only one where none is named. Throws UsageError. */
export function mapOf({ session }: Context, name: string | undefined): RegisterMap {
  const { maps } = session.registers;
  const names = maps.map((map) => map.name);
  const found = name === undefined ? maps : maps.filter((map) => map.name === name);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (maps.length === 0) throw new UsageError('no register map is loaded', undefined, 'regs load FILE loads one');
  if (name === undefined) throw new UsageError('which map?', undefined, `there are ${names.join(', ')}`);
  const near = nearest(name, names);
  const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `there are ${names.join(', ')}`;
  throw new UsageError(`no map is called ${name}`, undefined, hint);
}
