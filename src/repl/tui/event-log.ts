import type { Device } from '../../vfio/device.js';
import type { JournalEntry } from '../../vfio/journal.js';
import { escape } from '../../views/escape.js';
import type { Line } from '../../views/line.js';
import { entryText, isAbout, type JournalTopic } from '../journal-text.js';

/** Entries that are kept to be shown; the journal itself keeps more. */
const MOST = 2000;

/** What happened to the device lately, as it happens: a copy of the journal's end, for as long as somebody looks. */
export class EventLog {
  readonly #changed: () => void;
  #device: Device | undefined;
  #leave: () => void = () => undefined;
  #entries: JournalEntry[] = [];
  /** What was to be seen when it was halted. */
  #halted: readonly JournalEntry[] | undefined;
  #missed = 0;
  #topics: readonly JournalTopic[];

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
    this.#fill();
    if (device !== undefined) this.#leave = device.journal.follow((entry) => this.#take(entry));
  }

  get topics(): readonly JournalTopic[] {
    return this.#topics;
  }

  set topics(topics: readonly JournalTopic[]) {
    this.#topics = topics;
    this.#fill();
  }

  #fill(): void {
    const all = this.#device === undefined ? [] : [...this.#device.journal.entries()];
    this.#entries = all.filter((entry) => isAbout(entry, this.#topics)).slice(-MOST);
    this.#changed();
  }

  #take(entry: JournalEntry): void {
    if (!isAbout(entry, this.#topics)) return;
    this.#entries.push(entry);
    if (this.#halted !== undefined) this.#missed += 1;
    // Not one by one: moving thousands of entries for each new one would cost more than showing them.
    if (this.#entries.length > 2 * MOST) this.#entries = this.#entries.slice(-MOST);
    this.#changed();
  }

  get halted(): boolean {
    return this.#halted !== undefined;
  }

  /** Keeps what is to be seen as it is, or lets it go on; nothing is lost meanwhile. */
  halt(on: boolean): void {
    this.#halted = on ? this.#entries.slice(-MOST) : undefined;
    this.#missed = 0;
    this.#changed();
  }

  /** Entries that came since it was halted. */
  get missed(): number {
    return this.#missed;
  }

  /** The oldest first: time in seconds, what kind, and what happened. */
  get lines(): Line[] {
    const shown = this.#halted ?? this.#entries.slice(-MOST);
    const start = this.#device === undefined ? 0 : startOf(this.#device);
    return shown.map((entry) => [
      { text: ((entry.time - start) / 1e9).toFixed(6).padStart(12), role: 'address' },
      { text: ` ${escape(entryText(entry))}`, role: roleOf(entry) },
    ]);
  }

  close(): void {
    this.#leave();
  }
}

function startOf(device: Device): number {
  for (const entry of device.journal.entries()) return entry.time;
  return 0;
}

function roleOf({ kind }: JournalEntry): 'fault' | 'plain' {
  return kind === 'error' || kind === 'lost' || kind === 'dma-fault' ? 'fault' : 'plain';
}
