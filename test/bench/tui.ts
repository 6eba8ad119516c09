// The full screen on a terminal, watched from outside (/proc): what it costs while four panes look ten times a second at sim:sram and interrupts
// come, what it has taken when 100,000 have come, and how long a key takes to its echo in a storm. A day is ten minutes here, and these are
// compressed: the processor's share is that of RATE interrupts a second, as 100,000 in ten minutes are; the rest of them then comes faster.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { initialPanes } from '../../src/repl/tui/pane-spec.js';
import { TerminalCapture } from '../../tools/terminal-capture.js';
import { vfiodbg } from './programs.js';
import { type Row, atMost } from './report.js';
import { quantile } from './rounds.js';

const PERIOD_MS = 100;
const INTERRUPTS = 100_000;
const RATE = Math.ceil(INTERRUPTS / 600);
const FAST_RATE = 2500;
const SHARE_MS = 30_000;
/** Before the share is taken, in which code is still being compiled: little of ten minutes, and half of what is looked at here. */
const SETTLE_MS = 15_000;
const SHARE_LIMIT = 10;
const RESIDENT_LIMIT_MB = 150;
const KEYS = 300;
const KEY = '^';
const LINE = 40;
const ECHO_LIMIT_MS = 50;
const PATIENCE_MS = 60_000;
/** More than a storm sends while it is looked at. */
const ENDLESS = 0x7fff_ffff;
/** Source: proc_pid_stat(5), in ticks of USER_HZ. */
const TICK_MS = 10;

class FullScreen {
  readonly #home = mkdtempSync(join(tmpdir(), 'vfiodbg-tui-'));
  readonly #terminal: TerminalCapture;
  #marks = 0;

  constructor() {
    const layout = join(this.#home, '.config/vfiodbg/layouts/default.json');
    mkdirSync(dirname(layout), { recursive: true });
    const panes = initialPanes.map((pane) => ({ ...pane, every: PERIOD_MS }));
    writeFileSync(layout, JSON.stringify({ format: 'vfiodbg-layout', version: 1, panes }));
    const env = {
      ...process.env,
      HOME: this.#home,
      XDG_CONFIG_HOME: undefined,
      NO_COLOR: undefined,
      TERM: 'xterm-256color',
    };
    this.#terminal = new TerminalCapture([process.execPath, vfiodbg, '--tui', 'sim:sram'], {
      columns: 132,
      rows: 43,
      env,
    });
  }

  async ready(): Promise<void> {
    await this.#terminal.until((text) => text.includes('sim:sram region0>') && text.includes('00000000: '));
  }

  /** Runs a line at the prompt, and waits for its end. */
  async enter(line: string): Promise<void> {
    this.#marks += 1;
    const mark = `mark${this.#marks}`;
    this.#terminal.type(`${line}; echo ${mark}\r`);
    await this.#terminal.until((text) => text.includes(`│${mark} `), PATIENCE_MS);
  }

  /** Milliseconds from one more key at the prompt to its echo. */
  async echo(): Promise<number> {
    const signs = (text: string): number => text.split(KEY).length;
    const before = signs(this.#terminal.text);
    const begun = performance.now();
    this.#terminal.type(KEY);
    await this.#terminal.until((text) => signs(text) > before, PATIENCE_MS);
    return performance.now() - begun;
  }

  /** Takes away what is typed. */
  async clear(): Promise<void> {
    this.#terminal.type('\u0015');
    await this.#terminal.until((text) => !text.includes(KEY), PATIENCE_MS);
  }

  /** Milliseconds of processor time so far, of all threads. */
  get processorMs(): number {
    const stat = readFileSync(`/proc/${this.#terminal.pid}/stat`, 'utf8');
    const [user = 0, system = 0] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return (user + system) * TICK_MS;
  }

  get residentMb(): number {
    const status = readFileSync(`/proc/${this.#terminal.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1000;
  }

  /** The part of one processor that it takes while `ms` go by, in per cent. */
  async share(ms: number): Promise<number> {
    const [before, begun] = [this.processorMs, performance.now()];
    await sleep(ms);
    return ((this.processorMs - before) / (performance.now() - begun)) * 100;
  }

  async close(): Promise<void> {
    await this.#terminal.close();
    rmSync(this.#home, { recursive: true });
  }
}

/** Lets the device send `count` interrupts over all vectors, `rate` of them a second, 0 for as many as it can. */
async function burst(screen: FullScreen, count: number, rate: number): Promise<void> {
  for (const line of [`poke region1 0x104 ${count}`, `poke region1 0x10c ${rate}`, 'poke region1 0x100 0'])
    await screen.enter(line);
}

/** Milliseconds from a key to its echo, sorted. */
async function echoes(screen: FullScreen): Promise<number[]> {
  const times: number[] = [];
  for (let key = 0; key < KEYS; key += 1) {
    times.push(await screen.echo());
    // No two keys at the same time between two pictures.
    await sleep(20 + ((key * 7) % 40));
    if (key % LINE === LINE - 1 || key === KEYS - 1) await screen.clear();
  }
  return times.sort((a, b) => a - b);
}

export async function run(): Promise<Row[]> {
  const screen = new FullScreen();
  try {
    await screen.ready();
    await sleep(2000);
    const idle = await screen.share(SHARE_MS / 3);
    const quiet = await echoes(screen);
    for (const line of ['irq storm 0', 'dma enable', 'irq enable msix 32', 'poke region1 0x108 32'])
      await screen.enter(line);
    const first = Math.ceil((RATE * (SETTLE_MS + SHARE_MS + 4000)) / 1000);
    await burst(screen, first, RATE);
    await sleep(SETTLE_MS);
    const before = screen.residentMb;
    const share = await screen.share(SHARE_MS);
    await sleep(5000);
    await burst(screen, INTERRUPTS - first, FAST_RATE);
    await sleep(((INTERRUPTS - first) / FAST_RATE) * 1000 + 1000);
    await screen.enter(`wait region1 0x118 == ${INTERRUPTS} --timeout 60s`);
    const resident = screen.residentMb;
    await burst(screen, ENDLESS, 0);
    await sleep(1000);
    const stormy = await echoes(screen);
    const rate = `${RATE} interrupts a second`;
    return [
      {
        name: `full screen, 4 panes at 10 Hz on sim:sram, ${rate}: share of one processor`,
        measured: `${share.toFixed(1)} %`,
        reference: `${idle.toFixed(1)} %`,
        ratio: share / idle,
        limit: atMost(share, SHARE_LIMIT, '%'),
      },
      {
        name: `full screen, after ${INTERRUPTS / 1000}k interrupts: resident memory`,
        measured: `${resident.toFixed(0)} MB`,
        reference: `${before.toFixed(0)} MB`,
        ratio: resident / before,
        limit: atMost(resident, RESIDENT_LIMIT_MB, 'MB'),
      },
      ...[0.5, 0.99].map((part): Row => {
        const [measured, reference] = [quantile(stormy, part), quantile(quiet, part)];
        return {
          name: `full screen in a storm: key to echo, ${part === 0.5 ? 'median' : '99th percentile'}`,
          measured: `${measured.toFixed(1)} ms`,
          reference: `${reference.toFixed(1)} ms`,
          ratio: measured / reference,
          ...(part > 0.5 && { limit: atMost(measured, ECHO_LIMIT_MS, 'ms') }),
        };
      }),
    ];
  } finally {
    await screen.close();
  }
}
