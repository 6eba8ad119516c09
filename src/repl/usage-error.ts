/** Where in a line something is: half open, in UTF-16 units. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** A line that cannot be understood: what is wrong, where in the line, and what to do about it. */
export class UsageError extends Error {
  /** The line that the span refers to; '' where it is not known: the session fills in the command's. */
  readonly line: string;
  readonly start: number;
  readonly end: number;
  readonly hint: string | undefined;

  constructor(message: string, at?: { readonly line: string } & Extent, hint?: string) {
    super(message);
    this.name = 'UsageError';
    this.line = at?.line ?? '';
    this.start = at?.start ?? 0;
    this.end = at?.end ?? 0;
    this.hint = hint;
  }
}

/** What an expectation was of, for a test report. */
export interface Expectation {
  /** 'region0+0x4' */
  readonly location?: string;
  /** '== 0x00000001' */
  readonly expected?: string;
  readonly actual?: string;
}

/** An expectation of a script that did not hold (expect, irq wait): exit code 3. */
export class ExpectationError extends Error {
  readonly hint: string | undefined;
  readonly expectation: Expectation;

  constructor(message: string, hint?: string, expectation: Expectation = {}) {
    super(message);
    this.name = 'ExpectationError';
    this.hint = hint;
    this.expectation = expectation;
  }
}
