import type { Journal } from './journal.js';

/** Why an access was refused, and what to try. */
interface Reason {
  readonly why: string;
  readonly hint?: string;
}

/**
 * The sum of reads that are made again and again, in place of an entry of the journal for each: a thousand registers ten times a second
 * would push everything else out of it within seconds.
 */
export class Tally {
  reads = 0;
  /** Reads that were refused. */
  faults = 0;
  rounds = 0;
  /** Why accesses were refused in this round, by errno: the device is asked once, and not for each of them. */
  readonly reasons = new Map<string, Reason>();

  add(reads: number, faults: number): void {
    this.reads += reads;
    this.faults += faults;
  }

  beginRound(): void {
    this.rounds += 1;
    this.reasons.clear();
  }

  /** Enters the sum; `what` is what the reads were for, such as 'watch'. */
  enter(journal: Journal, what: string): void {
    const { reads, faults, rounds } = this;
    if (reads === 0) return;
    const refused = faults === 0 ? '' : `, ${faults} of them refused`;
    journal.note('note', `${what}: ${reads} reads in ${rounds} rounds${refused}`, { reads, faults, rounds });
  }
}
