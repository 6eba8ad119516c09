import type { BlockOptions } from './block-run.js';
import { type Opener, nesting } from './nesting.js';
import { type BlockLine, compile } from './program.js';
import type { Prepared, Runner, RunOptions } from './runner.js';
import { UsageError } from './usage-error.js';

/** Lines of one block, at the most: a block is held as a whole, and an end that is missing makes one of all that follows. */
const MOST_LINES = 100_000;

/** Takes lines one by one. Each runs when it comes, but those of a block: they run when it ends. */
export class LineReader {
  readonly #runner: Runner;
  readonly #options: RunOptions;
  readonly #blocks: BlockOptions;
  #lines: BlockLine[] = [];
  #open: readonly Opener[] = [];

  constructor(runner: Runner, options: RunOptions, blocks: BlockOptions = {}) {
    this.#runner = runner;
    this.#options = options;
    this.#blocks = blocks;
  }

  /** The blocks that are open, the outermost first. */
  get open(): readonly Opener[] {
    return this.#open;
  }

  /**
   * Takes a line, and runs what is whole by now. Returns nothing where that was done at once, else a promise of its end. Throws, or rejects
   * with, what Session.execute does; a line that cannot be understood is left out then, and the block goes on without it.
   */
  feed(text: string, number: number): void | Promise<void> {
    const prepared = this.#runner.prepare(text, this.#options);
    if ('load' in prepared) return this.#runner.load(prepared.load).then(() => this.feed(text, number));
    if (!prepared.control && this.#open.length === 0) return this.#runner.run(prepared);
    return this.#gather(prepared, number);
  }

  /** Forgets the block that is open. */
  drop(): void {
    this.#lines = [];
    this.#open = [];
  }

  #gather(prepared: Prepared, number: number): void | Promise<void> {
    this.#open = nesting(prepared.text, prepared.statements, number, this.#open);
    this.#lines.push({ prepared, number });
    const [outermost] = this.#open;
    if (outermost === undefined) {
      const lines = this.#lines;
      this.drop();
      return this.#runner.runBlocks(compile(lines), this.#blocks);
    }
    if (this.#lines.length < MOST_LINES) return;
    this.drop();
    const { word, unended } = outermost;
    throw new UsageError(
      `the block of this "${word}" has more than ${MOST_LINES} lines`,
      unended,
      'is an end missing?',
    );
  }
}
