import * as v from 'valibot';
import type { PaneBoard, ShownPane } from '../pane-board.js';
import type { Session } from '../session.js';
import { Tally } from '../../vfio/tally.js';
import { UsageError } from '../usage-error.js';
import { CommandPane } from './command-pane.js';
import { InterruptsPane } from './interrupts-pane.js';
import { Look } from './look.js';
import { LookingNames } from './looking-names.js';
import { MemoryPane } from './memory-pane.js';
import type { Pane, PaneHost } from './pane.js';
import { builtInPanes, initialPanes, LEAST_PERIOD, nameOf, type PaneSpec, paneSpec } from './pane-spec.js';
import type { PromptPane } from './prompt-pane.js';
import { RegistersPane } from './registers-pane.js';
import { Refresher } from './refresher.js';
import { loadLayout, savedLayouts, saveLayout } from './saved-layout.js';

/** Milliseconds between two looks of a pane where nobody says. */
const CUSTOMARY_PERIOD = 500;
/** How often the journal is told what the panes have read, in milliseconds. */
const TELL_MS = 60_000;

export interface PaneSetHost extends PaneHost {
  /** Whether a pane is in sight: no other is looked at. */
  isVisible(pane: Pane): boolean;
  /** Names of panes, that which was in use last first. */
  readonly recent: readonly string[];
  /** A pane that was asked for is there: it comes into sight. */
  added(id: string): void;
  /** A pane is gone. */
  removed(id: string): void;
}

/** The panes that there are, with their looks; the prompt is always there. */
export class PaneSet implements PaneBoard {
  readonly refresher: Refresher;
  readonly #session: Session;
  readonly #host: PaneSetHost;
  readonly #prompt: PromptPane;
  readonly #panes: Pane[] = [];
  readonly #specs = new Map<Pane, PaneSpec>();
  /** What they look by; its tally is of what the journal was not told yet. */
  readonly names: LookingNames;
  readonly #telling: NodeJS.Timeout;

  constructor(session: Session, host: PaneSetHost, prompt: PromptPane) {
    this.#session = session;
    this.#host = host;
    this.#prompt = prompt;
    this.names = new LookingNames(session, new Tally());
    this.refresher = new Refresher(
      (pane) => host.isVisible(pane),
      () => host.breathe(),
    );
    for (const spec of initialPanes) this.#add(spec);
    this.#telling = setInterval(() => this.#tell(), TELL_MS);
    this.#telling.unref();
  }

  /** Every pane but the prompt's. */
  get panes(): readonly Pane[] {
    return this.#panes;
  }

  /** Every pane in the order of its number; the prompt is the last. */
  get all(): readonly Pane[] {
    return [...this.#panes, this.#prompt];
  }

  #add(spec: PaneSpec): void {
    const pane = this.#make(spec);
    this.#panes.push(pane);
    this.#specs.set(pane, spec);
    this.refresher.add(pane);
    this.#host.redraw();
  }

  #make(spec: PaneSpec): Pane {
    const session = this.#session;
    const look = (line: string): Look => new Look(session, line, this.names);
    switch (spec.pane) {
      case 'registers':
        return new RegistersPane(this.#host, session, this.names, spec.every);
      case 'memory':
        return new MemoryPane(this.#host, session, this.names, spec.every);
      case 'interrupts':
        return new InterruptsPane(this.#host, session, spec.every);
      case 'iommu':
        return new CommandPane(this.#host, 'iommu', [look('maps'), look('iommu faults')], spec.every);
      case 'command':
        return new CommandPane(this.#host, spec.name, [look(spec.line)], spec.every);
    }
  }

  #remove(pane: Pane): void {
    this.refresher.remove(pane);
    this.#panes.splice(this.#panes.indexOf(pane), 1);
    this.#specs.delete(pane);
    pane.close();
    this.#host.removed(pane.id);
  }

  get shown(): readonly ShownPane[] {
    return this.#panes.map((pane) => {
      const { id: name, title: shows, every = 0 } = pane;
      return { name, shows, every, visible: this.#host.isVisible(pane) };
    });
  }

  async addPane(line: string, every: number | undefined, wanted: string | undefined): Promise<string> {
    const known = initialPanes.find(({ pane }) => pane === builtInPanes.find((each) => each === line.trim()));
    if (every !== undefined && every < LEAST_PERIOD)
      throw new UsageError(`every ${every} ms is too often`, undefined, `--every ${LEAST_PERIOD}ms at the least`);
    const spec: PaneSpec =
      known === undefined
        ? { pane: 'command', name: wanted ?? this.#freeName(line), line, every: every ?? CUSTOMARY_PERIOD }
        : { ...known, every: every ?? known.every };
    if (spec.pane === 'command') await new Look(this.#session, line, this.names).check();
    if (!v.is(paneSpec, spec))
      throw new UsageError(`"${wanted ?? ''}" is no name for a pane`, undefined, 'letters, digits, - and _');
    const name = nameOf(spec);
    if (this.all.some(({ id }) => id === name))
      throw new UsageError(`there is a pane ${name} already`, undefined, `pane remove ${name}, or --name ANOTHER`);
    this.#add(spec);
    this.#host.added(name);
    return name;
  }

  /** The command's own word, with a number where there is such a pane. */
  #freeName(line: string): string {
    const word = /^[A-Za-z][A-Za-z0-9_-]*/.exec(line.trim())?.[0].slice(0, 24) ?? 'pane';
    for (let number = 1; ; number += 1) {
      const name = number === 1 ? word : `${word}${number}`;
      if (!this.all.some(({ id }) => id === name)) return name;
    }
  }

  removePane(name: string): void {
    const pane = this.#panes.find(({ id }) => id === name);
    if (pane !== undefined) {
      this.#remove(pane);
      return;
    }
    const names = this.#panes.map(({ id }) => id).join(', ');
    const hint = names === '' ? 'there is none' : `there are ${names}`;
    throw new UsageError(`there is no pane "${name}" to remove`, undefined, hint);
  }

  saveLayout(name: string, replaces: boolean): string {
    const panes = this.#panes.flatMap((pane) => this.#specs.get(pane) ?? []);
    return saveLayout(name, { panes, recent: this.#host.recent }, replaces);
  }

  async loadLayout(name: string): Promise<void> {
    const { panes: specs, recent } = loadLayout(name);
    // All of them are looked at before any pane goes: a layout that cannot be shown changes nothing.
    for (const spec of specs) if (spec.pane === 'command') await new Look(this.#session, spec.line, this.names).check();
    for (const pane of this.#panes.toReversed()) this.#remove(pane);
    for (const spec of specs) this.#add(spec);
    for (const each of recent.toReversed()) if (this.#panes.some(({ id }) => id === each)) this.#host.added(each);
  }

  get savedLayouts(): readonly string[] {
    return savedLayouts();
  }

  /** Enters the sum of what the panes have read into the journal. */
  #tell(): void {
    const { device } = this.#session;
    const { tally } = this.names;
    if (device !== undefined) tally.enter(device.journal, 'panes');
    Object.assign(tally, { reads: 0, faults: 0, rounds: 0 });
  }

  close(): void {
    clearInterval(this.#telling);
    this.#tell();
    this.refresher.close();
    for (const pane of this.all) pane.close();
  }
}
