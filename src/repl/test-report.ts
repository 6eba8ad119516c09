import { VfioError } from '../vfio/errors.js';
import { countText } from '../views/numbers.js';
import { json } from '../views/sinks/json.js';
import { plain } from '../views/sinks/plain.js';
import type { View } from '../views/view.js';
import type { Check, CheckSink } from './check.js';
import { Interrupted } from './interrupted.js';
import { isJunit, junitCase, junitError, junitHead, junitTail } from './junit.js';
import { refuseLoss } from './kept-file.js';
import type { Output } from './output.js';
import type { Session } from './session.js';
import { Spill } from './spill.js';
import { tapBailOut, tapComment, tapPlan, tapPoint, tapProblem, tapVersion } from './tap.js';
import { ExpectationError } from './usage-error.js';
import { WholeFile } from './whole-file.js';

export interface ReportRequest {
  /** What the suite is called: the script's path. */
  readonly name: string;
  /** TAP, in place of what commands show, which becomes comments of it. */
  readonly tap: boolean;
  /** The JUnit file to write. */
  readonly junit: string | undefined;
  /** The first expectation that does not hold ends it. */
  readonly bail: boolean;
}

/** What a command shows, as comments between the points of a report. */
class CommentedOutput implements Output {
  readonly #inner: Output;

  constructor(inner: Output) {
    this.#inner = inner;
  }

  show(view: View, inJson: boolean): void | Promise<void> {
    const text = inJson ? json(view) : plain(view);
    if (text !== '') return this.#inner.show({ kind: 'text', lines: tapComment(text) }, false);
  }

  flush(): void | Promise<void> {
    return this.#inner.flush();
  }

  notice(text: string): void {
    this.#inner.notice(text);
  }

  live(): void {
    // A report is no place for what is drawn over.
  }

  progress(text: string | undefined): void {
    this.#inner.progress(text);
  }
}

/** The report of a test: what it is told of every expectation, as TAP on standard output, as a JUnit file, or both. */
export class TestReport implements CheckSink {
  readonly #session: Session;
  readonly #request: ReportRequest;
  readonly #output: Output;
  /** A report that this one is a part of: it counts too, and decides. */
  readonly #outer: CheckSink | undefined;
  readonly tap: boolean;
  /** It is the one that writes TAP. */
  readonly #taps: boolean;
  readonly #cases: Spill | undefined;
  readonly #started = new Date();
  readonly #clock = performance.now();
  /** What was said and is not written yet. */
  #saying: Promise<void> = Promise.resolve();
  /** Expectations; what else failed is among the errors. */
  #points = 0;
  #failures = 0;
  #errors = 0;
  #skipped = 0;
  /** It ended before its time: the numbers are not those of a whole run. */
  #ended = false;

  private constructor(session: Session, request: ReportRequest) {
    this.#session = session;
    this.#request = request;
    this.#output = session.output;
    this.#outer = session.checks;
    this.#taps = request.tap && this.#outer?.tap !== true;
    this.tap = request.tap || this.#outer?.tap === true;
    if (request.junit !== undefined) this.#cases = new Spill();
    session.checks = this;
    if (!this.#taps) return;
    session.output = new CommentedOutput(session.output);
    this.#say([tapVersion]);
  }

  /**
   * Runs `body` and reports its expectations; without `bail` it goes on after those that do not hold. Rejects with what the body rejects
   * with, and with ExpectationError where it does not but expectations failed.
   */
  static async during(
    session: Session,
    request: ReportRequest,
    body: (report: TestReport) => Promise<void>,
  ): Promise<void> {
    // Said before anything is done, and not after it.
    if (request.junit !== undefined) {
      // The report of the run before makes room for that of this one; nothing else does.
      refuseLoss(request.junit, isJunit(request.junit), 'name another file for the report, or take that one away');
      await (await WholeFile.create(request.junit, true)).discard();
    }
    const report = new TestReport(session, request);
    try {
      try {
        await body(report);
      } catch (error) {
        report.#bailOut(error);
        throw error;
      } finally {
        await report.#end();
      }
      report.#judge();
    } finally {
      report.#cases?.close();
    }
  }

  take(check: Check): boolean {
    this.#points += 1;
    if (check.failure !== undefined) this.#failures += 1;
    else if (check.skipped) this.#skipped += 1;
    this.#cases?.add(junitCase(this.#request.name, check));
    if (this.#taps) this.#say(tapPoint(this.#points + this.#errors, check));
    if (this.#outer) return this.#outer.take(check);
    if (this.#request.bail) return false;
    if (!this.#taps && check.failure !== undefined) {
      const where = check.file === undefined ? '' : `${check.file}:${check.line ?? 0}: `;
      this.#output.notice(`${where}${check.failure.message}`);
    }
    return true;
  }

  /** Counts a command that failed, and after which the script goes on (-k). */
  problem(name: string, error: unknown): void {
    const message = messageOf(error);
    this.#errors += 1;
    this.#cases?.add(junitError(this.#request.name, name, kindOf(error), message));
    if (this.#taps) this.#say(tapProblem(this.#points + this.#errors, name, message));
  }

  #bailOut(error: unknown): void {
    this.#ended = true;
    const message = messageOf(error);
    const kind = kindOf(error);
    if (this.#taps) this.#say([tapBailOut(message)]);
    // An expectation has been counted already.
    if (kind === 'expectation') return;
    this.#errors += 1;
    this.#cases?.add(junitError(this.#request.name, this.#request.name, kind, message));
  }

  async #end(): Promise<void> {
    const { junit, name } = this.#request;
    this.#session.checks = this.#outer;
    this.#session.output = this.#output;
    if (this.#taps && !this.#ended) this.#say([tapPlan(this.#points + this.#errors), ...tapComment(this.#verdict())]);
    await this.#saying;
    if (junit === undefined || this.#cases === undefined) return;
    const { device } = this.#session;
    const file = await WholeFile.create(junit, true);
    try {
      const totals = {
        tests: this.#points + this.#errors,
        failures: this.#failures,
        errors: this.#errors,
        skipped: this.#skipped,
      };
      const properties: Record<string, string> = device === undefined ? {} : { device: device.name, via: device.via };
      const seconds = (performance.now() - this.#clock) / 1000;
      await file.write(junitHead({ ...totals, name, started: this.#started, seconds, properties }));
      for (const piece of this.#cases.pieces()) await file.write(piece);
      await file.write(junitTail);
      await file.commit();
    } catch (error) {
      await file.discard();
      throw error;
    }
  }

  #verdict(): string {
    const failed = this.#failures + this.#errors;
    const skipped = this.#skipped === 0 ? '' : `, ${this.#skipped} skipped`;
    return `${countText(this.#points, 'expectation')}${failed === 0 ? '' : `, ${failed} failed`}${skipped}`;
  }

  #judge(): void {
    if (this.#failures > 0 && this.#outer === undefined)
      throw new ExpectationError(`${this.#failures} of ${countText(this.#points, 'expectation')} failed`);
  }

  #say(lines: readonly string[]): void {
    const said = this.#output.show({ kind: 'text', lines }, false);
    if (said) this.#saying = this.#saying.then(() => said);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What went wrong in a word. */
function kindOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof VfioError) return cause.kind;
  if (cause instanceof Interrupted) return 'interrupted';
  return cause instanceof ExpectationError ? 'expectation' : 'usage';
}
