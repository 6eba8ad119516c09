import type { Device } from '../vfio/device.js';
import { countText, hexValue } from '../views/numbers.js';
import { StepCollector } from './step-collector.js';
import type { RecordedStep } from './recording-reader.js';
import { type Outcome, type Step, type StepPlace, stepText } from './recorded-step.js';
import type { ScriptFrame, Session } from './session.js';

/**
 * Follows a device while a script runs, and holds each access against the next one of a recording: the places, widths and values, refusals
 * as well, in order. Interrupts are counted. What is up to the clock is left out: when something happened, and how often a place was read
 * until it was as wanted.
 */
export class RecordingComparison {
  readonly #recorded: Iterator<RecordedStep, void>;
  readonly #collector = new StepCollector((step) => this.#take(step));
  readonly #leave: () => void;
  readonly #differs: () => void;
  readonly #interrupts = new Map<string, { recorded: bigint; now: bigint }>();
  /** Polls that follow each other, by their places: what each of them came to. */
  #polls = new Map<string, Step & { kind: 'poll' }>();
  #next: RecordedStep | undefined;
  /** The script's line that made the last access. */
  #where: ScriptPlace = { line: 0 };
  /** The one that made the access before that: what still waited for more of its kind was its. */
  #before: ScriptPlace = this.#where;
  #difference: string | undefined;
  #unreadable: { readonly error: unknown } | undefined;
  /** Steps that were as recorded. */
  accesses = 0;

  /** `differs` is called once, in the middle of an access: it must not throw. */
  constructor(session: Session, device: Device, recorded: Iterator<RecordedStep, void>, differs: () => void) {
    this.#recorded = recorded;
    this.#differs = differs;
    this.#advance();
    this.#leave = device.journal.follow((entry, bytes) => {
      if (entry.kind !== 'command') this.#where = placeIn(session.scripts.at(-1));
      this.#collector.take(entry, session.timing, bytes);
      this.#before = this.#where;
    });
  }

  /**
   * No access that is made from now on counts. @returns the first difference, such as 'step 17: read region0 0x4: recorded 0xedcba987, now
   * 0x00000000 (a.vfio:3, line 25 of the recording)'. Throws what reading the recording fails with.
   */
  end(scriptDone: boolean): string | undefined {
    this.#leave();
    this.#collector.flush();
    this.#comparePolls();
    if (this.#unreadable) throw this.#unreadable.error;
    if (!scriptDone || this.#difference !== undefined) return this.#difference;
    if (this.#next !== undefined) {
      const then = `recorded ${stepText(this.#next.step)}, now nothing more`;
      this.#differ(`step ${this.accesses + 1}: ${then}`, this.#next);
    }
    for (const [name, { recorded, now }] of this.#interrupts) {
      if (recorded !== now) this.#differ(`interrupt ${name}: recorded ${countText(recorded, 'signal')}, now ${now}`);
    }
    return this.#difference;
  }

  get interrupts(): bigint {
    let all = 0n;
    for (const { now } of this.#interrupts.values()) all += now;
    return all;
  }

  #countOf(name: string): { recorded: bigint; now: bigint } {
    const known = this.#interrupts.get(name) ?? { recorded: 0n, now: 0n };
    this.#interrupts.set(name, known);
    return known;
  }

  /** Goes on to the next recorded step that is an access. A recording that can no longer be read ends the comparison, and no access. */
  #advance(): void {
    try {
      for (;;) {
        const next = this.#recorded.next().value ?? undefined;
        this.#next = next;
        if (next?.step.kind !== 'irq') return;
        this.#countOf(next.step.name).recorded += next.step.count;
      }
    } catch (error) {
      this.#unreadable = { error };
      this.#next = undefined;
      this.#differs();
    }
  }

  #take(step: Step): void {
    if (step.kind === 'irq') {
      this.#countOf(step.name).now += step.count;
      return;
    }
    if (this.#difference !== undefined || this.#unreadable !== undefined) return;
    if (step.kind === 'poll') {
      this.#polls.set(placeOf(step), step);
      return;
    }
    // One poll that found at once what it waited for is a read like any other.
    const single = step.kind === 'read' && this.#next?.step.kind === 'poll' && this.#polls.size === 0;
    if (single) this.#polls.set(placeOf(step), { ...step, kind: 'poll', reads: 1 });
    this.#comparePolls(step);
    if (!single && this.#difference === undefined) this.#compare(step);
  }

  /** Holds the polls that came one behind the other against those that were recorded so. */
  #comparePolls(following?: Step): void {
    const polls = this.#polls;
    if (polls.size === 0) return;
    this.#polls = new Map();
    const recorded = new Map<string, RecordedStep>();
    for (let next = this.#next; next !== undefined; next = this.#next) {
      const { step, line } = next;
      const alone = step.kind === 'read' && recorded.size === 0;
      if (step.kind !== 'poll' && !alone) break;
      recorded.set(placeOf(step), { step, line });
      this.#advance();
      if (alone) break;
    }
    const [wanted, now] = [[...recorded.values()], [...polls.values()]];
    for (let nth = 0; nth < Math.max(wanted.length, now.length) && this.#difference === undefined; nth += 1)
      this.#compareTo(wanted[nth] ?? this.#next, now[nth] ?? following);
  }

  #compare(step: Step): void {
    const recorded = this.#next;
    this.#advance();
    this.#compareTo(recorded, step);
  }

  #compareTo(recorded: RecordedStep | undefined, now: Step | undefined): void {
    const text = differenceOf(recorded?.step, now);
    if (text === undefined) this.accesses += 1;
    else this.#differ(`step ${this.accesses + 1}: ${text}`, recorded, now?.kind === 'poll' || (now && 'stride' in now));
  }

  #differ(text: string, recorded?: RecordedStep, waited = false): void {
    if (this.#difference !== undefined) return;
    const { name, line } = waited ? this.#before : this.#where;
    const places = [
      ...(name === undefined ? [] : [`${name}:${line}`]),
      ...(recorded === undefined ? [] : [`line ${recorded.line} of the recording`]),
    ];
    this.#difference = places.length === 0 ? text : `${text} (${places.join(', ')})`;
    this.#differs();
  }
}

