import { isatty } from 'node:tty';
import { VfioError } from '../vfio/errors.js';
import type { SessionRequest, Step } from './cli.js';
import { commandModules } from './commands/index.js';
import { Interrupted } from './interrupted.js';
import { isUsersOwn, JavaScriptError } from './javascript-error.js';
import type { Prompt } from './repl.js';
import { quoted } from './quoted.js';
import { Registry } from './registry.js';
import { describe, exitCodes, type FailureStyle, failureText, showFailure } from './report.js';
import type { ScriptFailure, ScriptOptions } from './script.js';
import { Session } from './session.js';
import { columnsOf, StandardOutput, wantsColour } from './standard-output.js';
import type { TestReport } from './test-report.js';
import { UsageError } from './usage-error.js';

const LONG_MS = 2 ** 30;

/** Carries a session out: its steps, then standard input or the prompt. @returns the exit code. */
export async function runSession(request: SessionRequest): Promise<number> {
  const front = new Front(request);
  // What a command may wait for holds no process by itself: an entry of the log, an interrupt that is not enabled yet.
  const alive = setInterval(() => undefined, LONG_MS);
  try {
    return await front.run();
  } finally {
    clearInterval(alive);
    await front.crashed;
    front.session.closeAll();
    await front.output.flush();
  }
}

/** One thing that the command line asks to run. */
interface Source {
  readonly name: string;
  readonly run: () => Promise<void>;
}

class Front {
  readonly session: Session;
  readonly output: StandardOutput;
  readonly #request: SessionRequest;
  /** The code of the first failure. */
  #code: number = exitCodes.done;
  #interrupts = 0;
  #prompt: Prompt | undefined;
  #report: TestReport | undefined;
  /** The full screen, where text that nobody waits for belongs into its prompt. */
  #screen: { interject(text: string): void; readonly output: { write(text: string): Promise<void> } } | undefined;
  /** Failures that ended the full screen. */
  readonly #untold: string[] = [];
  /** Gives the terminal back, where the full screen has it. */
  #closeScreen: () => void = () => undefined;
  /** Where a bug is being reported: the process ends with that and with nothing else. */
  crashed: Promise<void> | undefined;
  /** Whether 'auto' means colours, by descriptor: asking is a system call, and this is asked for each answer. */
  readonly #automatic = { 1: wantsColour(1), 2: wantsColour(2) };

