import { Scan } from '../../vfio/scan.js';
import { Ticker } from '../../vfio/ticker.js';
import { countText } from '../../views/numbers.js';
import type { View } from '../../views/view.js';
import { changeView } from '../../views/watch-view.js';
import { defaulted, duration, file, integer, many, optional, toggle } from '../arguments.js';
import { type Condition, condition } from '../arguments/condition.js';
import { places as placesArgument } from '../arguments/places.js';
import { type Context, defineCommand } from '../command.js';
import { CsvFile } from '../csv-file.js';
import { refuseLoss, replace } from '../kept-file.js';
import type { Environment } from '../environment.js';
import { UsageError } from '../usage-error.js';
import { namedBits } from '../named-place.js';
import { cautionAt, refusal, WatchList } from '../watch-list.js';

/** Places whose first values stand in the first line, at the most. */
const MOST_FIRST = 8;
/** What one round may take without a word, in milliseconds. */
const HICCUP = 10;
/** The shortest period, in milliseconds. */
const SHORTEST = 0.05;

interface Limits {
  /** Milliseconds. */
  readonly every: number;
  readonly until: Condition | undefined;
  /** Rounds. */
  readonly count: number | undefined;
  /** Milliseconds. */
  readonly for: number | undefined;
  readonly csv: string | undefined;
  readonly force: boolean;
  readonly replace: boolean;
  readonly allowSplit: boolean;
}

/** One run of `watch`. */
class Watch {
  readonly #context: Context<'device'>;
  readonly #list: WatchList;
  readonly #limits: Limits;
  readonly #scan: Scan;
  readonly #environment: Environment;
  #changes = 0;
  /** Rounds that were left out, since those before them took too long. */
  #missed = 0;
  /** Rounds one behind another whose reads took longer than the period, and what they were last said to take, in milliseconds. */
  #slow = 0;
  #said = 0;

  constructor(context: Context<'device'>, list: WatchList, limits: Limits) {
    this.#context = context;
    this.#list = list;
    this.#limits = limits;
    this.#scan = new Scan(list.places, { journal: context.device.journal, allowSplit: limits.allowSplit });
    this.#environment = this.#withSeen();
  }

