import { escape } from '../../views/escape.js';
import type { Line } from '../../views/line.js';
import { render } from '../../views/render.js';
import type { View } from '../../views/view.js';
import type { Frame, PaneFrame } from '../../views/tui/frame.js';
import { insideOf } from '../../views/tui/frame.js';
import { layOut, type Layout, type Rect } from '../../views/tui/layout.js';
import type { Key, MouseEvent } from '../../views/tui/key-reader.js';
import { Screen, type ScreenOptions } from '../../views/tui/screen.js';
import { location } from '../arguments.js';
import { Prompt } from '../repl.js';
import type { Session } from '../session.js';
import { type Binding, bindings, labelOf } from './bindings.js';
import { DrawClock } from './draw-clock.js';
import { editIn } from './edit.js';
import { InterruptsPane } from './interrupts-pane.js';
import { JobControl } from './job-control.js';
import { keyHelp, keyLine, whyNothing } from './key-help.js';
import { liveWork } from './live-work.js';
import { MemoryPane } from './memory-pane.js';
import type { Pane } from './pane.js';
import { PaneSearch } from './pane-search.js';
import { titleOf } from './pane-title.js';
import { PaneSet, type PaneSetHost } from './pane-set.js';
import { INITIAL_LAYOUT, savedLayouts } from './saved-layout.js';
import { planOf } from './plan.js';
import { PaneOutput } from './pane-output.js';
import { PromptPane } from './prompt-pane.js';
import { Questions } from './questions.js';
import { StatusLine } from './status-line.js';
import { typedArgument } from './typed-argument.js';

/** Lines that a turn of the wheel scrolls. */
const WHEEL = 3;

/** Keys that work while a question is on the screen. */
const screenKeys: ReadonlySet<string> = new Set(['C-l', 'C-z']);
/** Keys with Alt that the prompt's line editing knows (node:readline). */
const lineKeys: ReadonlySet<string> = new Set(['M-b', 'M-f', 'M-d', 'M-y', 'M-backspace', 'M-delete']);

export interface DashboardOptions extends Pick<ScreenOptions, 'input' | 'output' | 'colour' | 'mouse'> {
  /** Keeps the lines that are typed for the next session. */
  readonly history: boolean;
  /** A failure as text to show, with its line breaks. */
  failureText(error: unknown): Promise<string>;
}

