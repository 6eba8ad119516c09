import { setTimeout as pause } from 'node:timers/promises';
import type { Device } from '../../vfio/device.js';
import { until } from '../../vfio/until.js';
import type { ReadView, View } from '../../views/view.js';
import { countText } from '../../views/numbers.js';
import { defaulted, duration, toggle } from '../arguments.js';
import { type Comparison, comparison } from '../arguments/comparison.js';
import { bitsOf, checkWanted, foundText, holds, wantedText } from '../comparison.js';
import { defineCommand } from '../command.js';
import { namedBits, nameOf, shownName } from '../named-place.js';
import { ExpectationError } from '../usage-error.js';
import { cautionAt, refusal } from '../watch-list.js';

/** The view of one read, of the bits that were named. */
function readView(device: Device, { at }: Comparison, word: number | bigint): ReadView {
  const { space, offset, width, field } = at;
  const value = field === undefined ? word : namedBits(field, BigInt(word));
  return { kind: 'read', space: space.name, offset, width, value, ...shownName(device, at) };
}

function notAsWanted(message: string, wanted: Comparison, read: number | bigint): ExpectationError {
  const actual = foundText(wanted, BigInt(read));
  return new ExpectationError(message, undefined, {
    location: nameOf(wanted.at),
    expected: wantedText(wanted),
    actual,
  });
}

export const commands = [
  defineCommand({
    name: 'expect',
    group: 'scripts',
    summary: 'read one place and fail where its value is not as expected',
    details:
      'VALUE:MASK compares the bits of the mask only; FIELD=VALUE fields of a register, all of the same read, by number or by name. An ' +
      'expectation that does not hold ends a script with exit code 3.',
    arguments: { wanted: comparison('where to read, and what the value should be') },
    flags: {},
    effect: 'read',
    needs: 'device',
    width: true,
    checks: true,
    examples: [
      { line: 'expect region0 0 == 0x010000ed', says: 'this is an edu device', device: 'sim:edu' },
      { line: 'expect region0 0x20 == 0:0x1', says: 'the factorial unit is idle', device: 'sim:edu' },
    ],
    run(context, { arguments: { wanted } }): View {
      const { space, offset, width } = wanted.at;
      checkWanted('expect', wanted);
      const read = space.read(width, offset);
      const view = readView(context.device, wanted, read);
      context.session.last = BigInt(view.value);
      if (!context.device.gate.planning && !holds(wanted, BigInt(read))) {
        throw notAsWanted(`expected ${wantedText(wanted)}, but it is ${foundText(wanted, BigInt(read))}`, wanted, read);
      }
      return view;
    },
  }),

  defineCommand({
    name: 'wait',
    group: 'scripts',
    summary: 'read one place until its value is as wanted, and say how long that took',
    details:
      'Reads without a pause for the first 200 us, then with pauses that grow from 1 ms to 10 ms, and a last time when the time is up. A ' +
      'time-out is an expectation that failed: exit code 3, with the last value read. A register whose read has an effect is not read ' +
      'again and again, unless --force.',
    arguments: { wanted: comparison('where to read, and what to wait for') },
    flags: {
      timeout: defaulted(duration('how long to go on'), 1000),
      force: toggle('also where a read has an effect'),
    },
    effect: 'read',
    needs: 'device',
    width: true,
    checks: true,
    timing: 'polls',
    examples: [
      {
        line: 'wait region0 0x20 == 0:0x1 --timeout 100ms',
        says: 'until the factorial is computed',
        device: 'sim:edu',
        after: ['poke region0 0x8 5'],
      },
    ],
    async run(context, { arguments: { wanted }, flags }): Promise<View> {
      const { at } = wanted;
      checkWanted('wait', wanted);
      const reason = flags.force ? undefined : cautionAt(context.device, at);
      if (reason !== undefined) throw refusal('wait', at, reason);
      const { planning } = context.device.gate;
      const condition = bitsOf(wanted) ?? ((word: bigint) => planning || holds(wanted, word));
      const { timeout: timeoutMs } = flags;
      const { matched, value, reads, took } = await until(at.space, at, condition, {
        timeoutMs,
        signal: context.signal,
      });
      const view = { ...readView(context.device, wanted, at.width === 64 ? value : Number(value)), took, reads };
      context.session.last = BigInt(view.value);
      if (matched) return view;
      const found = `it is ${foundText(wanted, value)} (${countText(reads, 'read')})`;
      throw notAsWanted(`${wantedText(wanted)} did not come in ${timeoutMs} ms; ${found}`, wanted, value);
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
