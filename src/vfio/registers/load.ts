import { basename } from 'node:path';
import { VfioError } from '../errors.js';
import { withPlainFile } from '../plain-file.js';
import { type MapFile, openMapFile, overlayBeside } from './map-file.js';
import { registerMapOf } from './map-format.js';
import { dataOf } from './map-text.js';
import { isLoose } from './merge.js';
import { Overlay, isOverlay } from './overlay.js';
import { type Block, type MapProblem, type Register, type RegisterMap, registersIn } from './register-map.js';
import type { SvdDevice } from './svd/svd-device.js';
import type { SvdFile } from './svd/svd-file.js';
import { choosePeripherals, peripheralMap, windowMap } from './svd/svd-map.js';

/** Bytes of an overlay, at the most. */
const LARGEST_OVERLAY = 16 * 2 ** 20;

export interface LoadRequest {
  readonly path: string;
  /** Peripherals of a CMSIS-SVD file, by name or pattern; none: the only one, or all of a window. */
  readonly peripherals?: readonly string[];
  /** The space where it goes, given what a file of the own format says of it; by default that, else region0. */
  readonly spaceFor?: (said: string | undefined) => string;
  /** Bytes from the start of the space. */
  readonly at?: number;
  /** The space is a window of a bus: the address that lies at `at`, and how many bytes there are from it on. */
  readonly window?: { readonly address: number; readonly size: number };
  /** What the map is called, and every register's first step, where the file's own name is not wanted. */
  readonly name?: string;
  /** Corrections to be made: by default those beside the file; false for none. */
  readonly overlay?: string | false;
}

export interface LoadedMap {
  readonly map: RegisterMap;
  /** The bus address of a single peripheral. */
  readonly address?: number;
  /** Peripherals that lie outside of the window. */
  readonly outside: readonly string[];
  /** The corrections that were made: their file, and how many of them fitted. */
  readonly overlay?: { readonly file: string; readonly used: number };
}

/** A file with several peripherals, of which none was asked for. */
export interface Choice {
  readonly choose: SvdDevice;
}

/** Reads register maps from a file and lays them into a space. Touches no device. Throws VfioError. */
export function loadMap(request: LoadRequest): LoadedMap | Choice {
  const file = openMapFile(request.path);
  const loaded = file.kind === 'svd' ? fromSvd(file, request) : fromOwn(file, request);
  if ('choose' in loaded) return loaded;
  const done = corrected(loaded, file, request);
  return request.name === undefined ? done : { ...done, map: nested(done.map, request.name) };
}

function refused(request: LoadRequest, why: string, hint?: string): VfioError {
  const operation = `load ${request.path}`;
  return new VfioError({ kind: 'unsupported', operation, why, ...(hint !== undefined && { hint }) });
}

function spaceIn({ spaceFor }: LoadRequest, said: string | undefined): string {
  return spaceFor?.(said) ?? said ?? 'region0';
}

function fromOwn(file: MapFile & { kind: 'own' }, request: LoadRequest): LoadedMap {
  const { peripherals = [], window, at = 0 } = request;
  if (isOverlay(file.data)) {
    throw refused(
      request,
      'it is an overlay, which corrects maps',
      `regs overlay ${request.path} corrects what is loaded`,
    );
  }
  if (peripherals.length > 0 || window !== undefined) {
    throw refused(
      request,
      'a map of its own format is one map, without peripherals or bus addresses',
      'leave them out',
    );
  }
  const said = isLoose(file.data) && typeof file.data['space'] === 'string' ? file.data['space'] : undefined;
  const map = registerMapOf(file.data, { origin: file.name, base: at, space: spaceIn(request, said) });
  return { map, outside: [] };
}

