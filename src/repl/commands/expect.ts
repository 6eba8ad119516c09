import { setTimeout as pause } from 'node:timers/promises';
import { maxOf, type Width } from '../../vfio/width.js';
import { hexValue, place } from '../../views/numbers.js';
import type { View } from '../../views/view.js';
import { choice, defaulted, duration, location, maskedValue } from '../arguments.js';
import type { Location, MaskedValue } from '../arguments.js';
import { defineCommand } from '../command.js';
import { checkComparable } from '../fit.js';
import { ExpectationError } from '../usage-error.js';

const comparisons = {
  '==': (left: bigint, right: bigint) => left === right,
  '!=': (left: bigint, right: bigint) => left !== right,
  '<': (left: bigint, right: bigint) => left < right,
  '<=': (left: bigint, right: bigint) => left <= right,
  '>': (left: bigint, right: bigint) => left > right,
  '>=': (left: bigint, right: bigint) => left >= right,
} as const;

type Comparison = keyof typeof comparisons;
const operators = Object.keys(comparisons) as Comparison[];

/** Reads made without a pause before `wait` lets the event loop run, and the pause after that in milliseconds. */
const TIGHT_READS = 256;
const PAUSE_MS = 1;

function holds(value: bigint, operator: Comparison, wanted: MaskedValue, width: Width): boolean {
  const mask = wanted.mask ?? maxOf(width);
  return comparisons[operator](value & mask, wanted.value & mask);
}

function condition(at: Location, operator: Comparison, { value, mask }: MaskedValue): string {
  const masked = mask === undefined ? '' : ` in the bits 0x${mask.toString(16)}`;
  return `${place(at.space.name, at.offset)} ${operator} ${hexValue(value, at.width)}${masked}`;
}

export const commands = [
  defineCommand({
    name: 'expect',
    group: 'scripts',
    summary: 'read one place and fail where its value is not as expected',
    details:
      'VALUE:MASK compares the bits of the mask only. An expectation that does not hold ends a script with exit code 3.',
    arguments: {
      location: location('where to read'),
      operator: choice('how to compare', operators),
      value: maskedValue('the value expected; VALUE:MASK for some bits only'),
    },
    flags: {},
    effect: 'read',
    needs: 'device',
    width: true,
    examples: [
      { line: 'expect region0 0 == 0x010000ed', says: 'this is an edu device', device: 'sim:edu' },
      { line: 'expect region0 0x20 == 0:0x1', says: 'the factorial unit is idle', device: 'sim:edu' },
    ],
    run(context, { arguments: { location: at, operator, value: wanted } }): View {
      checkComparable('expect', at, wanted);
      const read = at.space.read(at.width, at.offset);
      context.session.last = BigInt(read);
      if (!context.device.gate.planning && !holds(BigInt(read), operator, wanted, at.width)) {
        throw new ExpectationError(
          `expected ${condition(at, operator, wanted)}, but it is ${hexValue(read, at.width)}`,
        );
      }
      return { kind: 'read', space: at.space.name, offset: at.offset, width: at.width, value: read };
    },
  }),

  defineCommand({
    name: 'wait',
    group: 'scripts',
    summary: 'read one place until its value is as wanted',
    details:
      'Reads without a pause at first, then about every millisecond. A time-out is an expectation that failed: exit code 3 in a ' +
      'script, with the last value read.',
    arguments: {
      location: location('where to read'),
      operator: choice('how to compare', operators),
      value: maskedValue('the value waited for; VALUE:MASK for some bits only'),
    },
    flags: { timeout: defaulted(duration('how long to go on'), 1000) },
    effect: 'read',
    needs: 'device',
    width: true,
    examples: [
      {
        line: 'wait region0 0x20 == 0:0x1 --timeout 100ms',
        says: 'until the factorial is computed',
        device: 'sim:edu',
        after: ['poke region0 0x8 5'],
      },
    ],
    async run(context, { arguments: { location: at, operator, value: wanted }, flags }): Promise<View> {
      const { space, offset, width } = at;
      checkComparable('wait', at, wanted);
      const started = performance.now();
      let read = 0 as number | bigint;
      const met = (): boolean => {
        if (operator === '==') {
          const mask = wanted.mask ?? maxOf(width);
          const polled = space.poll(width, offset, { mask, want: wanted.value & mask, iterations: TIGHT_READS });
          read = polled.value;
          return polled.matched;
        }
        read = space.read(width, offset);
        return context.device.gate.planning || holds(BigInt(read), operator, wanted, width);
      };
      while (!met()) {
        if (performance.now() - started > flags.timeout) {
          throw new ExpectationError(
            `${condition(at, operator, wanted)} did not come in ${flags.timeout} ms; it is ${hexValue(read, width)}`,
          );
        }
        await pause(PAUSE_MS, undefined, { signal: context.signal });
      }
      context.session.last = BigInt(read);
      return { kind: 'read', space: space.name, offset, width, value: width === 64 ? read : Number(read) };
    },
  }),

  defineCommand({
    name: 'sleep',
    group: 'scripts',
    summary: 'wait for a time',
    arguments: { duration: duration('how long') },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [{ line: 'sleep 10ms', says: 'give the device a moment' }],
    async run(context, { arguments: { duration: ms } }): Promise<void> {
      await pause(ms, undefined, { signal: context.signal });
    },
  }),
];
