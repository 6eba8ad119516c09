import { monotonicNs } from '../../vfio/journal.js';
import { Tally } from '../../vfio/tally.js';
import { Ticker } from '../../vfio/ticker.js';
import { ValueCounts } from '../../vfio/value-counts.js';
import { bytesOf } from '../../vfio/width.js';
import { hexValue, timeText } from '../../views/numbers.js';
import type { Column, FieldsView, TableView, View } from '../../views/view.js';
import { defaulted, duration, integer, type Location, location, optional, toggle } from '../arguments.js';
import { reasonOf } from '../cells.js';
import { type Context, defineCommand } from '../command.js';
import { fieldsIn, fieldText } from '../field-text.js';
import { namedBits, nameOf } from '../named-place.js';
import { cautionAt, refusal } from '../watch-list.js';

/** Reads of one block: so many at first, so many at the most, and the time that one may take, in milliseconds. */
const FIRST_BLOCK = 1024;
const MOST_BLOCK = 65536;
const BLOCK_MS = 5;
/** Samples where nobody says how many. */
const CUSTOMARY = 1000;

/** Characters of the bar that stands for all samples. */
const BAR = 30;

const columns: readonly Column[] = [
  { key: 'value', header: 'value' },
  { key: 'fields', header: '', shrink: true },
  { key: 'count', header: 'count', align: 'right' },
  { key: 'share', header: 'share', align: 'right' },
  { key: 'bar', header: '' },
];

/** One run of `sample`: reads of one place, and what they brought. */
class Sampling {
  readonly counts = new ValueCounts();
  reads = 0;
  readonly faults = new Map<string, number>();
  /** Nanoseconds that reading took: with a period, all of the time. */
  took = 0;
  readonly #context: Context<'device'>;
  readonly #at: Location;
  readonly #allowSplit: boolean;
  readonly #bytes: Uint8Array;

  constructor(context: Context<'device'>, at: Location, allowSplit: boolean) {
    this.#context = context;
    this.#at = at;
    this.#allowSplit = allowSplit;
    this.#bytes = new Uint8Array(MOST_BLOCK * bytesOf(at.width));
  }

  /** `count` reads one behind another, as fast as they go. */
  async tightly(count: number): Promise<void> {
    for (let block = FIRST_BLOCK; this.reads < count;) {
      const took = this.#read(Math.min(block, count - this.reads));
      this.took += took;
      if (took < (BLOCK_MS / 2) * 1e6) block = Math.min(MOST_BLOCK, block * 2);
      else if (took > BLOCK_MS * 1e6) block = Math.max(1, block >> 1);
      this.#context.progress(`${this.reads} of ${count} samples`);
      await this.#context.breathe();
    }
  }