  constructor(request: SessionRequest) {
    this.#request = request;
    const terminal = isatty(1);
    this.output = new StandardOutput(
      () => ({
        colour: this.#colour(1),
        columns: terminal ? columnsOf(process.stdout) : Infinity,
        json: this.session.options.get('json'),
      }),
      (error) => this.#outputFailed(error),
    );
    this.session = new Session(new Registry(commandModules), this.output);
    const { options } = this.session;
    options.set('readonly', request.readOnly);
    options.set('dryrun', request.dryRun);
    options.set('json', request.json);
    options.set('js', request.js);
    if (request.dtb !== undefined) options.set('dtb', request.dtb);
    if (!request.colour) options.set('color', 'never');
    if (request.timeoutMs !== undefined) options.set('timeout', request.timeoutMs);
    process.on('uncaughtException', (error) => void this.#uncaught(error));
    process.on('SIGTERM', () => this.#leave(exitCodes.terminated));
    process.once('SIGHUP', () => this.#hangUp());
    process.on('SIGINT', () => this.#onInterrupt());
  }

  async run(): Promise<number> {
    const whyNoScreen = this.#request.tui === 'never' ? undefined : this.#whyNoScreen;
    if (this.#request.tui === 'always' && whyNoScreen !== undefined) {
      const hint = 'leave --tui out: the prompt takes any terminal, and a script none';
      return this.#fail(new UsageError(`--tui needs a terminal, and ${whyNoScreen}`, undefined, hint));
    }
    const screen = this.#request.tui !== 'never' && whyNoScreen === undefined;
    if (whyNoScreen !== undefined && isatty(0) && isatty(1)) this.output.notice(`no full screen: ${whyNoScreen}`);
    const { device, steps, via, profile } = this.#request;
    let warnings: readonly string[] = [];
    if (device !== undefined) {
      try {
        const opened = await this.session.open(device, {
          ...(via !== undefined && { via }),
          ...(profile !== undefined && { profile }),
        });
        warnings = opened.warnings;
        for (const warning of warnings) this.output.notice(`warning: ${warning}`);
      } catch (error) {
        const code = await this.#fail(error);
        return error instanceof VfioError ? exitCodes.noDevice : code;
      }
    } else {
      if (via !== undefined) this.output.notice('--via does nothing without a DEVICE');
      if (profile !== undefined) this.output.notice('--profile does nothing without a DEVICE');
    }
    const atTerminal = isatty(0);
    const prompts = this.#request.interactive || screen || (steps.length === 0 && atTerminal);
    const sources: Source[] =
      steps.length === 0 && !prompts
        ? [{ name: 'standard input', run: () => this.#runStandardInput() }]
        : steps.map((step) => ({
            name: step.kind === 'command' ? step.line : step.path,
            run: () => this.#runStep(step),
          }));
    if (screen) return this.#runScreen(warnings, sources);
    if (!(await this.#runSources(sources))) return this.#code;
    // After -x - there may be nothing left to read, and a prompt would wait for the end that has been.
    if (prompts && !process.stdin.readableEnded) {
      const { Prompt } = await import('./repl.js');
      await this.output.flush();
      if (atTerminal && steps.length === 0) this.output.notice('help lists the commands; Tab completes; Ctrl-D leaves');
      this.#prompt = new Prompt(this.session, this.output, (error) => this.#fail(error));
      await this.#prompt.run();
      return exitCodes.done;
    }
    return this.#code;
  }

  /** Runs what the command line names, one after the other. False where the session is to end. */
  async #runSources(sources: readonly Source[]): Promise<boolean> {
    const { report, steps } = this.#request;
    if (report === undefined) return this.#each(sources, ({ run }) => this.#guarded(run));
    let goesOn = false;
    const reported = async (): Promise<void> => {
      if (sources.length === 0)
        throw new UsageError('--tap and --junit report on -c, -x or standard input', undefined, '-x SCRIPT');
      const { TestReport } = await import('./test-report.js');
      const name = steps.find((step) => step.kind === 'script')?.path ?? 'vfiodbg';
      await TestReport.during(this.session, { ...report, name }, async (test) => {
        this.#report = test;
        goesOn = await this.#each(sources, (source) => this.#tolerated(source, test));
      });
    };
    return (await this.#guarded(reported)) && goesOn;
  }

  async #each(sources: readonly Source[], run: (source: Source) => Promise<boolean>): Promise<boolean> {
    for (const source of sources) if (!(await run(source)) || this.session.quitting) return false;
    return true;
  }

  /** Why there can be no full screen here. */
  get #whyNoScreen(): string | undefined {
    if (!isatty(0) || !isatty(1)) return 'this is none';
    const { TERM: term = '' } = process.env;
    if (term === 'dumb') return 'this one says that it has no cursor to move (TERM=dumb)';
    return term === '' ? 'nothing says what this one can do (TERM is not set)' : undefined;
  }

  /**
   * `warnings` of the device stand in the screen once more: it covers what was printed before. `sources` are run in its prompt's pane; where
   * they end the session, what they printed goes to standard output behind the screen, and why they did to standard error.
   */
  async #runScreen(warnings: readonly string[], sources: readonly Source[]): Promise<number> {
    const [{ Dashboard }, { OwnTerminal }] = await Promise.all([
      import('./tui/dashboard.js'),
      import('./tui/own-terminal.js'),
    ]);
    await this.output.flush();
    const output = new OwnTerminal((text) => dashboard.interject(text));
    const dashboard = new Dashboard(this.session, {
      input: process.stdin,
      output,
      colour: this.#colour(1),
      mouse: true,
      history: true,
      failureText: (error) => failureText(error, { json: false, colour: this.#colour(1) }),
    });
    this.#closeScreen = () => {
      this.output.instead = undefined;
      this.#screen = undefined;
      dashboard.close();
      output.destroy();
    };
    this.#screen = dashboard;
    this.output.instead = dashboard.output;
    for (const warning of warnings) this.output.notice(`warning: ${warning}`);
    let steps: Promise<boolean> | undefined;
    try {
      await dashboard.run(sources.length === 0 ? undefined : () => (steps = this.#runSources(sources)));
    } finally {
      this.#closeScreen();
    }
    // The user may have left while they ran.
    this.session.quit();
    this.session.interrupt();
    if ((await steps) !== false) return exitCodes.done;
    if (dashboard.history !== '') process.stdout.write(`${dashboard.history}\n`);
    for (const text of this.#untold.splice(0)) process.stderr.write(text);
    return this.#code;
  }

  async #runStep(step: Step): Promise<void> {
    if (step.kind === 'command') return this.#runText(step.line);
    if (step.path === '-') return this.#runStandardInput();
    const { runScript } = await import('./script.js');
    // In the journal, and in a recording, it is what it would be in a command.
    const words = [step.path, '--', ...this.#request.parameters].map(quoted);
    this.session.device?.journal.note('command', `run ${words.join(' ').replace(/ --$/, '')}`);
    try {
      await runScript(this.session, step.path, this.#scriptOptions());
    } catch (error) {
      this.session.commandFailed();
      throw error;
    }
  }

  /** One line, or several where the shell gave us such. */
  async #runText(text: string): Promise<void> {
    const reader = this.session.reader({ prefixes: false, parameters: this.#request.parameters });
    for (const [index, line] of text.split('\n').entries()) {
      await reader.feed(line, index + 1);
      if (this.session.quitting) return;
    }
    const [open] = reader.open;
    if (open) throw open.unended;
  }

  async #runStandardInput(): Promise<void> {
    const { runLines } = await import('./script.js');
    await runLines(this.session, process.stdin, 'standard input', this.#scriptOptions());
  }

  #scriptOptions(): ScriptOptions {
    const { parameters, keepGoing } = this.#request;
    const goOn = async (failure: ScriptFailure): Promise<void> => {
      this.#report?.problem(failure.where, failure);
      await this.#fail(failure);
    };
    return { parameters, ...(keepGoing && { goOn }) };
  }

  /** Runs `body`. False where the session is to end. */
  async #guarded(body: () => Promise<void>): Promise<boolean> {
    try {
      await body();
      await this.output.flush();
      return true;
    } catch (error) {
      await this.#fail(error);
      return this.#goesOnAfter(error);
    }
  }

  /** Runs `source` as part of a report, which ends with what it rejects with: with everything, unless -k. */
  async #tolerated({ name, run }: Source, report: TestReport): Promise<boolean> {
    try {
      await run();
    } catch (error) {
      if (!this.#goesOnAfter(error)) throw error;
      report.problem(name, error);
      await this.#fail(error);
    }
    return true;
  }

  #goesOnAfter(error: unknown): boolean {
    const { code } = describe(error);
    return this.#request.keepGoing && code !== exitCodes.interrupted && code !== exitCodes.internal;
  }

  /** Shows a failure, behind the answers that came before it. */
  async #fail(error: unknown): Promise<number> {
    await this.output.flush();
    const code = error instanceof Interrupted ? exitCodes.interrupted : await this.#show(error);
    if (this.#code === exitCodes.done) this.#code = code;
    return code;
  }

  /** On the full screen a failure that does not end it stands behind the answers before it, and one that does is told when it is gone. */
  async #show(error: unknown): Promise<number> {
    if (this.#screen === undefined || !process.stderr.isTTY) return showFailure(error, this.#failureStyle());
    const text = await failureText(error, this.#failureStyle());
    if (this.#goesOnAfter(error)) await this.#screen.output.write(text);
    else this.#untold.push(text);
    return describe(error).code;
  }

  #failureStyle(): FailureStyle {
    return { json: this.session.options.get('json'), colour: this.#colour(2) };
  }

  #colour(fd: 1 | 2): boolean {
    const option = this.session.options.get('color');
    return option === 'auto' ? this.#automatic[fd] : option === 'always';
  }

  #onInterrupt(): void {
    this.#interrupts += 1;
    if (this.#interrupts > 1 || !this.session.interrupt()) this.#leave(exitCodes.interrupted);
  }

  #outputFailed(error: Error): void {
    if ('code' in error && error.code === 'EPIPE') this.#leave(exitCodes.brokenPipe);
    else this.crashed ??= this.#crash(error);
  }

  /** What nobody caught: a bug, or the user's own JavaScript in a timer of its own, which does not end the prompt. */
  async #uncaught(error: unknown): Promise<void> {
    if (!isUsersOwn(error)) {
      this.crashed ??= this.#crash(error);
      return;
    }
    const text = await failureText(JavaScriptError.from(error), this.#failureStyle());
    if (this.#screen) this.#screen.interject(text);
    else if (this.#prompt) this.#prompt.interject(() => process.stderr.write(text));
    else {
      process.stderr.write(text);
      this.#leave(exitCodes.failed);
    }
  }

  async #crash(error: unknown): Promise<void> {
    const text = await failureText(error, this.#failureStyle());
    this.#closeScreen();
    this.session.closeAll();
    process.stderr.write(text);
    process.exit(describe(error).code);
  }

  /** The terminal is gone. Node's own exit aborts then, since it cannot give the terminal its modes back; so the signal does it. */
  #hangUp(): void {
    this.#closeScreen();
    this.session.closeAll();
    process.kill(process.pid, 'SIGHUP');
  }

  #leave(code: number): void {
    this.#closeScreen();
    this.session.closeAll();
    process.exit(code);
  }
}
