import type { Line } from '../../views/line.js';
import { problemView } from '../../views/errors.js';
import { render } from '../../views/render.js';
import { ChangeMarks } from '../../views/tui/change-marks.js';
import type { Size } from '../../views/tui/layout.js';
import type { View } from '../../views/view.js';
import { describe } from '../report.js';
import type { Look, LookingRun } from './look.js';
import { LOOK_PATIENCE, Pane, type PaneHost } from './pane.js';

/** What one look came to. */
type Outcome = { readonly view: View } | { readonly error: unknown };

/** Command lines that are run again and again: what they answer, one below the other, with what has changed since the look before. */
export class CommandPane extends Pane {
  readonly kind: string = 'command';
  readonly #marks = new ChangeMarks();
  #looks: readonly Look[];
  #outcomes: readonly Outcome[] = [];
  /** How wide the picture was that the marks are of. */
  #columns = 0;
  #taken = false;
  /** What the last look came to, as wide as that. */
  #lines: readonly Line[] = [];
  #refreshing: Promise<void> | undefined;
  /** The look that is being taken. */
  #looking: LookingRun | undefined;

  constructor(host: PaneHost, id: string, looks: readonly Look[], every: number) {
    super(host, id);
    this.#looks = looks;
    this.every = every;
  }

  get title(): string {
    return this.#looks.map(({ line }) => line).join('; ');
  }

  /** Shows something else from now on. */
  protected lookAt(...looks: readonly Look[]): void {
    this.#looks = looks;
    this.#looking?.interrupt();
    this.#marks.forget();
  }

  /** The view as the pane shows it. */
  protected shaped(view: View): View {
    return view;
  }

  /** One look at a time: who asks meanwhile waits for the one that is being taken. */
  override refresh(): Promise<void> {
    this.#refreshing ??= this.#takeLooks();
    return this.#refreshing;
  }

  async #takeLooks(): Promise<void> {
    let outcomes: Outcome[] | undefined;
    // What is no longer to be shown need not be read to its end.
    while (outcomes === undefined) outcomes = await this.#outcomesOf(this.#looks);
    this.#refreshing = undefined;
    this.#looking = undefined;
    this.#outcomes = outcomes;
    this.#taken = true;
    this.host.redraw(LOOK_PATIENCE);
  }

  /** Undefined where the pane has turned to something else meanwhile. */
  async #outcomesOf(looks: readonly Look[]): Promise<Outcome[] | undefined> {
    const outcomes: Outcome[] = [];
    for (const look of looks) {
      this.#looking = look.begin(this.host);
      try {
        outcomes.push({ view: this.shaped(await look.view(this.#looking)) });
      } catch (error) {
        outcomes.push({ error });
      }
      if (looks !== this.#looks) return undefined;
    }
    return outcomes;
  }

  override get progress(): string | undefined {
    return this.#looking?.told;
  }

  override close(): void {
    this.#looking?.interrupt();
  }

  protected body({ columns }: Size): readonly Line[] {
    if (!this.#taken && columns === this.#columns) return this.#lines;
    const lines = this.#outcomes.flatMap((outcome) => [...render(viewOf(outcome, columns), columns)]);
    if (columns !== this.#columns) this.#marks.forget();
    this.#columns = columns;
    if (this.#taken) this.#marks.take(lines);
    this.#taken = false;
    this.#lines = this.#marks.mark(lines);
    return this.#lines;
  }
}

function viewOf(outcome: Outcome, columns: number): View {
  return 'view' in outcome ? outcome.view : problemView(describe(outcome.error).problem, { columns });
}
