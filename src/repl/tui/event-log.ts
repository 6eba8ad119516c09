import type { Device } from '../../vfio/device.js';
import { type JournalEntry, monotonicNs } from '../../vfio/journal.js';
import { escape } from '../../views/escape.js';
import type { Line } from '../../views/line.js';
import type { Lines } from './pane.js';
import { entryText, isAbout, type JournalTopic } from '../journal-text.js';

/** Entries that are kept to be shown; the journal itself keeps more. */
const MOST = 2000;

/**
 * What happened to the device lately, as it happens: the end of its journal. As lines, the oldest first: time in seconds, and what happened.
 * They are made when they are asked for: in a storm nobody sees most of them.
 */
export class EventLog implements Lines {
  readonly #changed: () => void;
  #device: Device | undefined;
  #leave: () => void = () => undefined;
  /** Where the journal has what is shown: numbers of entries. */
  #sequences: number[] = [];
  /** What was to be seen when it was halted. */
  #halted: readonly JournalEntry[] | undefined;
  #missed = 0;
  #topics: readonly JournalTopic[];
  /** Whether entries of a kind are shown, as far as that was asked. */
  readonly #shows = new Map<JournalEntry['kind'], boolean>();
  /** It was told that something has changed, and nobody has looked since. */
  #told = false;
  /** The time that the others are counted from: that of the oldest entry there was when the device was turned to. */
  #start = 0;

  constructor(topics: readonly JournalTopic[], changed: () => void) {
    this.#topics = topics;
    this.#changed = changed;
  }

  /** Turns to another device. */
  follow(device: Device | undefined): void {
    if (device === this.#device) return;
    this.#leave();
    this.#leave = () => undefined;
    this.#device = device;
    this.#start = device === undefined ? 0 : startOf(device);
    this.#fill();
    if (device !== undefined) this.#leave = device.journal.watch((kind, sequence) => this.#take(kind, sequence));
  }

  get topics(): readonly JournalTopic[] {
    return this.#topics;
  }

  set topics(topics: readonly JournalTopic[]) {
    this.#topics = topics;
    this.#shows.clear();
    this.#fill();
  }

  #fill(): void {
    const all = this.#device === undefined ? [] : [...this.#device.journal.entries()];
    const about = all.filter((entry) => isAbout(entry, this.#topics)).slice(-MOST);
    this.#sequences = about.map(({ sequence }) => sequence);
    this.#changed();
  }

  #take(kind: JournalEntry['kind'], sequence: number): void {
    let shown = this.#shows.get(kind);
    if (shown === undefined) this.#shows.set(kind, (shown = isAbout({ kind }, this.#topics)));
    if (!shown) return;
    this.#sequences.push(sequence);
    if (this.#halted !== undefined) this.#missed += 1;
    // Not one by one: moving thousands of entries for each new one would cost more than showing them.
    if (this.#sequences.length > 2 * MOST) this.#sequences = this.#sequences.slice(-MOST);
    if (this.#told) return;
    this.#told = true;
    this.#changed();
  }

  get halted(): boolean {
    return this.#halted !== undefined;
  }

  /** Keeps what is to be seen as it is, or lets it go on; nothing is lost meanwhile. */
  halt(on: boolean): void {
    this.#halted = on ? this.#entries(0, this.length) : undefined;
    this.#missed = 0;
    this.#changed();
  }

  /** Entries that came since it was halted. */
  get missed(): number {
    return this.#missed;
  }

  get length(): number {
    return this.#halted?.length ?? Math.min(MOST, this.#sequences.length);
  }

  slice(start = 0, end = this.length): Line[] {
    this.#told = false;
    const shown = this.#halted?.slice(start, end) ?? this.#entries(start, end);
    return shown.map((entry) => this.#lineOf(entry));
  }

  #entries(start: number, end: number): JournalEntry[] {
    const first = this.#sequences.length - this.length;
    return this.#sequences.slice(first + start, first + end).flatMap((each) => this.#device?.journal.entry(each) ?? []);
  }

  at(index: number): Line | undefined {
    return this.slice(index, index + 1)[0];
  }

  #lineOf(entry: JournalEntry): Line {
    return [
      { text: ((entry.time - this.#start) / 1e9).toFixed(6).padStart(12), role: 'address' },
      { text: ` ${escape(entryText(entry))}`, role: roleOf(entry) },
    ];
  }

  close(): void {
    this.#leave();
  }
}

function startOf(device: Device): number {
  for (const entry of device.journal.entries()) return entry.time;
  return monotonicNs();
}

function roleOf({ kind }: JournalEntry): 'fault' | 'plain' {
  return kind === 'error' || kind === 'lost' || kind === 'irq-error' || kind === 'dma-fault' ? 'fault' : 'plain';
}
