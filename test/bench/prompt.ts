// The prompt while a storm of interrupts runs: how long `peek` takes from Enter to its answer, on a real terminal. The storm comes from a
// thread of the tool's own process, then from another process.
import { spawn as spawnProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import { scratchFile, vfiodbg } from './programs.js';
import { type Row, atMost } from './report.js';
import { quantile } from './rounds.js';

const PEEKS = 60;
const PAUSE_MS = 50;
const LIMIT_MS = 50;
const PATIENCE_MS = 20_000;
/** More than a storm sends while it is looked at. */
const BURST = 0x7fff_ffff;

// oxlint-disable-next-line no-control-regex
const controls = /\u001b\[[0-9;?]*[A-Za-z]/g;

/** The tool's prompt on a terminal of its own. */
class Prompt {
  readonly #pty: IPty;
  readonly #home = mkdtempSync(join(tmpdir(), 'vfiodbg-prompt-'));
  readonly #ended: Promise<void>;
  #seen = '';
  #wake: (() => void) | undefined;

  constructor(device: string) {
    const env = { ...process.env, HOME: this.#home, NO_COLOR: '1', TERM: 'xterm-256color' };
    this.#pty = spawn(process.execPath, [vfiodbg, device], { cols: 100, rows: 30, env });
    this.#pty.onData((data) => {
      this.#seen += data;
      this.#wake?.();
    });
    this.#ended = new Promise((resolve) => {
      this.#pty.onExit(() => resolve());
    });
  }

  /** Types a line, and waits for what `answer` matches; milliseconds from Enter to there, and the match. */
  async ask(line: string, answer: RegExp): Promise<{ readonly ms: number; readonly match: RegExpExecArray }> {
    this.#seen = '';
    const begun = performance.now();
    if (line !== '') this.#pty.write(`${line}\r`);
    for (;;) {
      const match = answer.exec(this.#seen.replace(controls, ''));
      const ms = performance.now() - begun;
      if (match) return { ms, match };
      if (ms > PATIENCE_MS) throw new Error(`no answer to ${JSON.stringify(line)}: ${JSON.stringify(this.#seen)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, PATIENCE_MS - ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async close(): Promise<void> {
    this.#pty.kill();
    await this.#ended;
    rmSync(this.#home, { recursive: true });
  }
}

const SENT = /region1\+0x118\)?: 0x([0-9a-f]+)/;

async function peeks(prompt: Prompt): Promise<number[]> {
  const times: number[] = [];
  for (let count = 0; count < PEEKS; count += 1) {
    times.push((await prompt.ask('peek region0 0x100', /region0\+0x100\)?: 0x[0-9a-f]{8}/)).ms);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return times.sort((a, b) => a - b);
}

export async function run(): Promise<Row[]> {
  const rows = await inStorm('sim:sram', 'a thread');
  const socket = scratchFile('sram.sock');
  const server = spawnProcess(process.execPath, [vfiodbg, 'serve', 'sim:sram', '--socket', socket], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    await once(server.stderr, 'data');
    return [...rows, ...(await inStorm(socket, 'another process'))];
  } finally {
    server.kill('SIGKILL');
  }
}

async function inStorm(device: string, from: string): Promise<Row[]> {
  const prompt = new Prompt(device);
  try {
    const ready = /\S+ \S+> $/;
    await prompt.ask('', ready);
    // The first loads the command.
    await prompt.ask('peek region0 0x100', ready);
    const quiet = await peeks(prompt);
    for (const line of [
      'irq storm 0',
      'dma enable',
      'irq enable msix 32',
      `poke region1 0x104 ${BURST}`,
      'poke region1 0x108 32',
    ]) {
      await prompt.ask(line, ready);
    }
    const sent = async (): Promise<number> =>
      Number.parseInt((await prompt.ask('peek.q region1 0x118', SENT)).match[1] ?? '', 16);
    await prompt.ask('poke region1 0x100 0', /region1\+0x100\)?: <-/);
    const [before, begun] = [await sent(), performance.now()];
    const stormy = await peeks(prompt);
    const rate = (((await sent()) - before) * 1000) / (performance.now() - begun);
    const storm = `in a storm of ${Math.round(rate / 1000)}k/s from ${from}`;
    const row = (name: string, part: number, most?: number): Row => {
      const [measured, reference] = [quantile(stormy, part), quantile(quiet, part)];
      return {
        name: `answer to peek at the prompt ${storm}, ${name}`,
        measured: `${measured.toFixed(1)} ms`,
        reference: `${reference.toFixed(1)} ms`,
        ratio: measured / reference,
        ...(most !== undefined && { limit: atMost(measured, most, 'ms') }),
      };
    };
    return [row('median', 0.5), row('worst', 1, LIMIT_MS)];
  } finally {
    await prompt.close();
  }
}
