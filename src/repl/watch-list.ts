import type { Device } from '../vfio/device.js';
import { VfioError } from '../vfio/errors.js';
import type { FieldDescription, Register } from '../vfio/registers/register-map.js';
import { whyUnread } from '../vfio/registers/why-unread.js';
import type { Scan, ScanChange, ScanPlace } from '../vfio/scan.js';
import { bytesOf } from '../vfio/width.js';
import type { PlaceChange, Turn } from '../views/watch-view.js';
import { bytesIn, type Location } from './arguments.js';
import type { Places } from './arguments/places.js';
import { fieldText, turns } from './field-text.js';
import { namedBits, nameOf } from './named-place.js';
import { UsageError } from './usage-error.js';

/** Places of one list, at the most. */
const MOST_PLACES = 65536;

/** What is shown under one name: a place, or a field of what is read there. */
export interface Entry {
  readonly name: string;
  /** Which of the places. */
  readonly place: number;
  /** What a map says of the place. */
  readonly register?: Register;
  /** The field that is shown, where it is not the whole. */
  readonly field?: FieldDescription;
}

/** The places that a command looks at again and again: each is read once however often it was named. */
export class WatchList {
  readonly places: readonly ScanPlace[];
  readonly entries: readonly Entry[];
  /** What was asked for and is not read, with the reason. */
  readonly left: readonly string[];
  /** Columns of the longest name. */
  readonly nameWidth: number;
  readonly #byPlace: readonly (readonly Entry[])[];

  private constructor(places: readonly ScanPlace[], entries: readonly Entry[], left: readonly string[]) {
    this.places = places;
    this.entries = entries;
    this.left = left;
    this.nameWidth = entries.reduce((most, { name }) => Math.max(most, name.length), 0);
    const byPlace: Entry[][] = places.map(() => []);
    for (const entry of entries) byPlace[entry.place]?.push(entry);
    this.#byPlace = byPlace;
  }

  /**
   * The cells of `named`. One that must not be read in passing is left out of a range, and refused where it was named: throws VfioError,
   * unless `force` is given.
   */
  static of(operation: string, device: Device, named: readonly Places[], force: boolean): WatchList {
    const places: ScanPlace[] = [];
    const known = new Map<string, number>();
    const entries: Entry[] = [];
    const left: string[] = [];
    for (const one of named) {
      for (const cell of cellsOf(device, one)) {
        const reason = force ? undefined : cautionAt(device, cell);
        if (reason !== undefined) {
          if (isSingle(one)) throw refusal(operation, cell, reason);
          left.push(reason);
          continue;
        }
        const { space, offset, width, field } = cell;
        // Of a part of a register there are no fields to tell.
        const register = cell.register?.width === width ? cell.register : undefined;
        const key = `${space.name} ${offset} ${width}`;
        let place = known.get(key);
        if (place === undefined) {
          place = places.push({ space, offset, width }) - 1;
          known.set(key, place);
        }
        if (places.length > MOST_PLACES) {
          throw new UsageError(`more than ${MOST_PLACES} places`, undefined, 'choose a smaller range');
        }
        entries.push({ name: nameOf(cell), place, ...(register && { register }), ...(field && { field }) });
      }
    }
    if (places.length === 0) throw new UsageError(`there is nothing to ${operation}: ${left[0] ?? 'no place'}`);
    return new WatchList(places, entries, left);
  }

  /** What `entry` has now; undefined where it could not be read. */
  valueOf({ place, field }: Entry, scan: Scan): bigint | undefined {
    if (scan.fault(place) !== undefined) return undefined;
    const value = scan.value(place);
    return value === undefined ? undefined : namedBits(field, value);
  }

  /** The same in decimal for a file of rows; empty where it could not be read. */
  textOf(entry: Entry, scan: Scan): string {
    return this.valueOf(entry, scan)?.toString() ?? '';
  }

  /** Changes of places as changes of what is shown: a field that is as it was is no change. `start` is what times are counted from, in ns. */
  *changesOf(changes: readonly ScanChange[], start: number): Generator<PlaceChange> {
    for (const { index, old, value, fault, time } of changes) {
      const place = this.places[index];
      if (place === undefined) continue;
      for (const { name, register, field } of this.#byPlace[index] ?? []) {
        const before = old === undefined ? undefined : namedBits(field, old);
        const now = value === undefined ? undefined : namedBits(field, value);
        if (field !== undefined && fault === undefined && before === now) continue;
        yield {
          time: (time - start) / 1e9,
          name,
          space: place.space.name,
          offset: place.offset,
          width: place.width,
          old: before,
          value: now,
          fields: shownTurns(register, field, old, value),
          ...(field && { shown: { old: textIn(field, before), value: textIn(field, now) } }),
          ...(fault !== undefined && { fault }),
        };
      }
    }
  }
}

function isSingle(one: Places): boolean {
  return one.kind === 'span' && one.piece.count === undefined && !one.piece.whole;
}

function* cellsOf(device: Device, one: Places): Generator<Location> {
  if (one.kind === 'registers') {
    for (const register of one.named.found) {
      const { offset, width, path } = register;
      const space = device.findSpace(register.space);
      if (space) yield { space, offset, width, asked: false, name: path, register };
    }
    return;
  }
  const { piece } = one;
  if (isSingle(one)) {
    yield described(device, piece);
    return;
  }
  const { space, width, asked } = piece;
  const step = bytesOf(width);
  const end = piece.offset + bytesIn(piece);
  for (let offset = piece.offset; offset + step <= end; offset += step) {
    yield described(device, { space, offset, width, asked });
  }
}

/** The place, by the name of the register that is there. */
function described(device: Device, at: Location): Location {
  if (at.name !== undefined) return at;
  const register = device.registers.registerAt(at.space.name, at.offset, at.width);
  return register === undefined ? at : { ...at, name: register.path, register };
}

function textIn(field: FieldDescription, value: bigint | undefined): string {
  return value === undefined ? '' : fieldText(field, value);
}

function shownTurns(
  register: Register | undefined,
  field: FieldDescription | undefined,
  old: bigint | undefined,
  now: bigint | undefined,
): readonly Turn[] {
  if (register === undefined || field !== undefined || old === undefined || now === undefined) return [];
  return turns(register, old, now);
}

/** Why a place must not be read by what only looks around: reading it has an effect, or brings nothing. */
export function cautionAt(device: Device, { space, offset, width, register, field }: Location): string | undefined {
  return whyUnread(device.registers, { space: space.name, offset, width, register, field });
}

export function refusal(operation: string, { space, offset, width }: Location, reason: string): VfioError {
  const hint = `--force reads it all the same`;
  return new VfioError({ kind: 'access', operation, space: space.name, offset, width, why: reason, hint });
}
