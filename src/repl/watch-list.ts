import type { Device } from '../vfio/device.js';
import { VfioError } from '../vfio/errors.js';
import type { Scan, ScanChange, ScanPlace } from '../vfio/scan.js';
import { bytesOf } from '../vfio/width.js';
import type { PlaceChange } from '../views/watch-view.js';
import { bytesIn, type Location, type Span } from './arguments.js';
import { UsageError } from './usage-error.js';

/** Places of one list, at the most. */
const MOST_PLACES = 65536;

/** What is shown under one name: a place, or a field of what is read there. */
export interface Entry {
  readonly name: string;
  /** Which of the places. */
  readonly place: number;
  readonly field?: NonNullable<Location['field']>;
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
   * The cells of `spans`. One whose read has an effect is left out of a range, and refused where it was named: throws VfioError, unless
   * `force` is given.
   */
  static of(operation: string, device: Device, spans: readonly Span[], force: boolean): WatchList {
    const places: ScanPlace[] = [];
    const known = new Map<string, number>();
    const entries: Entry[] = [];
    const left: string[] = [];
    for (const piece of spans) {
      for (const cell of cellsOf(piece)) {
        const reason = force ? undefined : cautionAt(device, cell);
        if (reason !== undefined) {
          if (piece.count === undefined && !piece.whole) throw refusal(operation, cell, reason);
          left.push(reason);
          continue;
        }
        const { space, offset, width, field } = cell;
        const key = `${space.name} ${offset} ${width}`;
        let place = known.get(key);
        if (place === undefined) {
          place = places.push({ space, offset, width }) - 1;
          known.set(key, place);
        }
        if (places.length > MOST_PLACES) {
          throw new UsageError(`more than ${MOST_PLACES} places`, undefined, 'choose a smaller range');
        }
        entries.push({ name: nameOf(cell), place, ...(field && { field }) });
      }
    }
    if (places.length === 0) throw new UsageError(`there is nothing to ${operation}: ${left[0] ?? 'no place'}`);
    return new WatchList(places, entries, left);
  }

  /** What `entry` has now; undefined where it could not be read. */
  valueOf({ place, field }: Entry, scan: Scan): bigint | undefined {
    if (scan.fault(place) !== undefined) return undefined;
    return fieldOf(scan.value(place), field);
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
      for (const { name, field } of this.#byPlace[index] ?? []) {
        const [before, now] = [fieldOf(old, field), fieldOf(value, field)];
        if (field !== undefined && fault === undefined && before === now) continue;
        yield {
          time: (time - start) / 1e9,
          name,
          space: place.space.name,
          offset: place.offset,
          width: place.width,
          old: before,
          value: now,
          fields: [],
          ...(fault !== undefined && { fault }),
        };
      }
    }
  }
}

function* cellsOf(piece: Span): Generator<Location> {
  if (piece.count === undefined && !piece.whole) {
    yield piece;
    return;
  }
  const step = bytesOf(piece.width);
  const end = piece.offset + bytesIn(piece);
  for (let offset = piece.offset; offset + step <= end; offset += step) {
    yield { space: piece.space, offset, width: piece.width, asked: piece.asked };
  }
}

/** Why a place must not be read by what only looks around. */
export function cautionAt(device: Device, { space, offset, width }: Location): string | undefined {
  return device.registers.cautionsIn(space.name, offset, offset + bytesOf(width))[0]?.reason;
}

export function refusal(operation: string, { space, offset, width }: Location, reason: string): VfioError {
  const hint = `--force reads it all the same`;
  return new VfioError({ kind: 'access', operation, space: space.name, offset, width, why: reason, hint });
}

/** 'region1.CTRL.EN', 'region0+0x10'. */
export function nameOf({ space, offset, name, field }: Location): string {
  if (name === undefined) return `${space.name}+0x${offset.toString(16)}`;
  return `${space.name}.${name}${field ? `.${field.name}` : ''}`;
}

/** The bits of a field in what was read. */
export function fieldOf(value: bigint | undefined, field: Location['field']): bigint | undefined {
  if (value === undefined || field === undefined) return value;
  return BigInt.asUintN(field.bits, value >> BigInt(field.low));
}
