import { EventEmitter } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import { type REPLServer, start } from 'node:repl';
import type { Readable, Writable } from 'node:stream';
import { escape } from '../views/escape.js';
import { plain } from '../views/sinks/plain.js';
import { complete } from './completion.js';
import { historyPath } from './history.js';
import type { Session } from './session.js';
import type { LineReader } from './line-reader.js';
import type { PromptOutput } from './output.js';
import { columnsOf } from './standard-output.js';
import { UsageError } from './usage-error.js';

/** How soon an interrupt that found nothing to end is tried again, in milliseconds. */
const INTERRUPT_AGAIN = 10;

/**
 * Characters of a line, as many as the kernel's own line editing takes: readline looks at the whole line for each character, so that a
 * megabyte that is pasted would keep it busy for hours.
 */
const LONGEST_LINE = 4096;

/** Where the keys come from and the line is shown: the process's terminal, or a pane of the full screen. */
export interface PromptTerminal {
  readonly input: Readable;
  readonly output: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Keeps the lines that are typed for the next session. */
  readonly history: boolean;
  /** Nobody types: the lines come from a file or a pipe, whose end is no wish to leave. They run to their ends, as those of a script do. */
  readonly isFed: boolean;
}

/** The prompt: lines typed at a terminal, run in a session. Built on node:repl, whose JavaScript stays out of it. */
export class Prompt {
  readonly #session: Session;
  readonly #output: PromptOutput;
  readonly #terminal: PromptTerminal;
  readonly #fail: (error: unknown) => Promise<unknown>;
  readonly #server: REPLServer;
  readonly #reader: LineReader;
  /** Lines run one after the other, however fast they come. */
  #work: Promise<void> = Promise.resolve();
  /** Lines that have been entered and are not done. */
  #pending = 0;
  /** Lines that are done. */
  #turn = 0;
  /** More was typed than a line can hold: what is left of it is not to be run. */
  #overflowed = false;