interface ScriptPlace {
  readonly name?: string;
  readonly line: number;
}

function placeIn(frame: ScriptFrame | undefined): ScriptPlace {
  return frame === undefined ? { line: 0 } : { name: frame.name, line: frame.line };
}

function placeOf(step: Step): string {
  return step.kind === 'irq' ? step.name : `${step.space} ${step.offset} ${step.width}`;
}

/** What sets `now` apart from what was recorded; undefined where nothing does. */
export function differenceOf(recorded: Step | undefined, now: Step | undefined): string | undefined {
  if (recorded === undefined) return now && `recorded nothing more, now ${stepText(now)}`;
  if (now === undefined) return `recorded ${stepText(recorded)}, now nothing more`;
  const [a, b] = [accessOf(recorded), accessOf(now)];
  if (a !== b) return `recorded ${stepText(recorded)}, now ${stepText(now)}`;
  if ('outcome' in recorded && 'outcome' in now) return outcomeDifference(recorded, recorded.outcome, now.outcome);
  if (!('crc' in recorded) || !('crc' in now)) return undefined;
  const { crc, refused } = recorded;
  if (refused !== now.refused) return `${a}: recorded ${refused} refused, now ${now.refused}`;
  if (crc === 'any' || crc === now.crc || now.crc === 'any') return undefined;
  return `${a}: recorded bytes of crc32 ${hexValue(crc, 32)}, now ${hexValue(now.crc, 32)}`;
}

function outcomeDifference(step: Step & StepPlace, recorded: Outcome, now: Outcome): string | undefined {
  if (recorded === 'any' || now === 'any') return undefined;
  // Another way to the device may refuse in another way: SIGBUS here is EIO there.
  if ('refused' in recorded && 'refused' in now) return undefined;
  if ('value' in recorded && 'value' in now && recorded.value === now.value) return undefined;
  const shown = (outcome: Exclude<Outcome, 'any'>): string =>
    'value' in outcome ? `0x${outcome.value.toString(16)}` : `refused: ${outcome.refused}`;
  return `${accessOf(step)}: recorded ${shown(recorded)}, now ${shown(now)}`;
}

/** What is accessed, and how: 'read region0 0x4', 'write region0 0x10 (8 bits)'. */
function accessOf(step: Step): string {
  if (step.kind === 'irq') return `irq ${step.name}`;
  const verb = step.kind.startsWith('write') ? 'write' : 'read';
  const width = step.width === 32 ? '' : ` (${step.width} bits)`;
  const place = `${verb} ${step.space} 0x${step.offset.toString(16)}${width}`;
  if (!('stride' in step)) return place;
  return `${place} x ${step.count}${step.stride * 8 === step.width ? '' : `, stride ${step.stride}`}`;
}
