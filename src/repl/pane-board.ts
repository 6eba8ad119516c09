/** A pane of the full screen, as `pane` lists it. */
export interface ShownPane {
  readonly name: string;
  /** The command line that it shows; what it is, where it is more than that. */
  readonly shows: string;
  /** Milliseconds between two looks. */
  readonly every: number;
  readonly visible: boolean;
}

/** The panes of the full screen, for the commands that arrange them. */
export interface PaneBoard {
  readonly shown: readonly ShownPane[];
  /** Adds a pane that shows what `line` answers, or a built-in one by its name; resolves to its name. Rejects with UsageError. */
  addPane(line: string, every: number | undefined, name: string | undefined): Promise<string>;
  /** Takes the pane of that name away. Throws UsageError where there is none. */
  removePane(name: string): void;
  /** Throws VfioError where one of that name is there that is not to be replaced. @returns the file that the arrangement was saved in. */
  saveLayout(name: string, replaces: boolean): string;
  loadLayout(name: string): Promise<void>;
  readonly savedLayouts: readonly string[];
}