  constructor(
    session: Session,
    output: PromptOutput,
    fail: (error: unknown) => Promise<unknown>,
    terminal: PromptTerminal = {
      input: process.stdin,
      output: process.stdout,
      history: process.stdin.isTTY,
      isFed: !process.stdin.isTTY,
    },
  ) {
    this.#session = session;
    this.#output = output;
    this.#fail = fail;
    this.#reader = session.reader({ prefixes: true });
    this.#terminal = terminal;
    this.#server = start({
      input: terminal.input,
      output: terminal.output,
      prompt: this.#promptText(),
      preview: false,
      ignoreUndefined: true,
      writer: () => '',
      eval: (line, _context, _file, done) => this.#enter(line, () => done(null, undefined)),
      completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
        void this.#answerTab(line, done);
      },
    });
    this.#withoutDotCommands();
    this.#withoutDomain();
    this.#limitLine();
    this.#server.removeAllListeners('SIGINT');
    this.#server.on('SIGINT', () => this.#onInterrupt());
    output.announce = (text) => this.#announce(text);
  }

  /** Resolves when the user leaves. */
  async run(): Promise<void> {
    this.#keepHistory();
    this.#session.announceInterrupts();
    await new Promise<void>((resolve) => {
      this.#server.once('exit', resolve);
    });
    if (this.#terminal.isFed) await this.#runRest();
    else await this.#endRest();
    this.#output.announce = undefined;
  }

  /** Lines that were fed before the end run to theirs; a block without its end is a mistake in them. */
  async #runRest(): Promise<void> {
    await this.#work;
    const [open] = this.#reader.open;
    if (open !== undefined && !this.#session.quitting) await this.#fail(open.unended);
  }

  /** Lines that were entered before the end are still to run; none of them may keep the user waiting. */
  async #endRest(): Promise<void> {
    if (this.#pending > 0) this.#interruptLine();
    const timer = setInterval(() => this.#session.interrupt(), INTERRUPT_AGAIN);
    await this.#work;
    clearInterval(timer);
  }

  /** Inside a block, the words that began it and those around it. */
  #promptText(): string {
    const { open } = this.#reader;
    if (open.length > 0) return `${open.map(({ word }) => word).join(' ')}> `;
    const { device, defaultSpace } = this.#session;
    if (device === undefined) return 'vfiodbg> ';
    const space = defaultSpace === undefined ? '' : ` ${defaultSpace.name}`;
    return `${escape(device.name)}${device.gate.lost === undefined ? '' : ' (gone)'}${space}> `;
  }

  #enter(entered: string, done: () => void): void {
    const line = this.#overflowed ? undefined : entered.replace(/\n$/, '');
    this.#overflowed = false;
    this.#pending += 1;
    this.#work = this.#inTurn(this.#work, line, done);
  }

  /** Runs a line when those before it are done. */
  async #inTurn(before: Promise<void>, line: string | undefined, done: () => void): Promise<void> {
    await before;
    // What was typed ahead behind `quit` is as little wanted as what stands behind it in a script.
    if (this.#session.quitting) return;
    try {
      if (line === undefined)
        throw new UsageError(
          `the line has more than ${LONGEST_LINE} characters`,
          undefined,
          'put it into a script: run FILE',
        );
      await this.#run(line);
      await this.#output.flush();
    } catch (error) {
      await this.#fail(error);
    }
    this.#pending -= 1;
    this.#turn += 1;
    if (this.#session.quitting) {
      this.#server.close();
      return;
    }
    this.#server.setPrompt(this.#promptText());
    // The prompt comes back once the lines that were typed ahead are done.
    if (this.#pending === 0) done();
  }

  async #run(entered: string): Promise<void> {
    const again = entered.trim() === '' && this.#reader.open.length === 0;
    const line = again ? (this.#session.repeatLine ?? '') : entered;
    if (line !== '') await this.#reader.feed(line, 1);
  }

  async #answerTab(line: string, done: (error: null, result: [string[], string]) => void): Promise<void> {
    done(null, await this.#complete(line));
  }

  async #complete(line: string): Promise<[string[], string]> {
    try {
      let completion = complete(line, this.#session);
      while ('load' in completion) {
        await this.#session.registry.load(completion.load);
        completion = complete(line, this.#session);
      }
      const quoted = /["']/.test(line[completion.start - 1] ?? '');
      const texts = completion.candidates.map(
        ({ text, more, name }) => `${quoted || name === true ? text : shielded(text)}${more === true ? '' : ' '}`,
      );
      return [texts, line.slice(completion.start)];
    } catch (error) {
      // A line that cannot be taken apart has no continuation; Tab is no place for messages.
      if (error instanceof UsageError) return [[], line];
      throw error;
    }
  }

  #onInterrupt(): void {
    const { output } = this.#server;
    if (this.#pending > 0) {
      this.#output.live(undefined);
      output.write('^C\n');
      this.#interruptLine();
      return;
    }
    this.#overflowed = false;
    const empty = this.#server.line === '';
    // Readline's own way to drop the line: it goes below it.
    this.#server.write(null, { ctrl: true, name: 'e' });
    output.write('^C\n');
    this.#server.write(null, { ctrl: true, name: 'u' });
    if (this.#reader.open.length > 0) this.#dropBlock();
    else if (empty) output.write('quit, or Ctrl-D, leaves\n');
    this.#freshPrompt();
  }

  #dropBlock(): void {
    this.#reader.drop();
    this.#server.setPrompt(this.#promptText());
  }

  /** Ends the line that is running, or is about to: a command that is still being loaded is interrupted when it begins. */
  #interruptLine(): void {
    const turn = this.#turn;
    if (this.#session.interrupt()) return;
    const timer = setInterval(() => {
      if (this.#turn !== turn || this.#session.interrupt()) clearInterval(timer);
    }, INTERRUPT_AGAIN);
  }

  /** Shows a line above the one that is being typed. */
  #announce(text: string): void {
    const lines = plain({ kind: 'text', prose: true, lines: [text] }, columnsOf(this.#terminal.output));
    this.interject(() => this.#server.output.write(lines));
  }

  /** Lets `show` write above the line that is being typed, which stays as it is, cursor and all. */
  interject(show: () => void): void {
    if (this.#pending > 0 || !this.#server.terminal) {
      show();
      return;
    }
    this.#clearLine();
    show();
    this.#server.setPrompt(this.#promptText());
    this.#freshPrompt();
  }

  /** Runs `line` as if it had been typed; what is being typed comes back behind its answer. */
  submit(line: string): void {
    if (this.#pending === 0) this.#clearLine();
    this.#server.output.write(`${this.#promptText()}${line}\n`);
    this.#enter(line, () => this.#freshPrompt());
  }

  /** Takes the prompt and the line that is being typed from the terminal. */
  #clearLine(): void {
    const { output } = this.#server;
    const { rows } = this.#server.getCursorPos();
    moveCursor(output, 0, -rows);
    cursorTo(output, 0);
    clearScreenDown(output);
  }

  /** The prompt and the line that is being typed, on a row of their own. */
  #freshPrompt(): void {
    // Where readline believes to have begun the line; it would go up by as many rows and write over what was just shown.
    Reflect.set(this.#server, 'prevRows', 0);
    this.#server.prompt(true);
  }

  /** node:repl catches what is thrown behind its back and shows it in its own way; here the process's handler does. */
  #withoutDomain(): void {
    const domain: unknown = Reflect.get(this.#server, '_domain');
    if (!(domain instanceof EventEmitter)) return;
    domain.removeAllListeners('error');
    domain.on('error', (error: Error) => process.emit('uncaughtException', error));
  }

  /** node:repl takes a line with a dot in front for a command of its own; here it is a line like any other. */
  #withoutDotCommands(): void {
    const asLine = (_commands: object, keyword: string | symbol): object => ({
      action: (rest: string) => this.#enter(`.${String(keyword)} ${rest}`, () => this.#server.displayPrompt()),
    });
    Object.defineProperty(this.#server, 'commands', { value: new Proxy({}, { get: asLine }) });
  }

  /** Keeps characters from a line that is full, with a note that it must not run without them. */
  #limitLine(): void {
    const server = this.#server;
    const write: unknown = Reflect.get(server, '_ttyWrite');
    if (typeof write !== 'function') return;
    Reflect.set(server, '_ttyWrite', (text: string | undefined, key: { name?: string; ctrl?: boolean }) => {
      if (server.line === '') this.#overflowed = false;
      const inserts = text !== undefined && text >= ' ' && key.name !== 'backspace' && key.ctrl !== true;
      if (inserts && server.line.length + text.length > LONGEST_LINE) this.#overflowed = true;
      else Reflect.apply(write, server, [text, key]);
    });
  }

  /** History in the home directory, readable by its owner alone. Without one the prompt works all the same. */
  #keepHistory(): void {
    if (!this.#server.terminal || !this.#terminal.history) return;
    const path = historyPath();
    if (path === undefined) {
      this.#announce('no history is kept: neither HOME nor the list of users names a home folder');
      return;
    }
    try {
      closeSync(openSync(path, 'a+', 0o600));
    } catch (error) {
      const errno = error instanceof Error && 'code' in error ? String(error.code) : 'error';
      this.#announce(`no history is kept: ${path}: ${errno}`);
      return;
    }
    this.#server.setupHistory(path, () => undefined);
  }
}

/** A candidate as it has to be typed. */
function shielded(text: string): string {
  return /[\s;#"'\\()[\]]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text;
}
