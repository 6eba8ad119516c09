import { join } from 'node:path';
import * as v from 'valibot';
import { VfioError } from '../../errors.js';
import { type BusDevice, busNames } from '../bus-device.js';
import type { Roots } from '../roots.js';
import { bootId, type Place } from './binding-state.js';
import { readWhole, removeFile, replaceFile } from './durable.js';
import { stateError } from './state-folder.js';

/** A device or a driver: one part of a path in sysfs. Blanks are in the names of some. */
const name = v.pipe(
  v.string(),
  v.regex(/^[^/\0\n]+$/, 'a name has no slashes and no line ends'),
  v.notValue('.'),
  v.notValue('..'),
);

export const placeSchema = v.object({ bus: v.picklist(busNames), name });
export const stateSchema = v.object({ driver: v.nullable(name), override: v.nullable(v.string()) });

export const recordSchema = v.object({
  format: v.literal('vfiodbg-binding'),
  version: v.literal(1),
  /** The boot in which it was made: sysfs forgets with the next. */
  boot: v.string(),
  device: placeSchema,
  /** What the device is, so that another one at the same address is not taken for it. */
  modalias: v.string(),
  /** How it was before it was bound: what `release` goes back to. */
  origin: stateSchema,
  /** How it was left. */
  bound: stateSchema,
});

/** What is kept of a device from its binding to its release. */
export type BindingRecord = v.InferOutput<typeof recordSchema>;

function recordPath(folder: string, { bus, name: device }: Place): string {
  return join(folder, `${bus}-${device}.json`);
}

/** The record of a device; undefined where there is none. Throws VfioError where there is one that cannot be read. */
export function readRecord(folder: string, place: Place): BindingRecord | undefined {
  const path = recordPath(folder, place);
  let text: string;
  try {
    text = readWhole(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw stateError('read', path, error);
  }
  return parsed(recordSchema, text, path);
}

/** The record of a device, if it is about this device and this boot. */
export function currentRecord(folder: string, device: BusDevice, roots: Roots): BindingRecord | undefined {
  const record = readRecord(folder, device);
  return record?.boot === bootId(roots) && record.modalias === (device.modalias ?? '') ? record : undefined;
}

export function saveRecord(folder: string, record: BindingRecord): void {
  const path = recordPath(folder, record.device);
  try {
    replaceFile(path, `${JSON.stringify(record)}\n`);
  } catch (error) {
    throw stateError('write', path, error);
  }
}

export function dropRecord(folder: string, place: Place): void {
  const path = recordPath(folder, place);
  try {
    removeFile(path);
  } catch (error) {
    throw stateError('remove', path, error);
  }
}

/** `text` as what `schema` says; throws VfioError that names the file where it is not. */
export function parsed<S extends v.GenericSchema>(schema: S, text: string, path: string): v.InferOutput<S> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw damaged(path, 'it is no JSON');
  }
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw damaged(path, `${v.getDotPath(issue) ?? 'the file'}: ${issue.message}`);
}

function damaged(path: string, why: string): VfioError {
  return new VfioError({
    kind: 'protocol',
    operation: `read ${path}`,
    why: `it is not as this program wrote it: ${why}`,
    hint: `look at it, and remove it; then what was done to the device can be seen only in sysfs`,
  });
}