  async *run(): AsyncGenerator<View> {
    const { session, signal, dryRun } = this.#context;
    const { every, csv: path, replace: replaced } = this.#limits;
    if (path !== undefined) refuseLoss(path, replaced);
    if (dryRun) {
      this.#scan.rehearse();
      return;
    }
    const names = this.#list.entries.map(({ name }) => name);
    const csv = path === undefined ? undefined : new CsvFile(path, ['time_s', ...names]);
    const ticker = new Ticker(every);
    let end: string | undefined;
    try {
      while (end === undefined) {
        const time = ticker.elapsed;
        const changes = this.#scan.round();
        const takes = ticker.elapsed - time;
        csv?.row([
          (time / 1000).toFixed(6),
          ...this.#list.entries.map((entry) => this.#list.textOf(entry, this.#scan)),
        ]);
        if (this.#scan.tally.rounds === 1) yield this.#first();
        else {
          for (const change of this.#list.changesOf(changes, ticker.start)) {
            this.#changes += 1;
            yield changeView(change, this.#list.nameWidth);
          }
        }
        session.last = changes.findLast(({ value }) => value !== undefined)?.value ?? session.last;
        end = this.#ended(ticker.elapsed);
        if (end !== undefined) break;
        this.#missed += await ticker.next(signal);
        if (this.#isNews(takes)) yield this.#slowness(takes);
      }
    } catch (error) {
      // Ctrl-C: the session says so, behind the summary.
      if (!signal.aborted) throw error;
    } finally {
      csv?.close();
      this.#scan.end('watch');
    }
    yield this.#summary(ticker.elapsed / 1000, end);
  }

  /** The session, but for places that were just read: the condition sees what the watch saw, and nothing is read twice for it. */
  #withSeen(): Environment {
    const { session, device } = this.#context;
    const { force } = this.#limits;
    return {
      variable: (name) => session.variable(name),
      load: (place) => {
        const seen = this.#list.places.findIndex(
          ({ space, offset, width }) => space === place.space && offset === place.offset && width === place.width,
        );
        const value = this.#scan.value(seen);
        if (value !== undefined && this.#scan.fault(seen) === undefined) return namedBits(place.field, value);
        const reason = force ? undefined : cautionAt(device, place);
        if (reason !== undefined) throw refusal('watch', place, reason);
        return session.load(place);
      },
    };
  }

  /** Why this was the last round; undefined where it was not. */
  #ended(elapsed: number): string | undefined {
    const { until, count, for: time, every } = this.#limits;
    if (until !== undefined && until.evaluate(this.#environment) !== 0n) return `${until.text} came`;
    if (count !== undefined && this.#scan.tally.rounds >= count) return countText(count, 'round');
    return time !== undefined && elapsed + every > time ? 'the time is up' : undefined;
  }

  #first(): View {
    const { entries, left } = this.#list;
    const values = entries.map((entry) => {
      const { name, place } = entry;
      const fault = this.#scan.fault(place);
      const value = this.#list.valueOf(entry, this.#scan);
      return fault === undefined ? { name, value } : { name, value: null, fault };
    });
    const shown = values
      .slice(0, MOST_FIRST)
      .map(
        ({ name, value, fault }) =>
          `${name} ${fault === undefined ? `= 0x${(value ?? 0n).toString(16)}` : `(${fault})`}`,
      );
    const what = entries.length > MOST_FIRST ? countText(entries.length, 'place') : shown.join(', ');
    const { every } = this.#limits;
    return {
      kind: 'text',
      prose: true,
      lines: [`every ${every} ms: ${what}`, ...left.map((reason) => `left out: ${reason}`)],
      data: { kind: 'watch', every, places: values, left },
    };
  }

  /** Whether it is to be said that reading took `takes`: once, and again when it is twice as long. A hiccup of a few milliseconds is none. */
  #isNews(takes: number): boolean {
    this.#slow = takes > this.#limits.every ? this.#slow + 1 : 0;
    return this.#slow > (takes < HICCUP ? 1 : 0) && takes > 2 * this.#said;
  }

  #slowness(takes: number): View {
    this.#said = takes;
    const { every } = this.#limits;
    const stretched = (Math.floor(takes / every) + 1) * every;
    const text = `reading takes ${takes.toPrecision(3)} ms: every ${stretched} ms in place of every ${every} ms`;
    return { kind: 'text', lines: [[{ text, role: 'warning' }]], data: { kind: 'slow', every, takes, stretched } };
  }

  #summary(seconds: number, end: string | undefined): View {
    const { rounds, reads, faults } = this.#scan.tally;
    const changes = this.#changes;
    const left = this.#missed === 0 ? '' : ` and ${this.#missed} left out`;
    const why = end === undefined ? '' : ` (${end})`;
    const text = `${countText(changes, 'change')} in ${countText(rounds, 'round')}${left}, ${seconds.toFixed(3)} s${why}`;
    const data = { kind: 'watched', changes, rounds, missed: this.#missed, reads, faults, seconds, end };
    return { kind: 'text', lines: [text], data };
  }
}

export const commands = [
  defineCommand({
    name: 'watch',
    group: 'registers',
    summary: 'read places again and again, and show what changes',
    details:
      'Each place is read once in a round, at its own width, in the order given; rounds keep to the clock, and one that takes too long says ' +
      'so. A register whose read has an effect is refused, and left out of a range; --force reads it. A place that cannot be read is ' +
      'shown once, and again when that changes. Ends with Ctrl-C, when --until holds (its [PLACE] is what was just read, $_ the value that ' +
      'changed last), after --for or --count rounds, or with the device. --csv writes a row for every round, whether or not anything ' +
      'changed: seconds since the start, and a decimal value for each place, empty where it could not be read. In the journal stand the ' +
      'reads that brought a change, and the number of all.',
    arguments: {
      places: many(placesArgument('what to read: a register or a field, several by a pattern, a place, a range'), 1),
    },
    flags: {
      every: defaulted(duration('from one round to the next'), 100),
      until: optional(condition('end when this is not 0')),
      for: optional(duration('how long to go on')),
      count: optional(integer('how many rounds', { least: 1 })),
      csv: optional(file('a file for every value that is read')),
      replace,
      force: toggle('read registers whose read has an effect, too'),
      allowSplit: toggle('let the kernel or the server split an access that the path cannot make in one go'),
    },
    effect: 'read',
    timing: 'samples',
    needs: 'device',
    width: true,
    examples: [
      {
        line: 'watch region1 0x110 --until [region1+0x110]==0 --every 1ms --for 5s',
        says: 'a burst of interrupts, until none is left',
        device: 'sim:sram',
        after: ['poke region1 0x104 20', 'poke region1 0x10c 1000', 'poke region1 0x100 0'],
      },
      { line: 'watch region0 0..0x100 --count 3', says: 'any of 64 words', device: 'sim:sram' },
    ],
    run(context, { arguments: { places }, flags }) {
      if (flags.every < SHORTEST) throw new UsageError(`--every is ${SHORTEST * 1000} us or more`);
      const list = WatchList.of('watch', context.device, places, flags.force);
      return new Watch(context, list, flags).run();
    },
  }),
];
