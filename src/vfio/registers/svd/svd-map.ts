import { nearest } from '../../nearest.js';
import { layOut } from '../layout.js';
import type { RegisterMap } from '../register-map.js';
import { fitsStep } from '../register-path.js';
import type { BlockSketch, Sketch } from '../sketch.js';
import { identifierOf } from './svd-names.js';
import type { SvdFile } from './svd-file.js';
import type { SvdPeripheral } from './svd-device.js';

/** Peripherals that a message names, at the most. */
const MOST_NAMED = 8;

/** Which peripherals of a file are meant by names and patterns (UART*), by their indices; a string says which is none. */
export function choosePeripherals(file: SvdFile, patterns: readonly string[]): readonly number[] | string {
  const names = file.device.peripherals.map(({ name }) => name);
  const chosen = new Set<number>();
  for (const pattern of patterns) {
    const found = [...names.keys()].filter((index) => fitsStep(names[index] ?? '', pattern));
    for (const index of found) chosen.add(index);
    if (found.length > 0) continue;
    const near = nearest(pattern, names);
    const list = names.slice(0, MOST_NAMED).join(', ');
    const rest = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
    const hint = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `it has ${list}${rest}`;
    return `${file.device.name} has no peripheral "${pattern}"; ${hint}`;
  }
  return [...chosen].sort((one, other) => one - other);
}

export interface PeripheralPlace {
  /** The file's name. */
  readonly origin: string;
  readonly space: string;
  /** Bytes from the start of the space to the peripheral's base address. */
  readonly base: number;
}

/** The map of one peripheral. */
export function peripheralMap(file: SvdFile, index: number, place: PeripheralPlace): RegisterMap {
  const peripheral = file.device.peripherals[index];
  if (peripheral === undefined) throw new RangeError(`there is no peripheral ${index}`);
  const { origin, space, base } = place;
  const laid = layOut(file.registersOf(index), { space, base });
  return {
    name: peripheral.name,
    origin,
    base,
    ...(peripheral.description !== undefined && { description: peripheral.description }),
    children: laid.children,
    problems: laid.problems,
  };
}

export interface WindowPlace {
  readonly origin: string;
  readonly space: string;
  /** Bytes from the start of the space to where the bus address `address` is. */
  readonly base: number;
  readonly address: number;
}

/** One map of several peripherals, each where its bus address lies in a window of the bus; all of them are at `address` or behind it. */
export function windowMap(file: SvdFile, indices: readonly number[], place: WindowPlace): RegisterMap {
  const { origin, space, base, address } = place;
  const chosen = indices.flatMap((index) => {
    const peripheral = file.device.peripherals[index];
    return peripheral === undefined ? [] : [{ index, peripheral }];
  });
  const names = new Set(chosen.map(({ peripheral }) => peripheral.name));
  const blocks = chosen.map(({ index, peripheral }) => {
    const block = blockOf(peripheral, file, index, peripheral.address - address);
    return names.has(peripheral.alternate ?? '') ? alternate(block) : block;
  });
  const laid = layOut(blocks, { space, base });
  const { description } = file.device;
  return {
    name: identifierOf(file.device.name),
    origin,
    base,
    ...(description !== undefined && { description }),
    children: laid.children,
    problems: laid.problems,
  };
}

/** A peripheral as a block; UART[1] is one of an array. */
function blockOf(peripheral: SvdPeripheral, file: SvdFile, index: number, offset: number): BlockSketch {
  const [, name = peripheral.name, label] = /^(.*)\[(\d+)\]$/.exec(peripheral.name) ?? [];
  return {
    kind: 'block',
    name,
    offset,
    where: peripheral.name,
    ...(label !== undefined && { repeat: { kind: 'array', stride: 0, labels: [label] } }),
    ...(peripheral.size > 0 && { size: peripheral.size }),
    ...(peripheral.description !== undefined && { description: peripheral.description }),
    children: file.registersOf(index),
  };
}

/** What is another view of a place that something else is at. */
function alternate<S extends Sketch>(sketch: S): S {
  return sketch.kind === 'register'
    ? { ...sketch, alternate: true }
    : { ...sketch, children: sketch.children.map(alternate) };
}
