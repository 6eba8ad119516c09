import type { JournalEntry } from '../vfio/journal.js';
import { hexValue, place } from '../views/numbers.js';

/** The words that `log` and `record` filter by, each with the kinds of entry it stands for. */
export const journalTopics = {
  access: ['read', 'write', 'read-block', 'write-block'],
  irq: ['irq', 'irq-control', 'irq-error'],
  dma: ['dma', 'dma-fault'],
  reset: ['reset'],
  bind: ['bind'],
  error: ['error', 'lost', 'irq-error', 'dma-fault'],
  command: ['command'],
  device: ['open', 'close', 'lost', 'bind'],
  note: ['note'],
} as const satisfies Readonly<Record<string, readonly JournalEntry['kind'][]>>;

export type JournalTopic = keyof typeof journalTopics;

export const topicNames = Object.keys(journalTopics) as JournalTopic[];

export function isAbout({ kind }: Pick<JournalEntry, 'kind'>, topics: readonly JournalTopic[]): boolean {
  if (topics.length === 0) return true;
  return topics.some((topic) => (journalTopics[topic] as readonly string[]).includes(kind));
}

/** What happened, as one line without its time. */
export function entryText(entry: JournalEntry): string {
  if ('text' in entry) return entry.text;
  const at = `${place(entry.space, entry.offset)} (${entry.width} bits)`;
  if ('stride' in entry) {
    const verb = entry.kind === 'read-block' ? 'read' : 'write';
    const stride = entry.stride * 8 === entry.width ? '' : `, stride ${entry.stride}`;
    const faults = entry.faults === 0 ? '' : `, ${entry.faults} refused`;
    const last = entry.last === undefined ? '' : `, the last ${hexValue(entry.last, entry.width)}`;
    return `${verb} ${at} x ${entry.count}${stride}${faults}${last}`;
  }
  if (entry.value === undefined) return `${entry.kind} ${at} refused: ${entry.fault ?? 'fault'}`;
  return `${entry.kind} ${at} ${entry.kind === 'read' ? '=' : '<-'} ${hexValue(entry.value, entry.width)}`;
}

/** An entry as plain data for JSON: 64-bit values as text, times in nanoseconds of CLOCK_MONOTONIC. */
export function entryData(entry: JournalEntry): Readonly<Record<string, unknown>> {
  if ('value' in entry && entry.value !== undefined) return { ...entry, value: hexValue(entry.value, entry.width) };
  if ('last' in entry && entry.last !== undefined) return { ...entry, last: hexValue(entry.last, entry.width) };
  return { ...entry };
}