  /** `count` reads, one every so many milliseconds. */
  async paced(count: number, every: number): Promise<void> {
    const ticker = new Ticker(every);
    const tally = new Tally();
    try {
      for (;;) {
        tally.beginRound();
        this.#read(1, tally);
        this.took = monotonicNs() - ticker.start;
        if (this.reads >= count) return;
        this.#context.progress(`${this.reads} of ${count} samples`);
        await ticker.next(this.#context.signal);
      }
    } finally {
      tally.enter(this.#context.device.journal, `sample ${nameOf(this.#at)}`);
    }
  }

  /** Counts the values of `count` reads. @returns the nanoseconds that the reads took. */
  #read(count: number, tally?: Tally): number {
    const started = monotonicNs();
    const { space, offset, width, field } = this.#at;
    const { bytes, faults } = space.readBlock(
      { offset, width, count, stride: 0 },
      { into: this.#bytes, allowSplit: this.#allowSplit, ...(tally && { tally }) },
    );
    const took = monotonicNs() - started;
    const part = field === undefined ? undefined : (word: bigint) => namedBits(field, word);
    let next = 0;
    for (const { index, count: failed, error } of faults) {
      this.counts.addWords(bytes, width, next, index - next, part);
      next = index + failed;
      const reason = reasonOf(error);
      this.faults.set(reason, (this.faults.get(reason) ?? 0) + failed);
    }
    this.counts.addWords(bytes, width, next, count - next, part);
    this.reads += count;
    return took;
  }
}

/** What was sampled: its numbers, and the values that came most often. */
function sampleView({ counts, reads, took, faults }: Sampling, at: Location, most: number): View {
  const { min, max, changed, transitions, distinct, total } = counts;
  const { register, field, width } = at;
  const perSecond = (reads / took) * 1e9;
  const text = (value: bigint): string => (field === undefined ? hexValue(value, width) : fieldText(field, value));
  const values = counts.top(most).map(({ value, count }) => ({ value, count, share: count / total }));
  const refused = [...faults].map(([reason, count]) => ({ reason, count }));
  const rest = total - values.reduce((sum, { count }) => sum + count, 0);
  const rows = values.map(({ value, count, share }) => ({
    value: text(value),
    fields: register === undefined || field !== undefined ? '' : fieldsIn(register, value, changed),
    ...shareCells(count, share),
  }));
  if (rest > 0) rows.push({ value: 'others', fields: '', ...shareCells(rest, rest / total) });
  const fields: FieldsView['fields'] = [
    { label: 'samples', value: String(reads), note: `in ${timeText(took)}, ${rateText(perSecond)} per second` },
    ...refused.map(({ reason, count }) => ({ label: 'not read', value: String(count), note: reason })),
    ...(min === undefined || max === undefined
      ? []
      : [
          {
            label: 'values',
            value: counts.others > 0 ? `more than ${distinct}` : String(distinct),
            note: `from ${text(min)} to ${text(max)}`,
          },
          { label: 'changes', value: String(transitions), note: 'from one sample to the next' },
          { label: 'bits that changed', value: changed === 0n ? 'none' : `0x${changed.toString(16)}` },
        ]),
  ];
  const data = { kind: 'sample', name: nameOf(at), reads, seconds: took / 1e9, perSecond };
  const seen = { min, max, changed, transitions, distinct, values, rest, faults: refused };
  const table: TableView = { kind: 'table', columns, rows, empty: 'no value was read' };
  return { kind: 'all', views: [{ kind: 'fields', title: nameOf(at), fields }, table], data: { ...data, ...seen } };
}

function shareCells(count: number, share: number): { count: string; share: string; bar: string } {
  return { count: String(count), share: `${(share * 100).toFixed(2)} %`, bar: '#'.repeat(Math.ceil(share * BAR)) };
}

/** '1.23M', '45.6k', '12.0'. */
function rateText(perSecond: number): string {
  if (perSecond >= 999.5e3) return `${(perSecond / 1e6).toPrecision(3)}M`;
  return perSecond >= 999.5 ? `${(perSecond / 1e3).toPrecision(3)}k` : perSecond.toPrecision(3);
}

export const commands = [
  defineCommand({
    name: 'sample',
    group: 'registers',
    summary: 'read one place many times, and count its values',
    details:
      'Reads one behind another as fast as they go, by machine code where the space is mapped, or one in each period of --every. Shows how ' +
      'often each value came, the most frequent first, the rate, and the bits that changed. Ctrl-C ends it with what was read so far. ' +
      'Of more than 65536 different values the late ones are counted together. A register whose read has an effect is refused, ' +
      'unless --force.',
    arguments: {
      location: location('what to read'),
      count: defaulted(integer('how many times', { least: 1, label: 'COUNT' }), CUSTOMARY),
    },
    flags: {
      every: optional(duration('from one read to the next; at once, if left out')),
      top: defaulted(integer('how many values to show', { least: 1, most: 65536 }), 16),
      force: toggle('also where a read has an effect'),
      allowSplit: toggle('let the kernel or the server split an access that the path cannot make in one go'),
    },
    effect: 'read',
    timing: 'samples',
    needs: 'device',
    width: true,
    examples: [
      { line: 'sample region0 0x0 100000', says: 'how fast a mapped word can be read', device: 'sim:sram' },
      {
        line: 'sample region1 0x110 20 --every 1ms',
        says: 'interrupts that a burst has still to send',
        device: 'sim:sram',
        after: ['poke region1 0x104 20', 'poke region1 0x10c 1000', 'poke region1 0x100 0'],
      },
    ],
    async run(context, { arguments: { location: at, count }, flags }): Promise<View> {
      const reason = flags.force ? undefined : cautionAt(context.device, at);
      if (reason !== undefined) throw refusal('sample', at, reason);
      const sampling = new Sampling(context, at, flags.allowSplit);
      try {
        if (flags.every === undefined) await sampling.tightly(count);
        else await sampling.paced(count, flags.every);
      } catch (error) {
        // Ctrl-C: what was read so far is shown.
        if (!context.signal.aborted || sampling.reads === 0) throw error;
      }
      context.needValues();
      context.session.last = sampling.counts.last ?? context.session.last;
      return sampleView(sampling, at, flags.top);
    },
  }),
];