function fromSvd(file: MapFile & { kind: 'svd' }, request: LoadRequest): LoadedMap | Choice {
  const { svd, name: origin } = file;
  const { peripherals = [], window, at = 0 } = request;
  const space = spaceIn(request, undefined);
  const all = svd.device.peripherals;
  const chosen = peripherals.length === 0 ? [...all.keys()] : choosePeripherals(svd, peripherals);
  if (typeof chosen === 'string') throw refused(request, chosen);
  if (window !== undefined) return fromWindow(svd, chosen, window, { origin, space, base: at });
  const [only] = chosen;
  if (only === undefined) throw refused(request, 'it describes no peripheral');
  if (chosen.length > 1) {
    if (peripherals.length === 0) return { choose: svd.device };
    const lowest = Math.min(...chosen.map((index) => all[index]?.address ?? 0));
    throw refused(
      request,
      `${chosen.length} peripherals are meant: where does each lie?`,
      `--base 0x${lowest.toString(16)} says which bus address is at the start; or load them one by one`,
    );
  }
  const map = peripheralMap(svd, only, { origin, space, base: at });
  const address = all[only]?.address;
  return { map: withProblems(map, svd), outside: [], ...(address !== undefined && { address }) };
}

function fromWindow(
  svd: SvdFile,
  chosen: readonly number[],
  { address, size }: { readonly address: number; readonly size: number },
  place: { readonly origin: string; readonly space: string; readonly base: number },
): LoadedMap {
  const within = chosen.filter((index) => {
    const start = svd.device.peripherals[index]?.address ?? 0;
    return start >= address && start < address + size;
  });
  const outside = chosen
    .filter((index) => !within.includes(index))
    .map((index) => svd.device.peripherals[index]?.name ?? '');
  return { map: withProblems(windowMap(svd, within, { ...place, address }), svd), outside };
}

function withProblems(map: RegisterMap, { device }: SvdFile): RegisterMap {
  return { ...map, problems: [...device.problems, ...map.problems] };
}

function corrected(loaded: LoadedMap, file: MapFile, request: LoadRequest): LoadedMap {
  const { path, overlay: asked } = request;
  const found = asked === false ? undefined : (asked ?? overlayBeside(path));
  if (found === undefined) return loaded;
  const overlay = readOverlay(found);
  const device = file.kind === 'svd' ? file.svd.device : undefined;
  const names = [file.name, loaded.map.name, ...(device === undefined ? [] : [device.name])];
  if (!overlay.isFor(names)) {
    const why = `it is not for ${file.name}`;
    return { ...loaded, map: { ...loaded.map, problems: [...loaded.map.problems, { where: overlay.origin, why }] } };
  }
  const map = overlay.apply(loaded.map);
  const elsewhere = device?.peripherals.map(({ name }) => name).filter((name) => name !== map.name) ?? [];
  const inMap = new Set(map.children.map(({ path: own }) => own));
  const left = overlay.unmatched(
    [map],
    elsewhere.filter((name) => !inMap.has(name)),
  );
  return {
    ...loaded,
    map: { ...map, problems: [...map.problems, ...left] },
    overlay: { file: found, used: overlay.used },
  };
}

/** The map under another name, with which all its registers begin: NAME.CTRL. */
export function nested(map: RegisterMap, name: string): RegisterMap {
  const [first] = map.children;
  if (first === undefined) return { ...map, name };
  const repathed = (node: Block | Register): Block | Register => {
    const path = `${name}.${node.path}`;
    return node.kind === 'register' ? { ...node, path } : { ...node, path, children: node.children.map(repathed) };
  };
  const { description, base = 0, children } = map;
  const block: Block = {
    kind: 'block',
    name,
    path: name,
    space: first.space,
    offset: base,
    ...(description !== undefined && { description }),
    children: children.map(repathed),
  };
  return { ...map, name, children: [block] };
}

/** Reads an overlay's file. Throws VfioError where it is none. */
export function readOverlay(path: string): Overlay {
  const text = withPlainFile(path, { most: LARGEST_OVERLAY, operation: 'read' }, (_stamp, read) =>
    read().toString('utf8'),
  );
  return new Overlay(dataOf(text, `read ${path}`, basename(path)), basename(path));
}

/** What a map says of places behind the end of its space: it may be of another device, or at another place. */
export function pastTheEnd(map: RegisterMap, space: string, size: number): MapProblem | undefined {
  const beyond = [...registersIn(map.children)].filter(({ offset, width }) => offset + width / 8 > size);
  const [first] = beyond;
  if (first === undefined) return undefined;
  const others = beyond.length === 1 ? '' : `, as do ${beyond.length - 1} more`;
  const bytes = `0x${size.toString(16)} bytes`;
  return {
    where: `${space}.${first.path}`,
    why: `it lies at 0x${first.offset.toString(16)}, past the end of ${space} (${bytes})${others}`,
  };
}