/** The full screen: the panes, who has the keys, and what they do. Its panes show what commands answer; it adds no way to the device. */
export class Dashboard implements PaneSetHost {
  readonly session: Session;
  readonly output: PaneOutput;
  readonly #options: DashboardOptions;
  readonly #screen: Screen;
  readonly #prompt: PromptPane;
  readonly #status: StatusLine;
  readonly #set: PaneSet;
  #focus: string;
  /** Panes as they were last used, the newest first; the prompt is none of them. */
  recent: readonly string[] = [];
  #zoomed = false;
  readonly #questions = new Questions(() => this.redraw());
  readonly search = new PaneSearch(
    this.#questions,
    (text) => this.#status.tell(text),
    (body) => this.#guarded(body),
  );
  /** The prompt's line, once it runs. */
  #line: Prompt | undefined;
  /** What the command line asked for is being carried out, before there is a prompt. */
  #carrying = false;
  /** Where everything lay in the last picture. */
  #placed: Layout['panes'] = [];
  readonly #clock = new DrawClock(() => this.#draw());
  #leave: () => void = () => undefined;
  readonly #jobs = new JobControl({
    give: () => {
      this.#set.refresher.halt(true);
      this.#screen.suspend();
    },
    take: () => {
      // Also where nobody gave it: a process that was stopped by SIGSTOP does not know.
      this.#screen.suspend();
      this.#screen.resume();
      this.#set.refresher.halt(false);
      this.redraw();
    },
  });

  constructor(session: Session, options: DashboardOptions) {
    this.session = session;
    this.#options = options;
    this.#screen = new Screen({
      input: options.input,
      output: options.output,
      colour: options.colour,
      mouse: options.mouse,
      onKey: (key) => this.#onKey(key),
      onMouse: (event) => this.#onMouse(event),
      onPaste: (text) => this.#onPaste(text),
      onResize: () => this.redraw(),
      onEnd: () => this.#leave(),
    });
    this.#prompt = new PromptPane(this, this.#screen.size);
    this.#focus = this.#prompt.id;
    this.#set = new PaneSet(session, this, this.#prompt);
    session.panes = this.#set;
    this.#status = new StatusLine(session, this.#set.names, () => this.redraw());
    this.output = new PaneOutput(this.#prompt.output, {
      told: (text) => this.#status.tell(text),
      progress: (text) => this.progress(text),
    });
  }

  /**
   * Runs until the user leaves. `steps` are carried out first, with what they print in the prompt's pane; where they resolve to false the screen
   * ends with them.
   */
  async run(steps?: () => Promise<boolean>): Promise<void> {
    // The log of interrupts is a pane of its own; at the prompt it would push out what was asked for.
    this.session.announceInterrupts((text) => this.#status.hear(text));
    const left = new Promise<void>((resolve) => {
      this.#leave = resolve;
    });
    this.#status.start();
    if (savedLayouts().includes(INITIAL_LAYOUT)) await this.#guarded(() => this.#set.loadLayout(INITIAL_LAYOUT));
    // At once: what is printed now is as wide as the pane.
    this.#draw();
    try {
      await Promise.race([left, this.#carryOut(steps)]);
    } finally {
      this.close();
    }
  }

  async #carryOut(steps: (() => Promise<boolean>) | undefined): Promise<void> {
    if (steps !== undefined) {
      this.#carrying = true;
      if (!(await steps())) return;
      this.#carrying = false;
    }
    this.#line = new Prompt(this.session, this.output, (error) => this.#fail(error), {
      isFed: false,
      input: this.#prompt.input,
      output: this.#prompt.output,
      history: this.#options.history,
    });
    await this.#line.run();
  }

  /** Gives the terminal back. Safe to call twice. */
  close(): void {
    this.#clock.close();
    this.#jobs.close();
    this.#status.close();
    this.#set.close();
    this.#screen.close();
    this.session.panes = undefined;
  }

  /** The pane that has the keys. */
  get pane(): Pane {
    return this.#set.all.find(({ id }) => id === this.#focus) ?? this.#prompt;
  }

  added(id: string): void {
    this.recent = [id, ...this.recent];
  }

  removed(id: string): void {
    this.recent = this.recent.filter((each) => each !== id);
    if (this.#focus === id) this.#focusOn(this.#prompt.id);
    this.redraw();
  }

  progress(text: string | undefined): void {
    this.#status.progress(text);
  }

  isVisible(pane: Pane): boolean {
    return this.#placed.some(({ id }) => id === pane.id);
  }

  #layOut(): Layout {
    return layOut(this.#screen.size, {
      panes: this.#set.panes,
      prompt: this.#prompt.id,
      focus: this.#focus,
      recent: this.recent,
      zoomed: this.#zoomed,
    });
  }

  // What is drawn.

  redraw(patience?: number): void {
    this.#clock.redraw(patience);
  }

  breathe(): Promise<void> {
    return this.#clock.turn();
  }

  #draw(): void {
    const layout = this.#layOut();
    this.#placed = layout.panes;
    this.#screen.draw(this.#frame(layout));
    this.#set.refresher.seen();
  }

  #frame(layout: Layout): Frame {
    const { size } = this.#screen;
    const dialog = this.#questions.frame(size);
    const panes = layout.panes.map(({ id, rect }) => this.#paneFrame(id, rect));
    const hidden = layout.hidden.map((id) => this.#nameOf(id));
    return {
      size,
      status: this.#status.line(hidden, size.columns),
      panes: dialog === undefined ? panes : panes.map((pane) => ({ ...pane, focused: false })),
      keys: keyLine(this, size.columns),
      ...(dialog !== undefined && { dialog }),
    };
  }

  #paneFrame(id: string, rect: Rect): PaneFrame {
    const pane = this.#set.all.find((each) => each.id === id) ?? this.#prompt;
    const lines = pane.lines(insideOf(rect));
    const focused = id === this.#focus;
    const { cursor } = pane;
    return {
      id,
      rect,
      title: titleOf(pane, this.#set.all.indexOf(pane) + 1),
      lines,
      focused,
      ...(cursor !== undefined && { cursor }),
    };
  }

  #nameOf(id: string): string {
    return `F${this.#set.all.findIndex((pane) => pane.id === id) + 1} ${escape(id)}`;
  }

  // Who has the keys.

  #focusOn(id: string): void {
    if (this.#focus !== this.#prompt.id) this.recent = [this.#focus, ...this.recent.filter((e) => e !== this.#focus)];
    this.#focus = id;
    this.redraw();
  }

  focusNext(step: number): void {
    const all = this.#set.all;
    const at = all.findIndex(({ id }) => id === this.#focus);
    const next = all[(at + step + all.length) % all.length];
    if (next) this.#focusOn(next.id);
  }

  focusAt(index: number): void {
    const pane = this.#set.all[index];
    if (pane) this.#focusOn(pane.id);
    else this.#status.tell(`there are ${this.#set.all.length} panes`);
  }

  focusPrompt(): void {
    this.#focusOn(this.#prompt.id);
  }

  /** From the prompt to the pane that had the keys before it. */
  focusBack(): void {
    const id = this.recent.find((each) => this.#set.panes.some((pane) => pane.id === each)) ?? this.#set.panes[0]?.id;
    if (id !== undefined) this.#focusOn(id);
  }

  toggleZoom(): void {
    this.#zoomed = !this.#zoomed;
    this.redraw();
  }

  // What keys do.

  /** The bindings that work where the keys are now. */
  get bindings(): readonly Binding[] {
    const { kind } = this.pane;
    return bindings.filter(
      ({ where }) => where === 'everywhere' || where === kind || (where === 'panes' && kind !== 'prompt'),
    );
  }

  #onKey(key: Key): void {
    this.#clock.keyCame();
    const binding = this.#bindingOf(key);
    const text = !this.#questions.open && this.pane === this.#prompt;
    if (binding === undefined && key.name.startsWith('M-') && !(text && lineKeys.has(key.name))) {
      // Escape, and a key that came as soon: slow lines deliver them together.
      this.#onKey({ name: 'escape', sequence: key.sequence.slice(0, 1) });
      this.#onKey({ name: key.name.slice(2), sequence: key.sequence.slice(1) });
      return;
    }
    if (this.#questions.open && !screenKeys.has(key.name)) {
      this.#questions.key(key);
      return;
    }
    if (binding === undefined) {
      // What is typed before there is a prompt is for it, but for that which ends what runs.
      if (key.name === 'C-c' && (!text || this.#carrying)) this.#interrupt();
      else if (text) this.#prompt.type(key.sequence);
      else this.#status.tell(whyNothing(key.name));
      return;
    }
    const reason = binding.disabled?.(this);
    if (reason === undefined) void this.#guarded(() => binding.run(this, key.name));
    else this.#status.tell(`${labelOf(binding)}: ${reason}`);
  }

  /** Ends what runs: the command, and the search of this pane. */
  #interrupt(): void {
    const stopped = this.pane.stopSearch();
    if (!this.session.interrupt() && !stopped) this.#status.tell('nothing runs that Ctrl-C could stop; q leaves');
  }

  /** A key of this kind of pane is meant before one of every pane's. */
  #bindingOf({ name }: Key): Binding | undefined {
    const found = this.bindings.filter(({ keys }) => keys.includes(name));
    return found.find(({ where }) => where === this.pane.kind) ?? found[0];
  }

  /** What is pasted is text and no keys, wherever it comes. */
  #onPaste(text: string): void {
    if (this.#questions.open) this.#questions.paste(text);
    else if (this.pane === this.#prompt) this.#prompt.type(text);
    else this.#status.tell('what is pasted goes to the prompt: press : first');
  }

  #onMouse({ action, column, row }: MouseEvent): void {
    if (this.#questions.open) return;
    const at = this.#placed.find(
      ({ rect }) =>
        column >= rect.left && column < rect.left + rect.columns && row >= rect.top && row < rect.top + rect.rows,
    );
    const pane = this.#set.all.find(({ id }) => id === at?.id);
    if (pane === undefined) return;
    if (action === 'press' && pane.id !== this.#focus) this.#focusOn(pane.id);
    if (action === 'wheel-up') pane.scroll(-WHEEL);
    if (action === 'wheel-down') pane.scroll(WHEEL);
  }

  async #guarded(body: () => void | Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      this.#status.tell(await this.#options.failureText(error));
    }
  }

  async #fail(error: unknown): Promise<void> {
    await this.output.write(await this.#options.failureText(error));
  }

  /** Shows text that comes by itself above the line that is being typed. */
  interject(text: string): void {
    const show = (): boolean => this.#prompt.output.write(text.endsWith('\n') ? text : `${text}\n`);
    if (this.#line) this.#line.interject(show);
    else show();
  }

  askPlace(): void {
    const { pane } = this;
    if (!(pane instanceof MemoryPane)) return;
    this.#questions.ask('go to: region0 0x100, ring 0x40, CTRL', pane.place, (text) => {
      pane.goTo(typedArgument(location('a place'), text, this.session));
      return undefined;
    });
  }

  /** Why nothing can be edited now; undefined where something can. */
  get whyNoEdit(): string | undefined {
    if (this.#carrying) return 'what the command line asked for is still running';
    const edit = editIn(this.pane, this.session);
    return typeof edit === 'string' ? edit : undefined;
  }

  /** Asks what the chosen field is to be, shows the write that this comes to, and makes it when that is wanted. */
  askEdit(): void {
    const edit = editIn(this.pane, this.session);
    if (typeof edit === 'string') return;
    this.#questions.ask(escape(edit.title), edit.value, async (text) => {
      const line = edit.line(text);
      const plan = await planOf(this.session, line);
      this.#questions.afterwards(() => this.#confirmWrite(line, plan));
      return undefined;
    });
  }

  #confirmWrite(line: string, plan: View): void {
    const shown: Line[] = [[{ text: escape(line), role: 'heading' }], ...render(plan, this.#screen.size.columns - 4)];
    this.#questions.confirm('write this?', shown, () => this.#line?.submit(line));
  }

  exportLog(): void {
    const { pane } = this;
    if (!(pane instanceof InterruptsPane)) return;
    this.#questions.ask('write the log to', 'vfiodbg-log.txt', (path) => {
      this.#status.tell(`${pane.export(path)} lines were written to ${path}`);
      return undefined;
    });
  }

  /** By the terminal itself: over ssh it is the user's own clipboard. Source: xterm's control sequences, OSC 52. */
  copy(): void {
    const { text } = this.pane;
    this.#screen.write(`\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`);
    this.#status.tell(`copied: ${text.split('\n').length} lines, if the terminal takes OSC 52`);
  }

  repaint(): void {
    this.#screen.repaint();
    this.redraw();
  }

  suspend(): void {
    this.#jobs.stop();
  }

  showKeys(): void {
    this.#questions.tell('keys', keyHelp(this));
  }

  askQuit(): void {
    const cut = this.#carrying ? ['what the command line asked for is still running'] : [];
    const live = [...cut, ...liveWork(this.session)];
    if (live.length === 0) {
      this.#leave();
      return;
    }
    const lines = live.map((text): Line => [{ text, role: 'plain' }]);
    this.#questions.confirm('leave all the same?', lines, () => this.#leave());
  }

  /** All that stands in the prompt's pane, also what has been scrolled out of sight. */
  get history(): string {
    return this.#prompt.text;
  }

  /** What stands on the screen, a row a string. */
  get picture(): readonly string[] {
    return this.#screen.text;
  }
}
