import type { Line } from '../../views/line.js';
import { problemView } from '../../views/errors.js';
import { render } from '../../views/render.js';
import { ChangeMarks } from '../../views/tui/change-marks.js';
import type { Size } from '../../views/tui/layout.js';
import type { View } from '../../views/view.js';
import { describe } from '../report.js';
import type { Look } from './look.js';
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
    this.#marks.forget();
  }

  /** The view as the pane shows it. */
  protected shaped(view: View): View {
    return view;
  }

  override async refresh(): Promise<void> {
    const outcomes: Outcome[] = [];
    for (const look of this.#looks) {
      try {
        outcomes.push({ view: this.shaped(await look.view()) });
      } catch (error) {
        outcomes.push({ error });
      }
    }
    this.#outcomes = outcomes;
    this.#taken = true;
    this.host.redraw(LOOK_PATIENCE);
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
