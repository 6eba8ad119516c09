import { Scan } from '../../vfio/scan.js';
import { Ticker } from '../../vfio/ticker.js';
import { countText, hexValue } from '../../views/numbers.js';
import { type Sample, Series } from '../../views/series.js';
import type { ChartView, View } from '../../views/view.js';
import { defaulted, duration, integer, type Location, location, optional, toggle } from '../arguments.js';
import { type Context, defineCommand } from '../command.js';
import { fieldText } from '../field-text.js';
import { namedBits, nameOf } from '../named-place.js';
import { cautionAt, refusal } from '../watch-list.js';

/** How long a plot goes on where nothing is said, in milliseconds. */
const CUSTOMARY = 10_000;
/** Samples that are shown while they come in, at the most: those of a wide screen, one a column. */
const MOST_RECENT = 512;

interface Limits {
  /** Milliseconds. */
  readonly every: number;
  readonly count: number | undefined;
  readonly for: number | undefined;
  readonly rows: number;
  readonly hex: boolean;
  readonly allowSplit: boolean;
}

/** One run of `plot`. */
class Plot {
  readonly #context: Context<'device'>;
  readonly #at: Location;
  readonly #limits: Limits;
  readonly #series = new Series();
  readonly #recent: Sample[] = [];
  readonly #faults = new Map<string, number>();
  #min: bigint | undefined;
  #max: bigint | undefined;
  #last: bigint | undefined;
  #seconds = 0;

  constructor(context: Context<'device'>, at: Location, limits: Limits) {
    this.#context = context;
    this.#at = at;
    this.#limits = limits;
  }

  async run(): Promise<View> {
    const { device, signal, session, dryRun } = this.#context;
    const { every, allowSplit } = this.#limits;
    const scan = new Scan([this.#at], { journal: device.journal, allowSplit });
    if (dryRun) scan.rehearse();
    this.#context.needValues();
    const ticker = new Ticker(every);
    try {
      for (;;) {
        scan.round();
        this.#take(scan);
        this.#seconds = ticker.elapsed / 1000;
        if (this.#ended()) break;
        this.#context.live(() => this.#chart(this.#recent, (this.#recent.length - 1) * (every / 1000)));
        await ticker.next(signal);
      }
    } catch (error) {
      // Ctrl-C: what was read so far is drawn.
      if (!signal.aborted || this.#series.count === 0) throw error;
    } finally {
      scan.end(`plot ${nameOf(this.#at)}`);
    }
    session.last = this.#last ?? session.last;
    return this.#chart(this.#series.samples, this.#seconds);
  }

  #take(scan: Scan): void {
    const fault = scan.fault(0);
    const word = scan.value(0);
    let sample: Sample;
    if (fault !== undefined) this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + 1);
    else if (word !== undefined) {
      sample = namedBits(this.#at.field, word);
      this.#last = sample;
      if (this.#min === undefined || sample < this.#min) this.#min = sample;
      if (this.#max === undefined || sample > this.#max) this.#max = sample;
    }
    this.#series.add(sample);
    this.#recent.push(sample);
    if (this.#recent.length > MOST_RECENT) this.#recent.shift();
  }

  #ended(): boolean {
    const { count, for: time, every } = this.#limits;
    if (count !== undefined && this.#series.count >= count) return true;
    const most = time ?? (count === undefined ? CUSTOMARY : Infinity);
    return this.#seconds * 1000 + every > most;
  }

  #chart(samples: readonly Sample[], seconds: number): ChartView {
    const { rows, every } = this.#limits;
    const [min, max, last] = [this.#min, this.#max, this.#last];
    const faults = [...this.#faults].map(([reason, count]) => ({ reason, count }));
    const said = [
      countText(this.#series.count, 'sample'),
      ...(min === undefined || max === undefined || last === undefined
        ? []
        : [`from ${this.#text(min)} to ${this.#text(max)}`, `the last ${this.#text(last)}`]),
    ];
    const name = nameOf(this.#at);
    return {
      kind: 'chart',
      title: name,
      samples,
      seconds,
      rows,
      notes: [said.join(', '), ...faults.map(({ reason, count }) => `${count} not read: ${reason}`)],
      label: (value) => this.#text(value),
      data: {
        name,
        every,
        seconds,
        count: this.#series.count,
        min,
        max,
        last,
        samples: samples.map((one) => one ?? null),
        faults,
      },
    };
  }

  #text(value: bigint): string {
    const { field, width } = this.#at;
    if (this.#limits.hex) return field === undefined ? hexValue(value, width) : `0x${value.toString(16)}`;
    return field === undefined || field.values.length === 0 ? value.toString() : fieldText(field, value);
  }
}

export const commands = [
  defineCommand({
    name: 'plot',
    group: 'registers',
    summary: 'draw the value of one place over time',
    details:
      'Reads the place once in each period, for ten seconds unless --for or --count say otherwise; Ctrl-C ends it earlier. On a terminal the ' +
      'latest values are drawn as they come; at the end all of the time is drawn, where a column stands for several values by the one ' +
      'that is farthest from the column before it. Where the place could not be read, the curve has a gap. A register whose read has an ' +
      'effect is refused, unless --force.',
    arguments: { location: location('what to read: a place, a register or a field') },
    flags: {
      every: defaulted(duration('from one read to the next'), 100),
      count: optional(integer('how many reads', { least: 1 })),
      for: optional(duration('how long to go on')),
      rows: defaulted(integer('lines of the chart, at the most', { least: 2, most: 200 }), 12),
      hex: toggle('hexadecimal values'),
      force: toggle('also where a read has an effect'),
      allowSplit: toggle('let the kernel or the server split an access that the path cannot make in one go'),
    },
    effect: 'read',
    timing: 'samples',
    needs: 'device',
    width: true,
    examples: [
      {
        line: 'plot region1 0x110 --every 2ms --count 30',
        says: 'interrupts that a burst has still to send',
        device: 'sim:sram',
        after: ['poke region1 0x104 50', 'poke region1 0x10c 1000', 'poke region1 0x100 0'],
      },
    ],
    run(context, { arguments: { location: at }, flags }): Promise<View> {
      const reason = flags.force ? undefined : cautionAt(context.device, at);
      if (reason !== undefined) throw refusal('plot', at, reason);
      return new Plot(context, at, flags).run();
    },
  }),
];
