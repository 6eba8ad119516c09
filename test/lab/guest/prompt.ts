import assert from 'node:assert/strict';
import { type Ran, type Surroundings, Tool } from './tool.js';

/** The prompt comes where the tool waits for input: 'vfiodbg> ', '0000:00:04.0 region0> '. */
const PROMPT = /(vfiodbg|[\da-f:.]+ \w+)> /g;

/** A vfiodbg without a device that is given one line after the other: starting Node takes a guest longer than most lines. */
export class Prompt implements Disposable {
  readonly tool: Tool;
  #lines = 0;

  constructor(surroundings: Surroundings = {}) {
    this.tool = new Tool(['-i'], surroundings);
  }

  /** Types a line and waits until it is done. @returns what it has printed on standard output. */
  async answer(line: string): Promise<string> {
    const end = `--- line ${(this.#lines += 1)}`;
    const from = this.tool.stdout.length;
    this.tool.type(line);
    this.tool.type(`echo '${end}'`);
    await this.tool.printed('stdout', new RegExp(`${end}\\n`));
    const printed = this.tool.stdout.slice(from).replaceAll(PROMPT, '');
    process.stdout.write(`> ${line}\n`);
    return printed.slice(0, printed.indexOf(end));
  }

  /** Types a line that must do what it says. @returns its `--json`. */
  async json(line: string): Promise<unknown> {
    const printed = await this.answer(`${line} --json`);
    assert.ok(printed.startsWith('{'), `${line}: ${printed}${this.tool.stderr}`);
    return JSON.parse(printed);
  }

  /** Types a line that must be refused. @returns why. */
  async refusal(line: string): Promise<string> {
    const from = this.tool.stderr.length;
    assert.equal(await this.answer(line), '');
    const error = /error: .*\n {2}why: (.*)\n {2}try: .*\n/;
    await this.tool.printed('stderr', new RegExp(`^[^]{${from},}${error.source}`));
    const said = this.tool.stderr.slice(from);
    process.stdout.write(said);
    return error.exec(said)?.[1] ?? '';
  }

  /** Types a line that is to be the tool's last, and waits for the end. */
  async last(line: string): Promise<Ran> {
    this.tool.type(line);
    this.tool.type('quit');
    return this.tool.left();
  }

  [Symbol.dispose](): void {
    this.tool[Symbol.dispose]();
  }
}
