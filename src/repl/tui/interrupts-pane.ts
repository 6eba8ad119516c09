import { writeFileSync } from 'node:fs';
import type { Irq } from '../../vfio/irq.js';
import { monotonicNs } from '../../vfio/journal.js';
import { escape } from '../../views/escape.js';
import { type Line, lineText, lineWidth } from '../../views/line.js';
import { sparkline } from '../../views/tui/sparkline.js';
import type { Size } from '../../views/tui/layout.js';
import { fileError } from '../file-error.js';
import type { JournalTopic } from '../journal-text.js';
import type { Session } from '../session.js';
import { EventLog } from './event-log.js';
import { type Lines, LOOK_PATIENCE, Pane, type PaneHost } from './pane.js';

/** Milliseconds from an event to the picture of it at the most: in a storm one picture shows many. */
const EVENT_PATIENCE = 100;
/** Looks of which the rate is drawn. */
const HISTORY = 24;

/** Rows for the log, with its rule, that are left to it before the columns get a heading. */
const HEADING_ROOM = 7;
const noDevice: Line = [{ text: 'no device is open', role: 'dim' }];
const headingLine: Line = [{ text: 'interrupt  state    vectors     count      rate', role: 'heading' }];

/** What the log may be narrowed to, one after the other. */
const filters: readonly (readonly [name: string, topics: readonly JournalTopic[]])[] = [
  ['interrupts', ['irq', 'error', 'reset']],
  ['interrupts and accesses', ['irq', 'access', 'error', 'reset']],
  ['everything', []],
];

/** Each interrupt with its state, count and rate, and below that what happened, as it happens. */
export class InterruptsPane extends Pane {
  readonly kind = 'interrupts';
  readonly #session: Session;
  readonly #log: EventLog;
  readonly #rates = new Map<Irq, number[]>();
  readonly #counts = new Map<Irq, { readonly count: bigint; readonly time: number }>();
  #filter = 0;

  constructor(host: PaneHost, session: Session, every: number) {
    super(host, 'interrupts');
    this.#session = session;
    this.every = every;
    this.sticksToEnd = true;
    this.#log = new EventLog(filters[0]?.[1] ?? [], () => host.redraw(EVENT_PATIENCE));
  }

  get title(): string {
    const paused = this.#log.halted ? `, paused: ${this.#log.missed} came since` : '';
    return `interrupts and log of ${filters[this.#filter]?.[0] ?? ''}${paused}`;
  }

  /** Counts are the tool's own: the device is not touched. */
  override refresh(): void {
    const { device } = this.#session;
    this.#log.follow(device);
    if (device === undefined) return;
    const now = monotonicNs();
    for (const irq of device.irqs) {
      const count = countOf(irq);
      const before = this.#counts.get(irq);
      this.#counts.set(irq, { count, time: now });
      const seconds = before === undefined ? 0 : (now - before.time) / 1e9;
      const rate = before === undefined || seconds <= 0 ? 0 : Math.max(0, Number(count - before.count)) / seconds;
      const rates = this.#rates.get(irq) ?? [];
      rates.push(rate);
      if (rates.length > HISTORY) rates.shift();
      this.#rates.set(irq, rates);
    }
    this.host.redraw(LOOK_PATIENCE);
  }

  pause(): void {
    this.#log.halt(!this.#log.halted);
    this.host.redraw();
  }

  nextFilter(): void {
    this.#filter = (this.#filter + 1) % filters.length;
    this.#log.topics = filters[this.#filter]?.[1] ?? [];
    this.host.redraw();
  }

  /** Writes the log's lines to a new file. Throws VfioError where that fails. @returns how many there were. */
  export(path: string): number {
    const lines = this.#log.slice();
    try {
      writeFileSync(path, lines.map((line) => `${lineText(line).trim()}\n`).join(''), { flag: 'wx' });
    } catch (error) {
      throw fileError('export to', path, error);
    }
    return lines.length;
  }

  protected override header({ columns, rows }: Size): readonly Line[] {
    const irqs = [...(this.#session.device?.irqs ?? [])];
    if (irqs.length === 0) return [];
    // Those that are on come first where there is no room for all.
    const room = Math.max(1, Math.floor(rows / 2));
    const order = irqs.length > room ? irqs.toSorted((a, b) => Number(b.enabled) - Number(a.enabled)) : irqs;
    const lines = order.slice(0, room).map((irq) => this.#irqLine(irq, columns));
    // What the columns are is said where it takes no room from the log.
    const heading = rows >= irqs.length + HEADING_ROOM ? [headingLine] : [];
    return [...heading, ...lines, [{ text: '─'.repeat(columns), role: 'dim' }]];
  }

  protected body(): Lines {
    return this.#session.device === undefined ? [noDevice] : this.#log;
  }

  #irqLine(irq: Irq, columns: number): Line {
    const rates = this.#rates.get(irq) ?? [];
    const states = [...new Set(irq.vectors.map(({ number }) => irq.state(number)))];
    const state = states.length === 0 ? 'off' : states.join(', ');
    const rate = irq.enabled ? `${(rates.at(-1) ?? 0).toFixed(0)}/s` : '';
    const line: Line = [
      { text: escape(irq.name).padEnd(10), role: 'name' },
      { text: ` ${state.padEnd(8)}`, role: state === 'off' ? 'dim' : state === 'armed' ? 'good' : 'warning' },
      { text: ` ${`${irq.vectors.length}/${irq.info.count}`.padStart(7)}`, role: 'plain' },
      { text: ` ${String(countOf(irq)).padStart(9)} ${rate.padStart(9)} `, role: 'value' },
    ];
    const room = Math.max(0, columns - lineWidth(line));
    return [...line, { text: room === 0 ? '' : sparkline(rates.slice(-room)).trimEnd(), role: 'plain' }];
  }

  override close(): void {
    this.#log.close();
  }
}

function countOf(irq: Irq): bigint {
  return irq.vectors.reduce((sum, { count }) => sum + count, 0n);
}
